"""Which keys of sampled curves are written: those that straight lines between their neighbours do not give."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ..core.decimation import needed_keys


def kept_keys(curves: Sequence[np.ndarray], tolerance: float) -> list[np.ndarray | None]:
    """For each of `curves` [T], one value a frame, the indices of its keys; None for all of them.

    Lines between the keys stay within `tolerance` of every value; 0 keeps all.
    """
    if tolerance <= 0 or not curves:
        return [None] * len(curves)
    values = np.stack(curves, axis=1).astype(np.float64)
    needed = needed_keys(np.arange(len(values), dtype=np.float64), values, tolerance)
    return [np.flatnonzero(column) for column in needed.T]
