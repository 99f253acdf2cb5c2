"""From landmarks that moved to a smooth field that says from where each place of a picture comes."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float, Float32

FIELD_PX = 33
# Points along each side of the window that stay where they are: the camera stands still.
PINNED_PER_SIDE = 5
# How much a thin plate may miss its points for being smooth, against their distance.
STIFFNESS = 4e-5


def warp_field(
    reference: Float[np.ndarray, "P 2"], driven: Float[np.ndarray, "P 2"]
) -> Float32[np.ndarray, "33 33 2"]:
    """Where in the reference picture a place of the driven one comes from, less that place.

    A smoothed thin-plate spline (Bookstein 1989) through points in [0, 1] of a window, whose border stays.
    Row by row, on a grid whose corners are the window's.
    """
    pinned = _border()
    places = np.concatenate([np.asarray(driven, np.float64), pinned])
    moves = np.concatenate([np.asarray(reference, np.float64) - driven, np.zeros_like(pinned)])
    count = len(places)
    matrix = np.zeros((count + 3, count + 3))
    matrix[:count, :count] = _plate(places, places) + STIFFNESS * count * np.eye(count)
    matrix[:count, count:] = np.c_[np.ones(count), places]
    matrix[count:, :count] = matrix[:count, count:].T
    weights = np.linalg.solve(matrix, np.concatenate([moves, np.zeros((3, 2))]))
    steps = np.linspace(0.0, 1.0, FIELD_PX)
    y, x = np.meshgrid(steps, steps, indexing="ij")
    grid = np.stack([x.ravel(), y.ravel()], axis=1)
    basis = np.concatenate([_plate(grid, places), np.ones((len(grid), 1)), grid], axis=1)
    return (basis @ weights).reshape(FIELD_PX, FIELD_PX, 2).astype(np.float32)


def _plate(points: np.ndarray, others: np.ndarray) -> np.ndarray:
    """Radial basis of the thin plate, `r^2 log r`, `[P, O]`."""
    squares = np.square(points).sum(1)[:, None] + np.square(others).sum(1) - 2 * points @ others.T
    squares = np.maximum(squares, 1e-12)
    return 0.5 * squares * np.log(squares)


def _border() -> np.ndarray:
    steps = np.linspace(0.0, 1.0, PINNED_PER_SIDE)
    sides = [(x, y) for x in steps for y in steps if x in (0.0, 1.0) or y in (0.0, 1.0)]
    return np.array(sides)
