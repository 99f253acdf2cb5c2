"""The head seen texel by texel: where in space each texel of the atlas lies."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..atlas_texels import texel_map
from .mesh import HeadMesh, vertex_normals


@dataclass(frozen=True)
class Texels:
    """Covered texels of an atlas of side `resolution`; arrays have one row per texel."""

    resolution: int
    rows: np.ndarray  # [N]
    columns: np.ndarray  # [N]
    triangle: np.ndarray  # [N]
    barycentric: np.ndarray  # [N, 3]
    part: np.ndarray  # [N]
    positions: np.ndarray  # [N, 3] metres, neutral
    normals: np.ndarray  # [N, 3]

    def image(self, values: np.ndarray) -> np.ndarray:
        """Spread per-texel `values` [N, C] over an image [R, R, C], zero outside."""
        canvas = np.zeros((self.resolution, self.resolution, values.shape[1]), values.dtype)
        canvas[self.rows, self.columns] = values
        return canvas

    def mask(self) -> np.ndarray:
        """Which texels of the atlas are covered [R, R]."""
        covered = np.zeros((self.resolution, self.resolution), bool)
        covered[self.rows, self.columns] = True
        return covered


def build_texels(
    mesh: HeadMesh, resolution: int, located: tuple[np.ndarray, np.ndarray] | None = None
) -> Texels:
    """Rasterise the atlas of `mesh` and carry positions and smooth normals to its texels.

    `located` is the atlas' `texel_map`, where it is known: heads of one topology share it.
    """
    triangle, barycentric = located or texel_map(mesh.uvs, resolution)
    rows, columns = np.nonzero(triangle >= 0)
    index, weights = triangle[rows, columns], barycentric[rows, columns]
    corners = mesh.triangles[index]
    normals = vertex_normals(mesh.vertices, mesh.triangles)
    blended = np.einsum("nk,nkc->nc", weights, normals[corners])
    return Texels(
        resolution=resolution,
        rows=rows,
        columns=columns,
        triangle=index,
        barycentric=weights,
        part=mesh.part[index],
        positions=np.einsum("nk,nkc->nc", weights, mesh.vertices[corners]),
        normals=blended / np.maximum(np.linalg.norm(blended, axis=1, keepdims=True), 1e-12),
    )
