"""Pictures of a captured person from any camera, drawn without Blender from mesh and lit texture."""

from __future__ import annotations

import numpy as np

from ...core.camera import Camera
from ...core.render.mesh import draw_mesh
from ..capture.image import linear_to_srgb, sample, srgb_to_linear
from .layout import Topology
from .reader import resized


def draw_surface(
    vertices: np.ndarray, topology: Topology, radiance: np.ndarray, camera: Camera
) -> tuple[np.ndarray, np.ndarray]:
    """Linear colours [H, W, 3] (black outside) and depths [H, W] (m, infinite outside) of the mesh.

    `vertices` are [V, 3] in metres, `radiance` [R, R, 3] is the atlas in linear light.
    """
    corners = vertices[topology.triangles].astype(np.float32)
    picture = draw_mesh(corners, camera)
    seen = picture.indices >= 0
    second_third = picture.barycentrics[seen]
    weights = np.c_[1.0 - second_third.sum(1), second_third]
    uv = np.einsum("nk,nkc->nc", weights, topology.uvs[picture.indices[seen]])
    colors = np.zeros((*seen.shape, 3), np.float32)
    colors[seen] = sample(radiance, uv)
    return colors, picture.depths


def draw_target(
    vertices: np.ndarray,
    topology: Topology,
    texture: np.ndarray,
    camera: Camera,
    oversampling: int = 2,
) -> np.ndarray:
    """RGBA picture [H, W, 4] uint8 (straight alpha) of a frame with its lit sRGB texture [R, R, 3]."""
    fine = resized(camera, camera.width * oversampling, camera.height * oversampling)
    colors, depths = draw_surface(vertices, topology, srgb_to_linear(texture), fine)
    rgba = np.dstack([colors, np.isfinite(depths)])
    blocks = (camera.height, oversampling, camera.width, oversampling, 4)
    rgba = rgba.reshape(blocks).mean(axis=(1, 3))
    alpha = rgba[..., 3:]
    straight = linear_to_srgb(rgba[..., :3] / np.maximum(alpha, 1e-6))
    return np.round(np.concatenate([straight, alpha], axis=2) * 255).astype(np.uint8)
