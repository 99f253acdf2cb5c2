"""Band-limited noise in space, so that it crosses the atlas' seams unseen."""

from __future__ import annotations

import numpy as np
from scipy.ndimage import map_coordinates

LATTICE = 48
# Variance that smooth interpolation between unit-variance lattice points leaves, on average.
VARIANCE = 0.41


def solid_noise(points: np.ndarray, size_m: float, seed: int, octaves: int = 1) -> np.ndarray:
    """Smooth noise [N], zero mean and about unit variance, with features of `size_m` metres."""
    rng = np.random.default_rng(seed)
    total, variance = np.zeros(len(points), np.float32), 0.0
    for octave in range(octaves):
        lattice = rng.normal(size=(LATTICE,) * 3).astype(np.float32)
        weight = 0.6**octave
        place = points.T * (2.0**octave / size_m) + rng.uniform(0, LATTICE, 3)[:, None]
        cell = np.floor(place)
        inside = place - cell
        # Straight steps between lattice points would show as creases.
        faded = cell + inside * inside * (3.0 - 2.0 * inside)
        total += weight * map_coordinates(lattice, faded, order=1, mode="grid-wrap")
        variance += weight**2
    return total / np.sqrt(VARIANCE * variance)
