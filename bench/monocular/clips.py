"""Filmed speakers: the video, what a tracker measured in it, and what is said when."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from gaussian_heads.core.errors import GaussianHeadsError
from gaussian_heads.training.speech_recordings import read_phones

TRACKED_HZ = 25
PLOSIVES = ("P", "B", "M")


class BenchmarkError(GaussianHeadsError):
    """Data that the benchmark cannot use."""


@dataclass(frozen=True)
class FilmedClip:
    """One speaker. Lip gap and mouth width are the tracker's, in outer eye corners' distances, `[T]`.

    `blink` is the mean of its eyeBlink weights `[T]`; `plosives` are start and end of each p, b and m.
    """

    name: str
    path: Path
    lip_gap: np.ndarray
    mouth_width: np.ndarray
    blink: np.ndarray
    plosives: tuple[tuple[float, float], ...]


def filmed_clips(data: Path) -> list[FilmedClip]:
    """The speakers of `video/grid`."""
    folder = Path(data) / "video" / "grid"
    paths = {path.stem: path for path in sorted(folder.glob("*.mpg"))}
    files = [folder / "mouth_25fps.npz", folder / "mediapipe_arkit_25fps.npz"]
    missing = [path for path in files if not path.is_file()]
    if missing or not paths:
        raise BenchmarkError(
            f"There are no filmed speakers with tracked faces in '{folder}': complete the data."
        )
    clips = []
    with np.load(files[0]) as mouth, np.load(files[1]) as weights:
        names = list(weights["names"])
        blinks = [names.index(f"eyeBlink{side}") for side in ("Left", "Right")]
        for name, path in paths.items():
            phones = read_phones(folder / "phones" / f"{name}.json")
            clips.append(
                FilmedClip(
                    name,
                    path,
                    mouth[f"{name}_lip_gap"].astype(float),
                    mouth[f"{name}_mouth_width"].astype(float),
                    weights[f"{name}_w"][:, blinks].mean(1).astype(float),
                    tuple((start, end) for phone, start, end in phones if phone in PLOSIVES),
                )
            )
    return clips
