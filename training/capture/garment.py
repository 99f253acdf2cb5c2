"""A crew-neck shirt over the bust, so that the neck ends as a person's does."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from scipy.ndimage import gaussian_filter, maximum_filter
from scipy.spatial import cKDTree

# One row per ring, top to bottom, ICT frame in cm: height, half width, front z, back z, tilt,
# clearance over the skin. Tilt lowers the front of a ring: a collar lies lower at the throat.
RINGS = np.array(
    [
        (-13.6, 6.3, 4.6, -5.6, 0.34, 0.05),
        (-12.9, 6.5, 4.8, -5.8, 0.34, 0.10),
        (-12.6, 6.7, 5.0, -6.0, 0.34, 0.22),
        (-12.55, 6.9, 5.2, -6.15, 0.34, 0.40),
        (-12.7, 7.1, 5.4, -6.3, 0.34, 0.52),
        (-13.2, 7.5, 5.7, -6.5, 0.34, 0.56),
        (-13.9, 8.3, 6.1, -6.8, 0.33, 0.56),
        (-14.3, 8.9, 6.3, -7.0, 0.32, 0.52),
        (-14.4, 9.1, 6.4, -7.05, 0.32, 0.36),
        (-14.8, 10.0, 6.6, -7.3, 0.31, 0.38),
        (-15.5, 11.8, 7.0, -7.7, 0.29, 0.42),
        (-16.3, 13.8, 7.4, -8.1, 0.26, 0.5),
        (-17.2, 15.8, 7.8, -8.5, 0.22, 0.5),
        (-18.3, 17.4, 8.2, -8.9, 0.18, 0.5),
        (-19.7, 18.6, 8.6, -9.3, 0.13, 0.5),
        (-21.4, 19.4, 9.0, -9.6, 0.08, 0.5),
        (-23.5, 19.9, 9.5, -9.8, 0.04, 0.5),
        (-26.0, 20.2, 10.0, -9.9, 0.0, 0.5),
        (-29.0, 20.3, 10.4, -9.9, 0.0, 0.5),
        (-32.0, 20.3, 10.6, -9.9, 0.0, 0.5),
    ]
)
SEGMENTS = 112
SUBDIVIDE = 3
ROUNDNESS = 2.35


@dataclass(frozen=True)
class Garment:
    """The shirt: vertices [N, 3] in ICT centimetres, triangles, corner UVs in its own tile."""

    vertices: np.ndarray
    triangles: np.ndarray
    uvs: np.ndarray


def build_garment(skin: np.ndarray, normals: np.ndarray) -> Garment:
    """Loft the shirt's rings and lift them off the skin points [S, 3] with normals [S, 3]."""
    rings = resample_rings(RINGS, SUBDIVIDE)
    angle = np.linspace(0.0, 2.0 * np.pi, SEGMENTS, endpoint=False)
    points = np.stack([ring_points(ring, angle) for ring in rings])
    clearance = np.repeat(rings[:, 5], SEGMENTS).reshape(points.shape[:2])
    for _ in range(3):
        points = lift_off(points, clearance, skin, normals)
    triangles, uvs = grid_faces(*points.shape[:2])
    return Garment(points.reshape(-1, 3), triangles, uvs)


def carry_garment(
    garment: Garment, before: np.ndarray, after: np.ndarray, normals: np.ndarray
) -> Garment:
    """The shirt moved as the skin below it from `before` [S, 3] to `after` [S, 3], and off it."""
    distance, nearest = cKDTree(before).query(garment.vertices, k=32)
    weight = 1.0 / (distance + 1.0) ** 2
    weight /= weight.sum(1, keepdims=True)
    moved = garment.vertices + (weight[..., None] * (after - before)[nearest]).sum(1)
    points = moved.reshape(-1, SEGMENTS, 3)
    clearance = resample_rings(RINGS, SUBDIVIDE)[:, 5:].repeat(SEGMENTS, axis=1)
    for _ in range(2):
        points = lift_off(points, clearance, after, normals)
    return replace(garment, vertices=points.reshape(-1, 3))


def resample_rings(rings: np.ndarray, factor: int) -> np.ndarray:
    """Insert `factor - 1` rings between neighbours along a Catmull-Rom curve."""
    padded = np.concatenate([rings[:1], rings, rings[-1:]])
    rows = []
    for index in range(len(rings) - 1):
        before, start, end, after = padded[index : index + 4]
        for t in np.arange(factor) / factor:
            rows.append(
                0.5
                * (
                    2 * start
                    + (end - before) * t
                    + (2 * before - 5 * start + 4 * end - after) * t**2
                    + (3 * start - before - 3 * end + after) * t**3
                )
            )
    return np.stack([*rows, rings[-1]])


def ring_points(ring: np.ndarray, angle: np.ndarray) -> np.ndarray:
    """One superelliptic ring [SEGMENTS, 3]; angle 0 is the back, pi the throat."""
    height, half_width, front, back, tilt, _ = ring
    center, half_depth = (front + back) / 2.0, (front - back) / 2.0
    sine, cosine = np.sin(angle), -np.cos(angle)
    power = 2.0 / ROUNDNESS
    x = half_width * np.sign(sine) * np.abs(sine) ** power
    z = center + half_depth * np.sign(cosine) * np.abs(cosine) ** power
    return np.stack([x, height - tilt * (z - center), z], axis=1)


def lift_off(
    points: np.ndarray, clearance: np.ndarray, skin: np.ndarray, normals: np.ndarray
) -> np.ndarray:
    """Move points [R, S, 3] out along the nearest skin normal until they clear it."""
    flat = points.reshape(-1, 3)
    distance, nearest = cKDTree(skin).query(flat, k=6)
    weight = 1.0 / (distance + 0.05) ** 2
    weight /= weight.sum(1, keepdims=True)
    anchor = (weight[..., None] * skin[nearest]).sum(1)
    normal = (weight[..., None] * normals[nearest]).sum(1)
    normal /= np.linalg.norm(normal, axis=1, keepdims=True)
    depth = ((flat - anchor) * normal).sum(1)
    near = distance[:, 0] < 2.5
    push = np.where(near, np.maximum(clearance.ravel() - depth, 0.0), 0.0)
    # Cloth spans hollows: what one point needs, its neighbours get too.
    spread = maximum_filter(push.reshape(points.shape[:2]), 3, mode=("nearest", "wrap"))
    spread = gaussian_filter(spread, 1.5, mode=("nearest", "wrap"))
    return points + spread[..., None] * normal.reshape(points.shape)


def grid_faces(rings: int, segments: int) -> tuple[np.ndarray, np.ndarray]:
    """Triangles [F, 3] and corner UVs [F, 3, 2] of a closed ring grid; the seam is at the back."""
    row, column = np.meshgrid(np.arange(rings - 1), np.arange(segments), indexing="ij")
    row, column = row.ravel(), column.ravel()
    following = (column + 1) % segments
    corner = np.stack(
        [
            row * segments + column,
            (row + 1) * segments + column,
            (row + 1) * segments + following,
            row * segments + following,
        ],
        axis=1,
    )
    u = np.stack([column, column, column + 1, column + 1], axis=1) / segments
    v = 1.0 - np.stack([row, row + 1, row + 1, row], axis=1) / (rings - 1)
    uv = np.stack([u, v], axis=2)
    # Wound so that the cloth faces outwards.
    halves = ([0, 2, 1], [0, 3, 2])
    triangles = np.concatenate([corner[:, half] for half in halves])
    return triangles, np.concatenate([uv[:, half] for half in halves])
