"""Groups of strands: how they hang on a mesh, and the file they travel in."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from ..core.files import replace_on_success

FIELDS = {
    "points": np.float32,
    "triangle": np.int32,
    "barycentric": np.float32,
    "radius": np.float32,
    "color": np.float32,
}


@dataclass(frozen=True)
class Strands:
    """Strands of one kind, all with the same number of points."""

    points: np.ndarray  # [S, P, 3] metres, root first
    triangle: np.ndarray  # [S] the head's triangle under the root
    barycentric: np.ndarray  # [S, 3] the root in it
    radius: np.ndarray  # [S, P] metres
    color: np.ndarray  # [S, P, 3] linear; the studio's are albedo until they are lit

    def tangents(self) -> np.ndarray:
        """Unit directions [S, P, 3] from root to tip."""
        steps = np.gradient(self.points, axis=1)
        return steps / np.maximum(np.linalg.norm(steps, axis=2, keepdims=True), 1e-9)

    def carried(self, before: np.ndarray, after: np.ndarray) -> Strands:
        """The strands moved and turned with their root triangles: corners [F, 3, 3] before and after."""
        start, end = before[self.triangle], after[self.triangle]
        return replace(self, points=carried_points(self.points, self.barycentric, start, end))


def carried_points(
    points: np.ndarray, barycentric: np.ndarray, before: np.ndarray, after: np.ndarray
) -> np.ndarray:
    """Points [S, P, 3] moved and turned with their root triangles [S, 3, 3], `before` and `after`."""
    turn = triangle_frames(after) @ triangle_frames(before).transpose(0, 2, 1)
    old = np.einsum("sk,skc->sc", barycentric, before)
    new = np.einsum("sk,skc->sc", barycentric, after)
    return new[:, None] + np.einsum("sij,spj->spi", turn, points - old[:, None])


def triangle_frames(corners: np.ndarray) -> np.ndarray:
    """Orthonormal frames [S, 3, 3] (columns: edge, in-plane, normal) of triangles [S, 3, 3]."""
    edge = corners[:, 1] - corners[:, 0]
    normal = np.cross(edge, corners[:, 2] - corners[:, 0])
    edge /= np.maximum(np.linalg.norm(edge, axis=1, keepdims=True), 1e-12)
    normal /= np.maximum(np.linalg.norm(normal, axis=1, keepdims=True), 1e-12)
    return np.stack([edge, np.cross(normal, edge), normal], axis=2)


def frames_along(axis: np.ndarray) -> np.ndarray:
    """Rotation matrices [N, 3, 3] whose first column is the direction of `axis` [N, 3]."""
    first = axis / np.maximum(np.linalg.norm(axis, axis=1, keepdims=True), 1e-12)
    first[np.linalg.norm(first, axis=1) < 0.5] = (1.0, 0.0, 0.0)
    helper = np.where(np.abs(first[:, :1]) < 0.7, [[1.0, 0, 0]], [[0, 1.0, 0]])
    second = np.cross(first, helper)
    second /= np.linalg.norm(second, axis=1, keepdims=True)
    return np.stack([first, second, np.cross(first, second)], axis=2)


def save_strands(path: Path, groups: Mapping[str, Strands]) -> None:
    """Write all groups, each field of each as `<group>_<field>`."""
    arrays = {
        f"{name}_{key}": getattr(group, key).astype(kind)
        for name, group in groups.items()
        for key, kind in FIELDS.items()
    }
    with replace_on_success(path) as temporary:
        np.savez_compressed(temporary, **arrays)


def strands_of(arrays: Mapping[str, np.ndarray]) -> dict[str, Strands]:
    """All groups among the arrays of such a file; raises KeyError where a group lacks a field."""
    names = [key.removesuffix("_points") for key in arrays if key.endswith("_points")]
    return {name: Strands(**{key: arrays[f"{name}_{key}"] for key in FIELDS}) for name in names}
