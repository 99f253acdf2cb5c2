"""Smooth curves that are known at any time: steps, pulses and drift, the strokes of sampled motion.

Each value depends on its own time alone, so that any frame, rate or start shows the same motion.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float64

# Variance of a uniform cubic B-spline with independent knots of variance 1, averaged over a span.
SPLINE_VARIANCE = 151.0 / 315.0


@dataclass(frozen=True)
class Step:
    """A change by `change [C]` that begins at `start_sec` and is complete after `length_sec`."""

    start_sec: float
    length_sec: float
    change: np.ndarray


@dataclass(frozen=True)
class Pulse:
    """A rise to `size [C]`, a hold and a return, one after the other from `start_sec` on."""

    start_sec: float
    rise_sec: float
    hold_sec: float
    fall_sec: float
    size: np.ndarray


def ease(part: np.ndarray) -> np.ndarray:
    """0 to 1 along the path of least jerk (Flash & Hogan 1985), `part` of the time being over."""
    x = np.clip(part, 0.0, 1.0)
    return x**3 * (10.0 + x * (6.0 * x - 15.0))


def sum_steps(
    times_sec: Float64[np.ndarray, " T"], steps: Sequence[Step], num_channels: int
) -> Float64[np.ndarray, "T C"]:
    """The sum of the steps at ascending times, each smooth by itself; they may overlap."""
    steps = sorted(steps, key=lambda step: step.start_sec)
    changes = np.array([step.change for step in steps]).reshape(-1, num_channels)
    complete = np.concatenate([np.zeros((1, num_channels)), np.cumsum(changes, 0)])
    starts = np.array([step.start_sec for step in steps])
    total = complete[np.searchsorted(starts, times_sec, "right")]
    for step, span in _spans(times_sec, steps, [step.length_sec for step in steps]):
        missing = 1.0 - ease((times_sec[span] - step.start_sec) / step.length_sec)
        total[span] -= missing[:, None] * step.change
    return total


def sum_pulses(
    times_sec: Float64[np.ndarray, " T"], pulses: Sequence[Pulse], num_channels: int
) -> Float64[np.ndarray, "T C"]:
    """The sum of the pulses at ascending times."""
    total = np.zeros((len(times_sec), num_channels))
    lengths = [pulse.rise_sec + pulse.hold_sec + pulse.fall_sec for pulse in pulses]
    for pulse, span in _spans(times_sec, pulses, lengths):
        since = times_sec[span] - pulse.start_sec
        falling = (since - pulse.rise_sec - pulse.hold_sec) / pulse.fall_sec
        shape = ease(since / pulse.rise_sec) - ease(falling)
        total[span] += shape[:, None] * pulse.size
    return total


def drift(
    times_sec: Float64[np.ndarray, " T"], knots_hz: float, num_channels: int, seed: Sequence[int]
) -> Float64[np.ndarray, "T C"]:
    """Noise of variance 1 without anything faster than about `knots_hz` / 2, mirrored at 0 seconds."""
    if not len(times_sec):
        return np.zeros((0, num_channels))
    position = np.abs(times_sec) * knots_hz
    first = np.floor(position).astype(np.int64)
    knots = np.random.default_rng(seed).standard_normal((int(first.max()) + 3, num_channels))
    x = (position - first)[:, None]
    weights = (
        (1 - x) ** 3,
        3 * x**3 - 6 * x**2 + 4,
        3 * (1 + x - x**2) * x + 1,
        x**3,
    )
    total = sum(w * knots[np.abs(first + i - 1)] for i, w in enumerate(weights))
    return total / (6.0 * np.sqrt(SPLINE_VARIANCE))


def _spans(
    times_sec: np.ndarray, strokes: Sequence[Step] | Sequence[Pulse], lengths_sec: list[float]
) -> Iterator[tuple[Step | Pulse, slice]]:
    """Every stroke that shows at one of the times, and where in them."""
    starts = np.array([stroke.start_sec for stroke in strokes])
    first = np.searchsorted(times_sec, starts)
    last = np.searchsorted(times_sec, starts + np.array(lengths_sec))
    for index in np.flatnonzero(first < last):
        yield strokes[index], slice(first[index], last[index])
