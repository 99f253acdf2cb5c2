"""Which Action Units, none of them negative, amount to given ARKit weights."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float32

from ..spaces import au_to_arkit
from ..spaces.facs import MAX_INTENSITY

# Share of the shapes' mean square that keeps units that share shapes apart: noise of weights that none explains.
RIDGE = 6e-4
ROUNDS = 60


def action_units_of(weights: Float32[np.ndarray, "T 52"]) -> Float32[np.ndarray, "T 18"]:
    """Intensities (0 to 5) of the units that come closest to ARKit weights."""
    return fitted_units(weights, au_to_arkit())


def fitted_units(
    values: Float32[np.ndarray, "T K"], shapes: Float32[np.ndarray, "U K"]
) -> Float32[np.ndarray, "T U"]:
    """Intensities (0 to 5) by least squares with bounds, one unit after the other (coordinate descent).

    `shapes` are what one step of each unit's intensity adds to the values.
    """
    shapes = shapes.astype(np.float64)
    gram = shapes @ shapes.T
    gram += RIDGE * np.trace(gram) / len(gram) * np.eye(len(shapes))
    wanted = values.astype(np.float64) @ shapes.T
    found = np.zeros_like(wanted)
    for _ in range(ROUNDS):
        for unit in range(len(shapes)):
            missing = wanted[:, unit] - found @ gram[unit]
            found[:, unit] = np.clip(
                found[:, unit] + missing / gram[unit, unit], 0.0, MAX_INTENSITY
            )
    return found.astype(np.float32)
