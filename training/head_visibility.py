"""Which triangles of a head any camera can see in any of a few expressions."""

from __future__ import annotations

import numpy as np
from scipy.ndimage import minimum_filter

from ..core.camera import look_at

SIDE_PX = 640
# Metres per pixel at the head; with samples this dense, a 3 x 3 minimum closes all holes.
PIXEL_M = 0.72e-3
SAMPLE_M = 0.55e-3
# A sample this far behind the nearest one still counts as seen: splats have thickness.
TOLERANCE_M = 1.5e-3
DISTANCE_M = 1.2
TARGET = np.array([0.0, -0.04, -0.02])
ALL_ROUND = [(yaw, pitch) for yaw in range(-180, 180, 30) for pitch in (-20, 15, 60)]
FRONT = [(yaw, pitch) for yaw in (-50, -20, 0, 20, 50) for pitch in (-22, 0, 22)]


def visible_triangles(
    shapes: list[np.ndarray], triangles: np.ndarray, rng: np.random.Generator
) -> np.ndarray:
    """Mask `[F]` of triangles that a camera may see.

    The first of the deformed `shapes` `[V, 3]` is looked at from all round, the others from the front.
    """
    owner, barycentric = _samples(shapes[0], triangles, rng)
    seen = np.zeros(len(triangles), bool)
    for number, vertices in enumerate(shapes):
        corners = vertices[triangles]
        normals = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
        points = np.einsum("nk,nkc->nc", barycentric, vertices[triangles[owner]])
        for yaw_deg, pitch_deg in FRONT if number else ALL_ROUND:
            eye = TARGET + _direction(yaw_deg, pitch_deg) * DISTANCE_M
            facing = ((eye - corners[:, 0]) * normals).sum(axis=1) > 0
            found = owner[_visible_points(points, look_at(eye, TARGET, np.array([0.0, 1.0, 0.0])))]
            seen[found] |= facing[found]
    return seen


def _samples(
    vertices: np.ndarray, triangles: np.ndarray, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    corners = vertices[triangles]
    cross = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    area = 0.5 * np.linalg.norm(cross, axis=1)
    counts = np.clip(area / SAMPLE_M**2, 3, 10_000).astype(int)
    owner = np.repeat(np.arange(len(triangles)), counts)
    weights = rng.exponential(size=(len(owner), 3))
    return owner, weights / weights.sum(axis=1, keepdims=True)


def _direction(yaw_deg: float, pitch_deg: float) -> np.ndarray:
    yaw, pitch = np.radians([yaw_deg, pitch_deg])
    return np.array([np.sin(yaw) * np.cos(pitch), np.sin(pitch), np.cos(yaw) * np.cos(pitch)])


def _visible_points(points: np.ndarray, viewmat: np.ndarray) -> np.ndarray:
    local = points @ viewmat[:3, :3].T + viewmat[:3, 3]
    focal_px = DISTANCE_M / PIXEL_M
    pixels = np.floor(local[:, :2] / local[:, 2:] * focal_px + 0.5 * SIDE_PX).astype(int)
    inside = ((pixels >= 0) & (pixels < SIDE_PX)).all(axis=1)
    flat = pixels[:, 1] * SIDE_PX + pixels[:, 0]
    nearest = np.full(SIDE_PX * SIDE_PX, np.inf)
    np.minimum.at(nearest, flat[inside], local[inside, 2])
    nearest = minimum_filter(nearest.reshape(SIDE_PX, SIDE_PX), size=3).ravel()
    visible = np.zeros(len(points), bool)
    visible[inside] = local[inside, 2] <= nearest[flat[inside]] + TOLERANCE_M
    return visible
