"""Groups of strands: their shape, how they hang on the head, and the file they travel in."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from scipy.spatial import cKDTree

from ...core.files import replace_on_success
from .mesh import HeadMesh


@dataclass(frozen=True)
class Strands:
    """Strands of one kind, all with the same number of points."""

    points: np.ndarray  # [S, P, 3] metres, root first
    radius: np.ndarray  # [S, P] metres
    colour: np.ndarray  # [S, P, 3] linear; albedo until it is lit
    triangle: np.ndarray  # [S] the head's triangle under the root
    barycentric: np.ndarray  # [S, 3] the root in it

    def tangents(self) -> np.ndarray:
        """Unit directions [S, P, 3] from root to tip."""
        steps = np.gradient(self.points, axis=1)
        return steps / np.maximum(np.linalg.norm(steps, axis=2, keepdims=True), 1e-9)

    def moved(self, mesh: HeadMesh, vertices: np.ndarray) -> Strands:
        """The strands on deformed `vertices` [V, 3]: carried and turned with their root triangle."""
        before = triangle_frames(mesh.vertices[mesh.triangles[self.triangle]])
        after = triangle_frames(vertices[mesh.triangles[self.triangle]])
        turn = after @ before.transpose(0, 2, 1)
        root = np.einsum("sk,skc->sc", self.barycentric, vertices[mesh.triangles[self.triangle]])
        start = np.einsum(
            "sk,skc->sc", self.barycentric, mesh.vertices[mesh.triangles[self.triangle]]
        )
        relative = self.points - start[:, None]
        return replace(self, points=root[:, None] + np.einsum("sij,spj->spi", turn, relative))


def triangle_frames(corners: np.ndarray) -> np.ndarray:
    """Orthonormal frames [S, 3, 3] (columns: edge, in-plane, normal) of triangles [S, 3, 3]."""
    edge = corners[:, 1] - corners[:, 0]
    normal = np.cross(edge, corners[:, 2] - corners[:, 0])
    edge /= np.maximum(np.linalg.norm(edge, axis=1, keepdims=True), 1e-12)
    normal /= np.maximum(np.linalg.norm(normal, axis=1, keepdims=True), 1e-12)
    return np.stack([edge, np.cross(normal, edge), normal], axis=2)


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


def save_strands(path: Path, groups: dict[str, Strands]) -> None:
    """Write all groups as `<group>_points`, `_triangle`, `_barycentric`, `_radius`, `_color`."""
    arrays = {}
    for name, group in groups.items():
        arrays[f"{name}_points"] = group.points.astype(np.float32)
        arrays[f"{name}_triangle"] = group.triangle.astype(np.int32)
        arrays[f"{name}_barycentric"] = group.barycentric.astype(np.float32)
        arrays[f"{name}_radius"] = group.radius.astype(np.float32)
        arrays[f"{name}_color"] = group.colour.astype(np.float32)
    with replace_on_success(path) as temporary:
        np.savez_compressed(temporary, **arrays)
