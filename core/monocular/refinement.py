"""A tracker's measures of lips and lids in place of the encoder's, in the encoder's millimetres."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float, Float64

# What a tracker and the encoder call a gap differs by a factor and an offset, which belong to the person.
LEAST_CORRELATION, LEAST_FRAMES = 0.5, 12
FACTORS = (0.5, 2.0)


def refined_measures(
    read_mm: Float[np.ndarray, "T 4"], measured_mm: Float[np.ndarray, "T 4"]
) -> Float64[np.ndarray, "T 4"]:
    """Tracked measures `[T, 4]` (nan where there are none) on the scale of what the encoder read.

    Where both agree on what moves when, the tracker's curve is taken, else what was read stays.
    """
    result = np.asarray(read_mm, np.float64).copy()
    for column in range(result.shape[1]):
        read, measured = result[:, column], np.asarray(measured_mm[:, column], np.float64)
        known = np.isfinite(measured)
        if known.sum() < LEAST_FRAMES:
            continue
        x, y = measured[known], read[known]
        if min(x.std(), y.std()) < 1e-6 or np.corrcoef(x, y)[0, 1] < LEAST_CORRELATION:
            continue
        # The ratio of spreads: regression would flatten the curve by what is noise.
        factor = float(np.clip(y.std() / x.std(), *FACTORS))
        read[known] = np.maximum(y.mean() + factor * (x - x.mean()), 0.0)
    return result
