"""Where strands are rooted on a head, and how thick they are."""

from __future__ import annotations

import numpy as np
from scipy.spatial import cKDTree

from .mesh import HeadMesh


def bind_roots(
    mesh: HeadMesh, points: np.ndarray, part_names: tuple[str, ...]
) -> tuple[np.ndarray, np.ndarray]:
    """Triangle [S] and barycentric [S, 3] of the surface point nearest to each root [S, 3]."""
    candidates = np.flatnonzero(mesh.faces_of(*part_names))
    corners = mesh.vertices[mesh.triangles[candidates]].astype(np.float64)
    _, nearest = cKDTree(corners.mean(1)).query(points, k=12)
    best = np.full(len(points), np.inf)
    triangle = np.zeros(len(points), np.int32)
    barycentric = np.zeros((len(points), 3), np.float32)
    for column in nearest.T:
        weights = clamped_barycentric(corners[column], points)
        error = np.linalg.norm(np.einsum("sk,skc->sc", weights, corners[column]) - points, axis=1)
        better = error < best
        best[better] = error[better]
        triangle[better] = candidates[column[better]]
        barycentric[better] = weights[better]
    return triangle, barycentric


def clamped_barycentric(corners: np.ndarray, points: np.ndarray) -> np.ndarray:
    """Barycentric weights [S, 3] of the projections of points, clipped into their triangles."""
    first, second = corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]
    offset = points - corners[:, 0]
    d00, d01, d11 = (first**2).sum(1), (first * second).sum(1), (second**2).sum(1)
    d20, d21 = (offset * first).sum(1), (offset * second).sum(1)
    area = np.maximum(d00 * d11 - d01 * d01, 1e-24)
    v, w = (d11 * d20 - d01 * d21) / area, (d00 * d21 - d01 * d20) / area
    weights = np.clip(np.stack([1.0 - v - w, v, w], axis=1), 0.0, 1.0)
    return weights / weights.sum(1, keepdims=True)


def taper(strands: int, points: int, root_m: float, tip: float = 0.35) -> np.ndarray:
    """Radii [S, P] that thin out from `root_m` to the share `tip` of it."""
    along = np.linspace(0.0, 1.0, points)
    return np.broadcast_to(root_m * (1.0 - (1.0 - tip) * along**2), (strands, points)).copy()
