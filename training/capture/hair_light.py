"""Light on strands without a viewer: lamps and dome dimmed by the hair and head they pass."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from scipy.ndimage import gaussian_filter, map_coordinates

from ..strands import Strands
from .hair import CENTER, Hull
from .lighting import ADA_RIG, Rig
from .sheen import VIEWER, irradiance, unit

VOXEL_M = 0.0035
STEP_M, STEPS = 0.0045, 22
# Light that a strand scatters forwards still arrives: only this share of its shadow counts.
SHADOW_SHARE = 0.34
DOME_DIRECTIONS = 14
GLOSS, GLOSS_POWER = 0.085, 30.0
TINTED_GLOSS, TINTED_POWER = 0.75, 12.0


@dataclass(frozen=True)
class Density:
    """How much strand stands in each voxel: projected area per volume, 1/m."""

    grid: np.ndarray
    low: np.ndarray

    def __call__(self, points: np.ndarray) -> np.ndarray:
        """Extinction [N] at points [N, 3]."""
        place = (points - self.low) / VOXEL_M
        return map_coordinates(self.grid, place.T, order=1, mode="constant")


def strand_density(strands: Strands) -> Density:
    """Fill voxels with the strands' pieces."""
    middle = 0.5 * (strands.points[:, 1:] + strands.points[:, :-1])
    length = np.linalg.norm(np.diff(strands.points, axis=1), axis=2)
    area = length * 2.0 * strands.radius[:, 1:]
    low = middle.min((0, 1)) - 3 * VOXEL_M
    shape = np.ceil((middle.max((0, 1)) + 3 * VOXEL_M - low) / VOXEL_M).astype(int)
    grid = np.zeros(shape, np.float32)
    cell = np.round((middle - low) / VOXEL_M).astype(int).reshape(-1, 3)
    np.add.at(grid, tuple(cell.T), area.ravel())
    return Density(gaussian_filter(grid / VOXEL_M**3, 0.7), low)


def passes(points: np.ndarray, direction: np.ndarray, density: Density, hull: Hull) -> np.ndarray:
    """Share [N] of light from `direction` [3] or [N, 3] that reaches the points."""
    depth = np.zeros(len(points))
    for step in range(1, STEPS + 1):
        place = points + direction * (STEP_M * step)
        depth += density(place) * STEP_M * SHADOW_SHARE
        inside = hull(place) - np.linalg.norm(place - CENTER, axis=1) - 0.004
        depth += np.where(inside > 0.0, 1.2, 0.0)
    return np.exp(-depth)


def light_hair(strands: Strands, hull: Hull, rig: Rig = ADA_RIG) -> Strands:
    """Strands whose colour is the light they send to a viewer in front."""
    density = strand_density(strands)
    points = strands.points.reshape(-1, 3)
    tangent = unit(strands.tangents().reshape(-1, 3))
    albedo = strands.color.reshape(-1, 3)
    view = unit(VIEWER - points)
    total = np.zeros_like(albedo)
    for lamp in rig.lamps:
        toward = np.asarray(lamp.place) - points
        direction = unit(toward)
        arrives = irradiance(lamp, toward) * passes(points, direction, density, hull)
        colour = arrives[:, None] * np.asarray(lamp.colour)
        total += colour * scattered(albedo, tangent, direction, view)
    for direction in dome_directions():
        share = 0.5 + 0.5 * direction[1]
        sky = np.asarray(rig.floor) * (1 - share) + np.asarray(rig.ceiling) * share
        arrives = passes(points, direction, density, hull) * 2.0 / DOME_DIRECTIONS
        towards = np.broadcast_to(direction, points.shape)
        total += (arrives[:, None] * sky) * scattered(albedo, tangent, towards, view)
    return replace(strands, color=total.reshape(strands.color.shape))


def dome_directions(count: int = DOME_DIRECTIONS) -> np.ndarray:
    """Directions [count, 3] spread evenly over the sphere."""
    index = np.arange(count) + 0.5
    height = 1.0 - 2.0 * index / count
    turn = np.pi * (1.0 + 5.0**0.5) * index
    flat = np.sqrt(1.0 - height**2)
    return np.stack([flat * np.cos(turn), height, flat * np.sin(turn)], axis=1)


def scattered(albedo, tangent, direction, view) -> np.ndarray:
    """Kajiya and Kay's strand [N, 3]: a soft body, a white and a tinted highlight."""
    along = (tangent * direction).sum(1)
    body = np.sqrt(np.clip(1.0 - along**2, 0.0, 1.0))
    half = unit(direction + view)
    across = np.clip(1.0 - (tangent * half).sum(1) ** 2, 0.0, 1.0)
    white = GLOSS * across ** (GLOSS_POWER / 2)
    tinted = TINTED_GLOSS * across ** (TINTED_POWER / 2)
    return albedo * (body + tinted)[:, None] + white[:, None]


def light_face_hair(strands: Strands, arrives: float = 0.9) -> Strands:
    """Brows and lashes: too thin to shade each other, they take the light of the skin."""
    return replace(strands, color=strands.color * arrives + 0.004)
