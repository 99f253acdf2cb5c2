"""The 68 landmarks of a head frame by frame, as a table (.csv) or arrays (.npz)."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Literal

import numpy as np
from jaxtyping import Bool, Float32, Float64, Int64

from ..array_files import write_arrays
from ..errors import TrackError
from ..files import replace_on_success
from ..landmarks import NUM_LANDMARKS

FORMAT, VERSION = "gaussian_heads.landmarks", 1
SUFFIXES = (".csv", ".npz")
MARKUP = "iBUG 300-W, 68 points counted from 0"
SPACES = {
    "avatar": "avatar frame: +Y up, +Z out of the face, +X to the person's left, origin between the eyes",
    "world": "Blender's world: +Z up",
}
PIXELS = "from the top left corner of the picture, the first pixel's centre at (0.5, 0.5)"


@dataclass(frozen=True, eq=False)
class SeenLandmarks:
    """Where a camera of `size_px` (width, height) sees landmarks: pixels from the top left, pixel centres at +0.5.

    Points that are not before the camera have the pixels NaN.
    """

    points_px: Float32[np.ndarray, "T 68 2"]
    is_before: Bool[np.ndarray, "T 68"]
    size_px: tuple[int, int]


@dataclass(frozen=True, eq=False)
class LandmarkMotion:
    """Landmarks (m, order of iBUG's 300-W markup) of the head `avatar` on `frames`, at `times_sec` and `fps` a second.

    `space` says in which axes: "avatar" or "world". `seen` is there where a camera is.
    """

    avatar: str
    frames: Int64[np.ndarray, " T"]
    times_sec: Float64[np.ndarray, " T"]
    fps: Fraction
    points_m: Float32[np.ndarray, "T 68 3"]
    space: Literal["avatar", "world"]
    seen: SeenLandmarks | None = None


def write_landmarks(motion: LandmarkMotion, path: Path) -> None:
    """Write `motion` as a table or as arrays, by the ending of `path`; raises `TrackError` for another one.

    The table has `frame`, `time_sec`, `x_0`, `y_0`, `z_0` to `z_67` in metres and, of what a camera sees, `u_0`, `v_0` to
    `v_67` in pixels (empty behind the camera) and `before_0` to `before_67` (1 or 0). The arrays are `frames [T]`,
    `times_sec [T]`, `points_m [T, 68, 3]`, `fps` and `header` (JSON), and `points_px [T, 68, 2]`,
    `is_before_camera [T, 68]` and `size_px [2]`.
    """
    check_suffix(path)
    if path.suffix.lower() == ".npz":
        _write_arrays(motion, path)
        return
    with replace_on_success(path) as temporary:
        _write_table(motion, temporary)


def check_suffix(path: Path) -> None:
    """Refuse names with another ending than `SUFFIXES`."""
    if path.suffix.lower() not in SUFFIXES:
        raise TrackError(
            f"Landmarks are written as {' or '.join(SUFFIXES)}, not '{path.name}': change the name's ending."
        )


def _write_arrays(motion: LandmarkMotion, path: Path) -> None:
    header = {
        "format": FORMAT,
        "version": VERSION,
        "avatar": motion.avatar,
        "space": motion.space,
        "axes": SPACES[motion.space],
        "units": {"points_m": "m", "times_sec": "s", "points_px": "px"},
        "pixels": PIXELS,
        "markup": MARKUP,
        "fps": [motion.fps.numerator, motion.fps.denominator],
    }
    arrays = {
        "frames": motion.frames,
        "times_sec": motion.times_sec,
        "points_m": motion.points_m,
        "fps": np.array(float(motion.fps)),
    }
    if motion.seen is not None:
        arrays["points_px"] = motion.seen.points_px
        arrays["is_before_camera"] = motion.seen.is_before
        arrays["size_px"] = np.array(motion.seen.size_px)
    write_arrays(path, arrays | {"header": np.array(json.dumps(header))})


def _write_table(motion: LandmarkMotion, path: Path) -> None:
    with path.open("w", newline="", encoding="utf8") as stream:
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow(_columns(motion.seen is not None))
        writer.writerows(_rows(motion))


def _columns(is_seen: bool) -> list[str]:
    points = range(NUM_LANDMARKS)
    names = ["frame", "time_sec", *(f"{axis}_{i}" for i in points for axis in "xyz")]
    if is_seen:
        names += [
            *(f"{axis}_{i}" for i in points for axis in "uv"),
            *(f"before_{i}" for i in points),
        ]
    return names


def _rows(motion: LandmarkMotion) -> Iterator[list[str]]:
    for row, (frame, time_sec) in enumerate(zip(motion.frames, motion.times_sec, strict=True)):
        cells = [str(frame), f"{time_sec:.6f}"]
        cells += [f"{value:.7f}" for value in motion.points_m[row].ravel()]
        if motion.seen is not None:
            pixels = motion.seen.points_px[row].ravel()
            cells += ["" if np.isnan(value) else f"{value:.4f}" for value in pixels]
            cells += [str(int(is_before)) for is_before in motion.seen.is_before[row]]
        yield cells
