"""Darkness inside the nostrils, which are smaller than the texels that light is baked in."""

from __future__ import annotations

import numpy as np
from scipy.spatial import cKDTree

from .head_folder import HeadMesh

NOSTRILS = slice(31, 36)
REACH_M, WALLS_M = 10e-3, 25e-3
RAYS = 64
# Openness from which on the bake is right, and the least share of its colour that stays.
OPEN_ENOUGH, DARKEST = 0.38, 0.08


def nostril_shade(mesh: HeadMesh, positions: np.ndarray, normals: np.ndarray) -> np.ndarray:
    """Factor `[N]` on the sRGB colours of skin points (m) with unit normals; 1 outside of nostrils."""
    landmarks = mesh.vertices[mesh.landmarks[NOSTRILS]]
    near = cKDTree(landmarks).query(positions)[0] < REACH_M
    shade = np.ones(len(positions))
    corners = mesh.vertices[mesh.triangles[mesh.part_mask("face")]]
    walls = corners[cKDTree(landmarks).query(corners.mean(axis=1))[0] < WALLS_M]
    for index in np.flatnonzero(near):
        open_share = _openness(positions[index], normals[index], walls)
        shade[index] = np.clip(open_share / OPEN_ENOUGH, DARKEST, 1.0)
    return shade


def _openness(point: np.ndarray, normal: np.ndarray, walls: np.ndarray) -> float:
    """Share of cosine-weighted rays from a point that meet none of the `walls` `[T, 3, 3]`."""
    directions = _hemisphere(normal)
    origin = point + 0.15e-3 * normal
    edge_1, edge_2 = walls[:, 1] - walls[:, 0], walls[:, 2] - walls[:, 0]
    # Moeller and Trumbore (1997), every ray against every triangle.
    across = np.cross(directions[:, None], edge_2[None])
    determinant = (across * edge_1).sum(axis=2)
    scale = 1 / np.where(np.abs(determinant) < 1e-15, np.inf, determinant)
    offset = origin - walls[:, 0]
    u = (across * offset).sum(axis=2) * scale
    turned = np.cross(offset, edge_1)
    v = directions @ turned.T * scale
    along = (edge_2 * turned).sum(axis=1) * scale
    hit = (u >= 0) & (v >= 0) & (u + v <= 1) & (along > 1e-6) & (scale != 0)
    return float(1 - hit.any(axis=1).mean())


def _hemisphere(normal: np.ndarray) -> np.ndarray:
    """Cosine-weighted directions `[RAYS, 3]` about a normal (a golden-angle spiral)."""
    number = np.arange(RAYS) + 0.5
    radius, angle = np.sqrt(number / RAYS), number * np.pi * (3 - np.sqrt(5))
    side = np.cross(normal, [1.0, 0, 0] if abs(normal[0]) < 0.7 else [0, 1.0, 0])
    side /= np.linalg.norm(side)
    other = np.cross(normal, side)
    flat = radius[:, None] * (np.cos(angle)[:, None] * side + np.sin(angle)[:, None] * other)
    return flat + np.sqrt(1 - radius**2)[:, None] * normal
