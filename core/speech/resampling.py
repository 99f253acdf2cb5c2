"""Curves at the network's rate to curves at the scene's, without losing a lip closure."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
from jaxtyping import Float32

from ..errors import AudioError

# The moments of a frame that are looked at, and of those the mean is taken over.
SUB_SAMPLES, MEAN_SAMPLES = 9, 3
# Mouths hold next to nothing above 12 Hz, which 24 frames a second show whole: a longer mean would only
# make the motion smaller, the more so the slower the frames.
MEAN_SEC = 0.02
CLOSED, PARTING = 0.9, 0.5


def frame_times_sec(num_frames: int, fps: Fraction, start_sec: float | int) -> np.ndarray:
    """Seconds of frames 0 … T-1, `[T]` float64, without the drift of a rounded rate."""
    return start_sec + np.arange(num_frames) * fps.denominator / fps.numerator


def count_frames(duration_sec: Fraction, fps: Fraction, start_sec: float | int) -> int:
    """Frames at `start_sec + t / fps` that lie before the end of the sound."""
    return max(-((Fraction(start_sec) - duration_sec) * fps // 1), 0)


def require_frames(duration_sec: Fraction, fps: Fraction, start_sec: float | int) -> int:
    """`count_frames`, refused where there are none."""
    num_frames = count_frames(duration_sec, fps, start_sec)
    if not num_frames:
        raise AudioError(
            f"The sound ends at {float(duration_sec):.2f} s and the animation is to begin at "
            f"{start_sec:.2f} s: choose an earlier start."
        )
    return num_frames


def resample_curves(
    curves: Float32[np.ndarray, "F D"],
    closure: Float32[np.ndarray, " F"],
    rate_hz: float | int,
    times_sec: np.ndarray,
    frame_sec: float,
    *,
    first_row: int = 0,
) -> Float32[np.ndarray, "T D"]:
    """Curves `[F, D]` (row i at (i + 0.5) / rate_hz) at `times_sec`, each frame `frame_sec` long.

    A frame shows its own time, averaged over 20 ms at most, whatever the rate. Only where the lips touch
    within its span does it show that moment: a /p/ may be shorter than two frames. The curves may be a part
    of longer ones that begins at their row `first_row`.
    """
    mean = np.zeros((len(times_sec), curves.shape[1]), np.float32)
    for offset in _offsets_sec(MEAN_SAMPLES, min(frame_sec, MEAN_SEC)):
        mean += _at(curves, rate_hz, times_sec + offset, first_row)
    mean /= MEAN_SAMPLES
    peak = np.zeros(len(times_sec), np.float32)
    peak_sec = np.array(times_sec, np.float64)
    for offset in _offsets_sec(SUB_SAMPLES, frame_sec):
        moment = times_sec + offset
        value = _at(closure[:, None], rate_hz, moment, first_row)[:, 0]
        higher = value > peak
        peak = np.where(higher, value, peak)
        peak_sec = np.where(higher, moment, peak_sec)
    ramp = np.clip((peak - PARTING) / (CLOSED - PARTING), 0.0, 1.0)
    weight = (ramp * ramp * (3.0 - 2.0 * ramp)).astype(np.float32)
    touching = np.flatnonzero(weight)
    shown = _at(curves, rate_hz, peak_sec[touching], first_row)
    mean[touching] += weight[touching, None] * (shown - mean[touching])
    return mean


def _offsets_sec(count: int, span_sec: float) -> np.ndarray:
    """Even offsets over a span, from its middle outwards: of equal closures the nearest wins."""
    offsets = ((np.arange(count) + 0.5) / count - 0.5) * span_sec
    return offsets[np.argsort(np.abs(offsets), kind="stable")]


def _at(
    curves: np.ndarray, rate_hz: float | int, times_sec: np.ndarray, first_row: int
) -> np.ndarray:
    """Linear interpolation between rows; the first and last row hold beyond the ends."""
    last_row = first_row + len(curves) - 1
    position = np.clip(times_sec * rate_hz - 0.5, first_row, last_row)
    below = np.floor(position).astype(np.int64)
    weight = (position - below).astype(np.float32)[:, None]
    above = np.minimum(below + 1, last_row) - first_row
    return curves[below - first_row] * (1.0 - weight) + curves[above] * weight
