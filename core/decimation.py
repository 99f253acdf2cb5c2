"""Fewer keys for the same curve: what linear interpolation gives back within a bound goes."""

from __future__ import annotations

import numpy as np
from jaxtyping import Bool, Float64


def needed_keys(
    times: Float64[np.ndarray, " K"],
    values: Float64[np.ndarray, "K C"],
    tolerance: float | int,
    fixed: Bool[np.ndarray, " K"] | None = None,
) -> Bool[np.ndarray, "K C"]:
    """Which of the keys at ascending `times` each curve (a column) needs, so that straight lines between
    them stay within `tolerance` of all others.

    One pass with a cone of the slopes that are still allowed (the "swinging door" of Bristol 1990), over all
    curves at once. First, last and `fixed` keys stay.
    """
    num_keys, num_curves = values.shape
    needed = np.zeros((num_keys, num_curves), bool)
    needed[[0, -1]] = True
    if fixed is not None:
        needed[fixed] = True
    if num_keys < 3:
        return needed
    anchor_time = np.full(num_curves, times[0])
    anchor = values[0].copy()
    low, high = np.full(num_curves, -np.inf), np.full(num_curves, np.inf)
    for index in range(1, num_keys):
        elapsed = times[index] - anchor_time
        slope = (values[index] - anchor) / elapsed
        # Small slack, so that rounding does not break a line that is straight.
        broken = (slope < low - 1e-12) | (slope > high + 1e-12)
        if broken.any():
            previous = index - 1
            needed[previous, broken] = True
            anchor_time[broken], anchor[broken] = times[previous], values[previous, broken]
            low[broken], high[broken] = -np.inf, np.inf
            elapsed = times[index] - anchor_time
            slope = (values[index] - anchor) / elapsed
        reach = tolerance / elapsed
        low, high = np.maximum(low, slope - reach), np.minimum(high, slope + reach)
        if fixed is not None and fixed[index]:
            anchor_time[:], anchor = times[index], values[index].copy()
            low[:], high[:] = -np.inf, np.inf
    return needed
