"""Backdrop and movie files of a person whom the studio films."""

from __future__ import annotations

from collections.abc import Iterable
from fractions import Fraction
from pathlib import Path

import numpy as np
from scipy.ndimage import gaussian_filter

from ..core.audio import SPEECH_RATE_HZ
from .dataset.layout import HELD_OUT, TRAIN
from .movie_file import movie

# By part: its movie file, and the first letter of its frames' names.
FILMS = {TRAIN: ("video.mp4", "v"), HELD_OUT: ("held_out.mp4", "h")}

BACKDROP_STREAM, GRAIN_STREAM = 73, 74
# How far out of focus the room is, and how strong the sensor's grain (of 255).
BLUR, GRAIN = 0.035, 0.8


def backdrop(seed: int, side_px: int) -> np.ndarray:
    """A room far out of focus, sRGB [H, W, 3] in [0, 1]: wall, furniture, a lamp or a window."""
    rng = np.random.default_rng([seed, BACKDROP_STREAM])
    rows, columns = np.mgrid[0:side_px, 0:side_px] / side_px
    wall = rng.uniform(0.35, 0.65) + rng.uniform(-0.06, 0.06, 3)
    fall = rng.uniform(-0.25, 0.25) * (columns - 0.5) + rng.uniform(0.0, 0.2) * (0.5 - rows)
    room = wall + fall[..., None]
    for _ in range(int(rng.integers(5, 9))):
        left, top = rng.uniform(-0.1, 0.9, 2)
        wide, high = rng.uniform(0.08, 0.4, 2)
        inside = (columns > left) & (columns < left + wide) & (rows > top) & (rows < top + high)
        tint = rng.uniform(0.12, 0.8) + rng.uniform(-0.1, 0.1, 3)
        room[inside] = 0.35 * room[inside] + 0.65 * tint
    x, y, size = rng.uniform(0.0, 1.0), rng.uniform(0.0, 0.5), rng.uniform(0.06, 0.16)
    glow = np.exp(-((columns - x) ** 2 + (rows - y) ** 2) / (2 * size**2))
    room += 0.35 * glow[..., None] * np.array([1.0, 0.95, 0.85])
    return np.clip(gaussian_filter(room, (BLUR * side_px, BLUR * side_px, 0)), 0.0, 1.0)


def filmed(rgba: np.ndarray, room: np.ndarray, grain: np.random.Generator) -> np.ndarray:
    """What the camera writes: RGB uint8 [H, W, 3] of a straight-alpha picture before the room."""
    alpha = rgba[..., 3:] / 255.0
    colors = rgba[..., :3] * alpha + 255.0 * room * (1.0 - alpha)
    noisy = colors + GRAIN * grain.standard_normal((*rgba.shape[:2], 1))
    return np.round(np.clip(noisy, 0.0, 255.0)).astype(np.uint8)


def write_movie(
    path: Path, frames: Iterable[np.ndarray], waveform: np.ndarray, fps: Fraction
) -> None:
    """H.264 and AAC in an MP4 of RGB frames [H, W, 3] and mono sound [S] at 16 kHz."""
    with movie(path, fps, samples=waveform, rate_hz=SPEECH_RATE_HZ) as write:
        for pixels in frames:
            write(pixels)
