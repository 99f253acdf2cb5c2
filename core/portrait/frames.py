"""The frames of a portrait as PNG files that are never half written, drawn where they are not there yet."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
from jaxtyping import Float32, UInt8

from ..picture_files import is_whole
from ..png_files import write_png
from ..progress import Progress
from ..synthetic import note_fields
from .chunks import PortraitFilm, chunk_with
from .model import PortraitStopped

# Reach of the kernel that pictures are resampled with, in pixels of the coarser one (Duchon 1979).
LANCZOS_REACH = 3.0


@dataclass(frozen=True)
class FrameFiles:
    """Where the frames go, `(frame, file)` each, how large they are, and what they say of themselves."""

    paths: Sequence[tuple[int, Path]]
    side_px: int
    note: str


def write_frames(film: PortraitFilm, files: FrameFiles, progress: Progress | None = None) -> int:
    """Draw the frames of `film` whose files are not there whole; returns how many were.

    `progress` may stop it (`PortraitStopped`): finished files stay, and the same call goes on from there.
    """
    missing = {frame: path for frame, path in files.paths if not is_whole(path)}
    chunks = list(dict.fromkeys(chunk_with(frame, film.frames) for frame in missing))
    fields = note_fields(files.note)
    for done, chunk in enumerate(chunks):
        pictures = film.draw(chunk, _part(progress, done, len(chunks)))
        for frame in sorted(missing.keys() & pictures.keys()):
            write_png(missing[frame], resized(pictures[frame], files.side_px), fields)
    if progress is not None and progress(1.0) is False:
        raise PortraitStopped("Drawing the portrait was stopped: start it again when needed.")
    return len(missing)


def resized(picture: UInt8[np.ndarray, "S S 3"], side_px: int) -> UInt8[np.ndarray, "R R 3"]:
    """The square picture with another side, by Lanczos's kernel along rows and columns."""
    if len(picture) == side_px:
        return picture
    weights = _resampling(len(picture), side_px)
    rows = np.tensordot(weights, picture.astype(np.float32), axes=(1, 0))
    both = np.tensordot(weights, rows, axes=(1, 1)).transpose(1, 0, 2)
    return np.clip(both + np.float32(0.5), 0, 255).astype(np.uint8)


@cache
def _resampling(side_px: int, wanted_px: int) -> Float32[np.ndarray, "R S"]:
    """What each of `side_px` pixels gives to each of `wanted_px`; rows sum to 1."""
    coarser = max(side_px / wanted_px, 1.0)
    places = (np.arange(wanted_px) + 0.5) * side_px / wanted_px
    distances = (places[:, None] - np.arange(side_px) - 0.5) / coarser
    weights = np.sinc(distances) * np.sinc(distances / LANCZOS_REACH)
    weights[np.abs(distances) >= LANCZOS_REACH] = 0.0
    return (weights / weights.sum(1, keepdims=True)).astype(np.float32)


def _part(progress: Progress | None, done: int, total: int) -> Progress | None:
    """The progress of the chunk number `done` of `total`."""
    if progress is None:
        return None
    return lambda share: progress((done + share) / total)
