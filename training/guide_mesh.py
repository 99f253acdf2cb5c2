"""A light mesh of the head's outside for selecting, snapping and casting shadows."""

from __future__ import annotations

import numpy as np


def decimate(
    vertices: np.ndarray, triangles: np.ndarray, max_triangles: int
) -> tuple[np.ndarray, np.ndarray]:
    """Cluster vertices in ever larger cells until at most `max_triangles` are left.

    Returns float32 vertices `[V, 3]` (m) and int32 triangles `[F, 3]`; clusters keep their mean.
    """
    used, triangles = np.unique(triangles, return_inverse=True)
    vertices, triangles = vertices[used], triangles.reshape(-1, 3)
    cell_m = 2e-3
    while True:
        points, faces = _clustered(vertices, triangles, cell_m)
        if len(faces) <= max_triangles:
            return points.astype(np.float32), faces.astype(np.int32)
        cell_m *= 1.08


def _clustered(
    vertices: np.ndarray, triangles: np.ndarray, cell_m: float
) -> tuple[np.ndarray, np.ndarray]:
    cells = np.floor(vertices / cell_m).astype(int)
    _, cluster = np.unique(cells, axis=0, return_inverse=True)
    cluster = cluster.ravel()
    sizes = np.bincount(cluster)
    points = np.stack([np.bincount(cluster, axis) / sizes for axis in vertices.T], axis=1)
    faces = cluster[triangles]
    whole = (
        (faces[:, 0] != faces[:, 1]) & (faces[:, 1] != faces[:, 2]) & (faces[:, 2] != faces[:, 0])
    )
    faces = faces[whole]
    # The same three corners twice would be two coincident faces.
    _, first = np.unique(np.sort(faces, axis=1), axis=0, return_index=True)
    faces = faces[np.sort(first)]
    kept, faces = np.unique(faces, return_inverse=True)
    return points[kept], faces.reshape(-1, 3)
