"""Anchors: points of the head's surface that carry Gaussians, spread evenly at a density per region."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.spatial import cKDTree

# Two sheets whose normals oppose (outside and inside of a lid) count as this far apart.
SHEET_DISTANCE_M = 2e-3
CANDIDATES_PER_ANCHOR = 16


@dataclass(frozen=True)
class Anchors:
    """Where Gaussians sit on the mesh, and how far their neighbours are (m)."""

    triangle: np.ndarray  # [N]
    barycentric: np.ndarray  # [N, 3]
    spacing: np.ndarray  # [N]

    def __len__(self) -> int:
        return len(self.triangle)

    def positions(self, vertices: np.ndarray, triangles: np.ndarray) -> np.ndarray:
        """Points on the mesh with these `vertices`, `[N, 3]`."""
        return np.einsum("nk,nkc->nc", self.barycentric, vertices[triangles[self.triangle]])

    def interpolate(self, corners: np.ndarray) -> np.ndarray:
        """Value `[N, C]` of a field given per triangle corner, `[F, 3, C]`."""
        return np.einsum("nk,nkc->nc", self.barycentric, corners[self.triangle])

    def take(self, index: np.ndarray) -> Anchors:
        """The anchors at `index` (mask or indices)."""
        return Anchors(self.triangle[index], self.barycentric[index], self.spacing[index])


def triangle_frames(vertices: np.ndarray, triangles: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Unit normals `[F, 3]` and areas `[F]` (m²)."""
    a, b, c = np.moveaxis(vertices[triangles], 1, 0)
    cross = np.cross(b - a, c - a)
    length = np.linalg.norm(cross, axis=1)
    return cross / np.maximum(length, 1e-12)[:, None], 0.5 * length


@dataclass(frozen=True)
class Coverage:
    """Anchors, and dense samples of the surface with the anchor that each lies nearest to."""

    anchors: Anchors
    samples: Anchors  # [M]
    owner: np.ndarray  # [M]


def sample_anchors(
    vertices: np.ndarray,
    triangles: np.ndarray,
    spacing: np.ndarray,
    rng: np.random.Generator,
    rounds: int = 10,
) -> Coverage:
    """Evenly spread anchors with the wanted `spacing` `[F]` (m, inf leaves a triangle out).

    Lloyd relaxation of a random subset of dense candidates: neighbouring anchors end at nearly equal
    distances, which keeps a thin splat layer closed without making it thick.
    """
    normals, _ = triangle_frames(vertices, triangles)
    samples = _candidates(vertices, triangles, spacing, rng)
    picks = samples.triangle
    points = samples.positions(vertices, triangles)
    points = np.concatenate([points, 0.5 * SHEET_DISTANCE_M * normals[picks]], axis=1)
    # Candidates stand in the order of their triangles: every n-th gives a fair start everywhere.
    start = np.arange(rng.integers(CANDIDATES_PER_ANCHOR), len(picks), CANDIDATES_PER_ANCHOR)
    # Lloyd's points thin out to the square root of the density; weighting by it undoes that.
    owner, chosen, centres = _relax(points, samples.spacing**-2.0, start, rounds)
    anchors = _moved_to(samples.take(chosen), centres[:, :3], vertices, triangles)
    # Every sample stands for the same share of its own wanted cell.
    cell_area = (
        np.bincount(owner, samples.spacing**2, minlength=len(chosen)) / CANDIDATES_PER_ANCHOR
    )
    measured = np.sqrt(cell_area)
    bounded = np.clip(measured, 0.6 * anchors.spacing, 1.6 * anchors.spacing)
    return Coverage(Anchors(anchors.triangle, anchors.barycentric, bounded), samples, owner)


def sample_surface(vertices: np.ndarray, triangles: np.ndarray, spacing: np.ndarray) -> Anchors:
    """Dense samples, `CANDIDATES_PER_ANCHOR` for each anchor of this `spacing` `[F]` (m); the same every time."""
    return _candidates(vertices, triangles, spacing, np.random.default_rng(0))


def _candidates(
    vertices: np.ndarray, triangles: np.ndarray, spacing: np.ndarray, rng: np.random.Generator
) -> Anchors:
    areas = triangle_frames(vertices, triangles)[1]
    density = np.where(np.isfinite(spacing), areas * 2 / (np.sqrt(3) * spacing**2), 0.0)
    count = max(int(round(density.sum())), 1)
    picks = _stratified_picks(density, count * CANDIDATES_PER_ANCHOR, rng)
    return Anchors(picks, _random_barycentric(len(picks), rng), spacing[picks])


def _stratified_picks(density: np.ndarray, count: int, rng: np.random.Generator) -> np.ndarray:
    """Triangle index of every candidate; systematic sampling gives each triangle its fair share."""
    cumulative = np.cumsum(density)
    steps = (np.arange(count) + rng.random()) / count * cumulative[-1]
    return np.minimum(np.searchsorted(cumulative, steps), len(density) - 1)


def _random_barycentric(count: int, rng: np.random.Generator) -> np.ndarray:
    u, v = rng.random((2, count))
    flip = u + v > 1
    u, v = np.where(flip, 1 - u, u), np.where(flip, 1 - v, v)
    return np.stack([1 - u - v, u, v], axis=1)


def _relax(
    points: np.ndarray, weights: np.ndarray, start: np.ndarray, rounds: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Owner of every candidate, and of every anchor its candidate and centre after `rounds` of Lloyd."""
    seeds = points[start]
    for _ in range(rounds):
        owner = cKDTree(seeds).query(points, workers=2)[1]
        sums = np.bincount(owner, weights, minlength=len(seeds))
        centres = [np.bincount(owner, weights * axis, minlength=len(seeds)) for axis in points.T]
        seeds = (np.stack(centres, axis=1) / np.maximum(sums, 1e-12)[:, None])[sums > 0]
    chosen, first = np.unique(cKDTree(points).query(seeds, workers=2)[1], return_index=True)
    return cKDTree(points[chosen]).query(points, workers=2)[1], chosen, seeds[first]


def _moved_to(
    anchors: Anchors, wanted: np.ndarray, vertices: np.ndarray, triangles: np.ndarray
) -> Anchors:
    """Anchors moved within their triangles as near to the `wanted` points as they can."""
    origin, second, third = np.moveaxis(vertices[triangles[anchors.triangle]], 1, 0)
    edges = np.stack([second - origin, third - origin], axis=2)
    local = np.einsum("nij,nj->ni", np.linalg.pinv(edges), wanted - origin)
    weights = np.clip(
        np.concatenate([1 - local.sum(axis=1, keepdims=True), local], axis=1), 0, None
    )
    return Anchors(anchors.triangle, weights / weights.sum(axis=1, keepdims=True), anchors.spacing)
