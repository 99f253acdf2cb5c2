"""The linear rig of a studio head, as the studio poses it."""

from __future__ import annotations

import numpy as np

from ..core.spaces import ARKIT_BLENDSHAPES
from .head_folder import HeadMesh


def pose_mesh(mesh: HeadMesh, weights: dict[str, float]) -> np.ndarray:
    """Vertices `[V, 3]` of the linear rig under named control weights."""
    vertices = mesh.vertices.copy()
    for name, weight in weights.items():
        vertices += weight * mesh.controls[ARKIT_BLENDSHAPES.index(name)]
    return vertices


def vertex_normals(mesh: HeadMesh) -> np.ndarray:
    """Area-weighted unit normals `[V, 3]` of the neutral mesh."""
    corners = mesh.vertices[mesh.triangles]
    cross = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    normals = np.zeros_like(mesh.vertices)
    for corner in range(3):
        np.add.at(normals, mesh.triangles[:, corner], cross)
    return normals / np.maximum(np.linalg.norm(normals, axis=1, keepdims=True), 1e-12)
