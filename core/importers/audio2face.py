"""Blendshape solves as JSON: NVIDIA Audio2Face in its versions, and others that name poses and frames."""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction
from pathlib import Path

import numpy as np
from jaxtyping import Float64

from ..errors import TrackError
from ..expression import MAX_FRAMES, ExpressionTrack
from ..json_text import parse_json
from ..livelink import LEAST_COLUMNS, rate_of
from ..spaces import ARKIT_SPACE
from ..spaces.matrices import arkit_matrix
from ..spaces.shape_names import performance_weights
from ..tables import bridge_gaps, read_text
from ..timing import frame_rate

# What versions and tools call the same things.
NAME_KEYS = ("facsNames", "names", "blendshapeNames", "blendshape_names", "blendShapeNames")
FRAME_KEYS = ("weightMat", "frames", "weights", "animation_frames")
RATE_KEYS = ("exportFps", "fps", "frameRate", "frame_rate")
TIME_KEYS = ("timeCode", "time_code", "timecode", "time", "timestamp")
SHAPE_KEYS = ("blendShapes", "blendshapes", "weights", "values")
# Largest weight that is taken for one.
MOST_WEIGHT = 10.0

Solve = tuple[list[str], np.ndarray, np.ndarray | None, object]


def read_audio2face_json(path: Path, fps: Fraction | None = None) -> ExpressionTrack:
    """A blendshape solve as a track of one layer, "speech".

    Read are `weightMat` with `facsNames` (Audio2Face; 46 poses of its own face or ARKit's 52 and the
    tongue's), the records of `timeCode` and `blendShapes` that Audio2Face-3D's clients write, and
    `frames` of `weights` with `names`. `fps` counts before the file's own rate.
    """
    try:
        names, values, times, said = _solve(parse_json(read_text(path)))
        values = np.where(np.isfinite(values), values, np.nan)
    except (ValueError, KeyError, TypeError, ArithmeticError) as error:
        reason = str(error).split("\n")[0][:120]
        raise TrackError(
            f"'{path}' is not a blendshape solve of Audio2Face ({reason}): export it again as JSON."
        ) from None
    meanings = performance_weights(names)
    if len(meanings) < LEAST_COLUMNS:
        raise TrackError(
            f"'{path}' names poses such as '{str(names[0])[:40]}' that are neither ARKit's nor "
            "Audio2Face's: solve for a face with ARKit's names."
        )
    columns = [names.index(name) for name in meanings]
    known = np.clip(bridge_gaps(values[:, columns], path), -MOST_WEIGHT, MOST_WEIGHT)
    weights = (known @ arkit_matrix(meanings).astype(np.float64)).astype(np.float32)
    start_sec = float(times[0]) if times is not None and np.isfinite(times[0]) else 0.0
    pose = np.zeros((len(weights), 6), np.float32)
    rate = fps or _rate(said, times, path)
    return ExpressionTrack({"speech": weights}, pose, ARKIT_SPACE, rate, start_sec)


def _solve(document: object) -> Solve:
    """Names of the poses, weights `[T, P]`, seconds `[T]` if said, and the frame rate if said."""
    if isinstance(document, list):
        return _records(document, None)
    if not isinstance(document, Mapping):
        raise ValueError("it is no table")
    metadata = document.get("metadata")
    said = _first(document, RATE_KEYS) or _first(
        metadata if isinstance(metadata, Mapping) else {}, RATE_KEYS
    )
    frames = _first(document, FRAME_KEYS)
    if not isinstance(frames, list) or not frames:
        raise ValueError("it has no frames")
    names = _first(document, NAME_KEYS)
    if not isinstance(names, list):
        return _records(frames, said)
    times = None
    if isinstance(frames[0], Mapping):
        if not all(isinstance(frame, Mapping) for frame in frames):
            raise ValueError("some of its frames are no tables")
        times = _seconds(frames)
        frames = [_first(frame, SHAPE_KEYS) for frame in frames]
    values = _matrix(frames)
    if values.shape[1] != len(names) and values.shape[0] == len(names):
        values = values.T
    if values.shape[1] != len(names):
        raise ValueError(f"it names {len(names)} poses and has weights of {values.shape[1]}")
    return [str(name) for name in names], values, times, said


def _records(records: list, said: object) -> Solve:
    """Frames that each name their own weights, nested or as "blendShapes.JawOpen"."""
    if not records or not isinstance(records[0], Mapping):
        raise ValueError("it has no frames with names")
    if not all(isinstance(record, Mapping) for record in records):
        raise ValueError("some of its frames are no tables")
    shapes = [_first(record, SHAPE_KEYS) or record for record in records]
    if not all(isinstance(shape, Mapping) for shape in shapes):
        raise ValueError("some of its frames have no weights")
    names = [
        str(name)
        for name, value in shapes[0].items()
        if isinstance(value, int | float) and name not in TIME_KEYS
    ]
    if not names:
        raise ValueError("its frames have no weights")
    values = _matrix([[shape.get(name) for name in names] for shape in shapes])
    return names, values, _seconds(records), said


def _matrix(rows: list) -> Float64[np.ndarray, "T P"]:
    if len(rows) > MAX_FRAMES:
        raise ValueError(f"it has more than {MAX_FRAMES} frames")
    values = np.array(rows, np.float64)
    if values.ndim != 2 or not values.size:
        raise ValueError("its weights are no rows of equal length")
    return values


def _seconds(frames: list) -> Float64[np.ndarray, " T"] | None:
    times = [_first(frame, TIME_KEYS) for frame in frames]
    if any(not isinstance(time, int | float) for time in times):
        return None
    return np.array(times, np.float64)


def _rate(said: object, times: np.ndarray | None, path: Path) -> Fraction:
    if isinstance(said, int | float | str) and not isinstance(said, bool) and said:
        return frame_rate(said)
    rate = rate_of(times) if times is not None and np.isfinite(times).all() else None
    if rate is None:
        raise TrackError(
            f"'{path}' does not say its frame rate: give the rate it was exported with."
        )
    return rate


def _first(table: Mapping, keys: tuple[str, ...]) -> object:
    """What `table` has under the first of `keys` that it knows; None where it knows none."""
    return next((table[key] for key in keys if key in table), None)
