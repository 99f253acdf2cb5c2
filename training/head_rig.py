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
