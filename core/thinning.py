"""Keys that a straight line between their neighbours says as well."""

from __future__ import annotations

import numpy as np
from jaxtyping import Int64, Shaped


def needed_keys(
    values: Shaped[np.ndarray, " T"], tolerance: float | int
) -> Int64[np.ndarray, " K"]:
    """Indices of `values` (one a frame) that linear keys need to stay within `tolerance` everywhere.

    From each key the line reaches as far as a key on a frame's own value can lie without leaving the
    band about any value in between, so the kept values are exact.
    """
    values = np.asarray(values, np.float64)
    kept = [0]
    while kept[-1] < len(values) - 1:
        kept.append(kept[-1] + _reach(values[kept[-1] :], tolerance))
    return np.array(kept[: len(values)], np.int64)


def _reach(values: np.ndarray, tolerance: float | int) -> int:
    """How many frames after the first of `values` the farthest key may lie."""
    size = 64
    best = 1
    while True:
        part = values[: size + 1]
        steps = np.arange(1, len(part))
        slopes = (part[1:] - part[0]) / steps
        # Slopes that keep within the band of every frame before.
        lowest = np.maximum.accumulate((part[1:] - tolerance - part[0]) / steps)
        highest = np.minimum.accumulate((part[1:] + tolerance - part[0]) / steps)
        is_possible = lowest <= highest
        end = len(part) - 1 if is_possible.all() else int(np.argmin(is_possible))
        is_fit = (slopes[:end] >= lowest[:end]) & (slopes[:end] <= highest[:end])
        if is_fit.any():
            best = int(np.flatnonzero(is_fit)[-1]) + 1
        if end < len(part) - 1 or len(part) == len(values):
            return best
        size *= 4
