"""Curves at the network's rate to curves at the scene's, without losing a lip closure."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
from jaxtyping import Float32

SUB_SAMPLES = 9
CLOSED, PARTING = 0.9, 0.5


def frame_times_sec(num_frames: int, fps: Fraction, start_sec: float | int) -> np.ndarray:
    """Seconds of frames 0 … T-1, `[T]` float64, without the drift of a rounded rate."""
    return start_sec + np.arange(num_frames) * fps.denominator / fps.numerator


def count_frames(duration_sec: Fraction, fps: Fraction, start_sec: float | int) -> int:
    """Frames at `start_sec + t / fps` that lie before the end of the sound."""
    return max(-((Fraction(start_sec) - duration_sec) * fps // 1), 0)


def resample_curves(
    curves: Float32[np.ndarray, "F D"],
    closure: Float32[np.ndarray, " F"],
    rate_hz: float | int,
    times_sec: np.ndarray,
    frame_sec: float,
) -> Float32[np.ndarray, "T D"]:
    """Curves `[F, D]` (row i at (i + 0.5) / rate_hz) at `times_sec`, each frame `frame_sec` long.

    A frame shows the mean of its own time span, which no fast motion can alias into. Only where the
    lips touch within the span does it show that moment: a /p/ may be shorter than two frames.
    """
    mean = np.zeros((len(times_sec), curves.shape[1]), np.float32)
    peak = np.zeros(len(times_sec), np.float32)
    peak_sec = np.array(times_sec, np.float64)
    offsets = ((np.arange(SUB_SAMPLES) + 0.5) / SUB_SAMPLES - 0.5) * frame_sec
    # From the middle outwards: of equal closures the nearest moment wins.
    for offset in offsets[np.argsort(np.abs(offsets), kind="stable")]:
        moment = times_sec + offset
        mean += _at(curves, rate_hz, moment)
        value = _at(closure[:, None], rate_hz, moment)[:, 0]
        higher = value > peak
        peak = np.where(higher, value, peak)
        peak_sec = np.where(higher, moment, peak_sec)
    mean /= SUB_SAMPLES
    ramp = np.clip((peak - PARTING) / (CLOSED - PARTING), 0.0, 1.0)
    weight = (ramp * ramp * (3.0 - 2.0 * ramp)).astype(np.float32)[:, None]
    return mean + weight * (_at(curves, rate_hz, peak_sec) - mean)


def _at(curves: np.ndarray, rate_hz: float | int, times_sec: np.ndarray) -> np.ndarray:
    """Linear interpolation between rows; the first and last row hold beyond the ends."""
    position = np.clip(times_sec * rate_hz - 0.5, 0.0, len(curves) - 1.0)
    below = np.floor(position).astype(np.int64)
    above = np.minimum(below + 1, len(curves) - 1)
    weight = (position - below).astype(np.float32)[:, None]
    return curves[below] * (1.0 - weight) + curves[above] * weight
