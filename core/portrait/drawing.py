"""Landmarks as small pictures: what tells the portrait network where lips, lids, brows and irises are."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Float32

# The 68 points of iBUG's markup and after them the irises' centres, the person's right eye first.
NUM_POINTS = 70
RIGHT_IRIS, LEFT_IRIS = 68, 69
MAP_PX = 64
# Finer pictures are folded: each map holds one of the places within a map's pixel.
FOLD = 2
LINE_WIDTH = 1.0 / 96
EDGE_WIDTH = 1.0 / 256
IRIS_WIDTH = 1.0 / 64


@dataclass(frozen=True)
class Stroke:
    """Points that a line joins, from the first to the last, or round about."""

    points: tuple[int, ...]
    is_closed: bool = False

    @property
    def segments(self) -> list[tuple[int, int]]:
        """Pairs of points."""
        following = self.points[1:] + (self.points[:1] if self.is_closed else ())
        return list(zip(self.points, following, strict=False))


RIGHT_EYE, LEFT_EYE = tuple(range(36, 42)), tuple(range(42, 48))
OUTER_LIPS, INNER_LIPS = tuple(range(48, 60)), tuple(range(60, 68))
# One map each.
LINES = {
    "jaw": (Stroke(tuple(range(17))),),
    "brows": (Stroke(tuple(range(17, 22))), Stroke(tuple(range(22, 27)))),
    "nose": (Stroke(tuple(range(27, 31))), Stroke(tuple(range(31, 36)))),
    "lids": (Stroke(RIGHT_EYE, True), Stroke(LEFT_EYE, True)),
    "outer_lips": (Stroke(OUTER_LIPS, True),),
    "inner_lips": (Stroke(INNER_LIPS, True),),
}
# FOLD x FOLD maps each.
AREAS = {"mouth": (INNER_LIPS,), "lips": (OUTER_LIPS,), "eyes": (RIGHT_EYE, LEFT_EYE)}
NUM_MAPS = len(LINES) + 1 + len(AREAS) * FOLD**2
# Noise that pictures begin from, beside that of lips and lids, where much is to be made up; and how far about them (maps' pixels).
LEAST_SPREAD, SPREAD_REACH = 0.2, 3


def landmark_maps(points: Float[np.ndarray, "N 70 2"]) -> Float32[np.ndarray, "N M 64 64"]:
    """Maps in [0, 1] of landmarks and irises in [0, 1] of a window: lines, irises, and filled areas.

    Lines fall off as a Gaussian of the distance, so that places finer than a pixel are told; what is
    within lips and lids is drawn at twice the resolution.
    """
    points = np.asarray(points, np.float32)
    return np.stack([_maps_of(one) for one in points])


def noise_spread(
    maps: Float32[np.ndarray, "N M 64 64"],
) -> Float32[np.ndarray, "N 1 64 64"]:
    """How strong the noise is that a picture with these maps begins from: 1 at lips and lids, little elsewhere.

    What is far from them is nearly known beforehand, and noise that is not there need not be taken away.
    """
    areas = maps[:, len(LINES) + 1 :].max(axis=1)
    for axis in (1, 2):
        padded = np.pad(areas, [(0, 0)] + [(SPREAD_REACH * (a == axis),) * 2 for a in (1, 2)])
        windows = np.lib.stride_tricks.sliding_window_view(padded, 2 * SPREAD_REACH + 1, axis=axis)
        areas = windows.max(axis=-1)
    return (LEAST_SPREAD + (1 - LEAST_SPREAD) * areas[:, None]).astype(np.float32)


def _maps_of(points: np.ndarray) -> np.ndarray:
    coarse, fine = _grid(MAP_PX), _grid(MAP_PX * FOLD)
    maps = []
    for strokes in LINES.values():
        squares = _squared_distance(coarse, points, [s for one in strokes for s in one.segments])
        maps.append(np.exp(squares * np.float32(-0.5 / LINE_WIDTH**2)))
    irises = points[[RIGHT_IRIS, LEFT_IRIS]]
    squares = np.square(coarse[:, None] - irises[None]).sum(2).min(1)
    maps.append(np.exp(squares * np.float32(-0.5 / IRIS_WIDTH**2)))
    for outlines in AREAS.values():
        filled = np.max([_filled(fine, points, outline) for outline in outlines], axis=0)
        folded = filled.reshape(MAP_PX, FOLD, MAP_PX, FOLD).transpose(1, 3, 0, 2)
        maps.extend(folded.reshape(FOLD**2, -1))
    return np.stack(maps).reshape(NUM_MAPS, MAP_PX, MAP_PX).astype(np.float32)


def _grid(side_px: int) -> np.ndarray:
    """Centres of pixels `[P, 2]` (x, y), row by row."""
    steps = (np.arange(side_px, dtype=np.float32) + 0.5) / side_px
    y, x = np.meshgrid(steps, steps, indexing="ij")
    return np.stack([x.ravel(), y.ravel()], axis=1)


def _squared_distance(
    grid: np.ndarray, points: np.ndarray, segments: list[tuple[int, int]]
) -> np.ndarray:
    """Squared distance `[P]` to the nearest of some segments."""
    nearest = np.full(len(grid), np.inf, np.float32)
    x, y = grid.T
    for first, last in segments:
        (x0, y0), (x1, y1) = points[first], points[last]
        across, down = x1 - x0, y1 - y0
        length = max(float(across * across + down * down), 1e-12)
        share = np.clip(((x - x0) * across + (y - y0) * down) / np.float32(length), 0.0, 1.0)
        squares = np.square(x - x0 - share * across) + np.square(y - y0 - share * down)
        np.minimum(nearest, squares, out=nearest)
    return nearest


def _filled(grid: np.ndarray, points: np.ndarray, outline: tuple[int, ...]) -> np.ndarray:
    """1 within the outline, 0 outside, smooth at its edge: `[P]`."""
    stroke = Stroke(outline, True)
    reach = 6 * EDGE_WIDTH
    low, high = points[list(outline)].min(0) - reach, points[list(outline)].max(0) + reach
    near = np.flatnonzero(((grid > low) & (grid < high)).all(1))
    total = np.zeros(len(grid), np.float32)
    if len(near) == 0:
        return total
    x, y = grid[near].T
    is_in = np.zeros(len(near), bool)
    for first, last in stroke.segments:
        (x0, y0), (x1, y1) = points[first], points[last]
        spans = (y0 > y) != (y1 > y)
        crossing = x0 + (y - y0) * (x1 - x0) / (y1 - y0 if y1 != y0 else np.float32(1.0))
        is_in ^= spans & (x < crossing)
    distance = np.sqrt(_squared_distance(grid[near], points, stroke.segments))
    signed = np.where(is_in, distance, -distance)
    total[near] = 1 / (1 + np.exp(np.clip(signed * np.float32(-2 / EDGE_WIDTH), -30, 30)))
    return total
