"""Band-limited noise in space, so that it crosses the atlas' seams unseen."""

from __future__ import annotations

import numpy as np
from scipy.ndimage import map_coordinates


def solid_noise(points: np.ndarray, size_m: float, seed: int, octaves: int = 1) -> np.ndarray:
    """Smooth noise [N], zero mean and about unit variance, with features of `size_m` metres."""
    rng = np.random.default_rng(seed)
    total, variance = np.zeros(len(points)), 0.0
    for octave in range(octaves):
        lattice = rng.normal(size=(64, 64, 64)).astype(np.float32)
        weight = 0.6**octave
        place = points.T * (2.0**octave / size_m) + rng.uniform(0, 64, 3)[:, None]
        total += weight * map_coordinates(lattice, place, order=3, mode="grid-wrap")
        variance += weight**2
    return total / np.sqrt(0.27 * variance)
