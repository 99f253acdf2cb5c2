"""Which Action Units, none of them negative, amount to given ARKit weights."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float32

from ..spaces import au_to_arkit
from ..spaces.facs import MAX_INTENSITY

# Weights that no unit explains, and a little of everything, keep units that share shapes apart.
RIDGE = 1e-3
ROUNDS = 60


def action_units_of(weights: Float32[np.ndarray, "T 52"]) -> Float32[np.ndarray, "T 18"]:
    """Intensities (0 to 5) by least squares with bounds, one unit after the other (coordinate descent)."""
    shapes = au_to_arkit().astype(np.float64)
    gram = shapes @ shapes.T + RIDGE * np.eye(len(shapes)) / MAX_INTENSITY**2
    wanted = weights.astype(np.float64) @ shapes.T
    found = np.zeros_like(wanted)
    for _ in range(ROUNDS):
        for unit in range(len(shapes)):
            missing = wanted[:, unit] - found @ gram[unit]
            found[:, unit] = np.clip(
                found[:, unit] + missing / gram[unit, unit], 0.0, MAX_INTENSITY
            )
    return found.astype(np.float32)
