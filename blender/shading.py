"""A simple picture of the scene's meshes: plain colours under a soft light beside the camera."""

from __future__ import annotations

import numpy as np

from ..core.camera import Camera
from ..core.render.mesh import MeshPicture
from .colors import linear_to_srgb
from .occluders import SceneMeshes

# In camera axes (x right, y down, z forward): the light stands above the camera's left shoulder.
_TO_LIGHT = np.array([-0.4, -0.6, -1.0], np.float32)
# What a surface keeps where it faces away from the light: heads carry soft studio light.
_AMBIENT = np.float32(0.25)


def shade(
    picture: MeshPicture, meshes: SceneMeshes, camera: Camera
) -> tuple[np.ndarray, np.ndarray]:
    """Display-referred sRGB `[H, W, 3]` of the visible surfaces, zero elsewhere, and where they are `[H, W]`.

    Surfaces that only cut stay zero and are not among them.
    """
    solid = picture.indices >= 0
    solid[solid] = ~meshes.is_holdout[picture.indices[solid]]
    colors = np.zeros((*solid.shape, 3), np.float32)
    hit = picture.indices[solid]
    normals = _camera_normals(hit, picture.barycentrics[solid], meshes, camera)
    rays = _rays(camera, solid)
    # Both sides of a surface are seen: the normal that looks at the camera counts.
    facing = np.where(np.einsum("pk,pk->p", normals, rays) > 0, np.float32(-1), np.float32(1))
    lit = facing * (normals @ (_TO_LIGHT / np.linalg.norm(_TO_LIGHT)))
    light = _AMBIENT + (1 - _AMBIENT) * np.maximum(lit, 0)
    colors[solid] = linear_to_srgb(meshes.colors[hit] * light[:, None])
    return colors, solid


def _camera_normals(
    hit: np.ndarray, barycentrics: np.ndarray, meshes: SceneMeshes, camera: Camera
) -> np.ndarray:
    """Unit normals `[P, 3]` in camera axes at the hit points."""
    ids = meshes.normal_ids[hit]
    second, third = barycentrics[:, :1], barycentrics[:, 1:]
    normals = meshes.normals[ids[:, 0]] * (1 - second - third)
    normals += meshes.normals[ids[:, 1]] * second
    normals += meshes.normals[ids[:, 2]] * third
    matrices = (camera.viewmat[:3, :3] @ meshes.normal_matrices).astype(np.float32)
    turned = np.einsum("pij,pj->pi", matrices[meshes.owners[hit]], normals)
    lengths = np.linalg.norm(turned, axis=1, keepdims=True)
    return turned / np.maximum(lengths, np.float32(1e-30))


def _rays(camera: Camera, chosen: np.ndarray) -> np.ndarray:
    """Directions `[P, 3]` in camera axes from the eye through the chosen pixels."""
    rows, columns = np.nonzero(chosen)
    rays = np.zeros((len(rows), 3), np.float32)
    rays[:, 2] = 1.0
    if not camera.is_orthographic:
        rays[:, 0] = (columns + 0.5 - camera.K[0, 2]) / camera.K[0, 0]
        rays[:, 1] = (rows + 0.5 - camera.K[1, 2]) / camera.K[1, 1]
    return rays
