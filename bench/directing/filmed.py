"""What a video tells of the units that a head shows in it: films of every unit alone, read back by the encoder."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
from gaussian_heads.core.assets import avatar_path
from gaussian_heads.core.avatar import Avatar
from gaussian_heads.core.monocular.video import encode_video
from gaussian_heads.core.render import render
from gaussian_heads.core.spaces import ACTION_UNITS, au_to_arkit
from gaussian_heads.training.acting_sheet import BACKGROUND, head_camera
from gaussian_heads.training.movie_file import movie

FPS, SIDE_PX = Fraction(25), 384
# Frames of rest, and of each unit: it comes, stays at `SHOWN` for as long, and goes.
FRAMES, RISE, SHOWN = 14, 4, 4.0
MIDDLE = slice(5, 9)


def read_back(references: Sequence[str]) -> dict[str, Any]:
    """By head: what the encoder reads of each unit shown at 4, over the face at rest, of itself and of all others."""
    found: dict[str, Any] = {}
    with tempfile.TemporaryDirectory() as folder:
        for number, reference in enumerate(references):
            avatar, path = Avatar.open(avatar_path(reference)), Path(folder) / f"{number}.mp4"
            _film(avatar, path)
            units = encode_video(path).action_units()
            rest = units[MIDDLE].mean(0)
            rows = []
            for column in range(len(ACTION_UNITS)):
                begin = FRAMES * (column + 1)
                rows.append(units[begin + MIDDLE.start : begin + MIDDLE.stop].mean(0) - rest)
            found[avatar.name] = np.round(rows, 3).tolist()
    return found


def _film(avatar: Avatar, path: Path) -> None:
    shapes = au_to_arkit() @ avatar.control_offsets("arkit52")
    camera = head_camera(avatar, SIDE_PX)
    ramp = np.minimum(np.arange(FRAMES), np.arange(FRAMES)[::-1]) / RISE
    with movie(path, FPS, samples=None) as write:
        for row in (np.zeros_like(shapes[0]), *shapes):
            for share in np.minimum(ramp, 1.0):
                head = avatar.decode((SHOWN * share * row).astype(np.float32), None)
                drawn = render(head, camera, backend="cpu", background=BACKGROUND).colors
                write(np.round(255 * np.clip(drawn, 0.0, 1.0)).astype(np.uint8))
