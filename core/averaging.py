"""Curves averaged over a bell."""

from __future__ import annotations

from typing import Literal

import numpy as np
from jaxtyping import Float


def under_bell(
    values: Float[np.ndarray, "T C"],
    sigma_frames: float,
    edges: Literal["edge", "symmetric"] = "edge",
) -> Float[np.ndarray, "T C"]:
    """Each column under a Gaussian of `sigma_frames`; beyond its ends it holds ("edge") or is mirrored."""
    reach = int(np.ceil(3 * sigma_frames))
    bell = np.exp(-0.5 * (np.arange(-reach, reach + 1) / max(sigma_frames, 1e-9)) ** 2)
    bell /= bell.sum()
    padded = np.pad(values, ((reach, reach), (0, 0)), mode=edges)
    columns = [np.convolve(column, bell, "valid") for column in padded.T]
    return np.stack(columns, axis=1).astype(values.dtype)
