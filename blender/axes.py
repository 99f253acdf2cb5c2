"""The one conversion between the avatar frame (+Y up, +Z out of the face) and Blender's Z-up world.

In the object's space the head looks along -Y, as Blender's front view expects; +X stays the person's left.
"""

from __future__ import annotations

import numpy as np

from ..core.errors import RenderError

AVATAR_TO_OBJECT = np.array(
    [[1.0, 0.0, 0.0, 0.0], [0.0, 0.0, -1.0, 0.0], [0.0, 1.0, 0.0, 0.0], [0.0, 0.0, 0.0, 1.0]]
)


def to_object_space(points: np.ndarray) -> np.ndarray:
    """Points `[N, 3]` (m) of the avatar frame in the proxy object's own space, float32."""
    return (np.asarray(points, np.float64) @ AVATAR_TO_OBJECT[:3, :3].T).astype(np.float32)


def world_to_avatar(obj: object) -> np.ndarray:
    """`[4, 4]` float64 from the world to the avatar frame of an evaluated object."""
    matrix = avatar_to_world(obj.matrix_world)
    try:
        if np.isfinite(matrix).all():
            return np.linalg.inv(matrix)
    except np.linalg.LinAlgError:
        # A scale of zero; the sentence is the same.
        pass
    raise RenderError(f"'{obj.name}' has no size or no place: set its scale and location again.")


def avatar_to_world(matrix_world: object) -> np.ndarray:
    """`[4, 4]` float64 from the avatar frame to the world, for an object's 4x4 `matrix_world`."""
    return np.array(matrix_world, np.float64) @ AVATAR_TO_OBJECT
