"""From scores of clips to figures with intervals: every figure is a function of how often each clip counts.

A statistic takes weights `[B, C]` (row by row, how often each of C clips counts) and gives `[B]`: all ones
is the figure itself, clips drawn with replacement are the bootstrap.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

NUM_BOOTSTRAPS = 2000
INTERVAL_PERCENT = (2.5, 97.5)

Statistic = Callable[[np.ndarray], np.ndarray]


@dataclass(frozen=True)
class Figure:
    """A value and its 95 % bootstrap interval over clips; one clip alone has none (nan)."""

    value: float
    low: float
    high: float


def estimate(statistic: Statistic, num_clips: int, seed: int) -> Figure | None:
    """The figure, or None where there is nothing to count; the same clips are drawn for every figure."""
    with np.errstate(invalid="ignore", divide="ignore"):
        value = float(statistic(np.ones((1, num_clips)))[0])
        if not np.isfinite(value):
            return None
        if num_clips == 1:
            return Figure(value, np.nan, np.nan)
        chances = np.full(num_clips, 1 / num_clips)
        weights = np.random.default_rng(seed).multinomial(num_clips, chances, NUM_BOOTSTRAPS)
        drawn = statistic(weights.astype(np.float64))
    low, high = np.nanpercentile(drawn, INTERVAL_PERCENT)
    return Figure(value, float(low), float(high))


def ratio(over: Sequence[float], under: Sequence[float]) -> Statistic:
    """Sum over clips of the first by the sum of the second."""
    return lambda weights: (
        (weights @ np.asarray(over, float)) / (weights @ np.asarray(under, float))
    )


def mean(values: Sequence[float]) -> Statistic:
    """The mean over clips."""
    return ratio(values, np.ones(len(values)))


def share(events: Sequence[np.ndarray]) -> Statistic:
    """Share of what is true, all clips' events together."""
    return ratio([e.sum() for e in events], [e.size for e in events])


def difference(a: Statistic, b: Statistic) -> Statistic:
    """The first less the second, of the same clips."""
    return lambda weights: a(weights) - b(weights)


def probability_smaller(smaller: Sequence[np.ndarray], larger: Sequence[np.ndarray]) -> Statistic:
    """How often a value of the first kind is below one of the second, any clips' pairs; ties are half.

    That is the area under the ROC curve.
    """
    wins = np.array([[_wins(a, b) for b in larger] for a in smaller])
    pairs = np.array([[float(a.size * b.size) for b in larger] for a in smaller])

    def area(weights: np.ndarray) -> np.ndarray:
        over, under = (np.einsum("bi,ij,bj->b", weights, m, weights) for m in (wins, pairs))
        return over / under

    return area


def _wins(a: np.ndarray, b: np.ndarray) -> float:
    below = a[:, None] < b
    return float(below.sum() + 0.5 * (a[:, None] == b).sum())


def peak_position(curves: Sequence[np.ndarray], positions: np.ndarray) -> Statistic:
    """Where the mean of clips' curves `[L]` over even `positions` `[L]` is highest.

    A parabola through the highest value and its neighbours finds it between positions. A curve that
    is highest at an end has no peak: nan, which counts as nothing.
    """
    stacked = np.stack(curves)
    step = positions[1] - positions[0]

    def peak(weights: np.ndarray) -> np.ndarray:
        values = weights @ stacked
        top = values.argmax(1)
        inner = np.clip(top, 1, len(positions) - 2)
        rows = np.arange(len(values))
        before, at, after = (values[rows, inner + d] for d in (-1, 0, 1))
        offset = (before - after) / (2 * (before - 2 * at + after))
        return np.where(top == inner, positions[inner] + step * offset, np.nan)

    return peak
