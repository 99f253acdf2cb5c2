"""Pictures of a captured person from any camera, drawn without Blender from mesh, lit texture and strands."""

from __future__ import annotations

import numpy as np

from ...core.camera import Camera
from ...core.render.cpu import render
from ...core.render.mesh import draw_mesh
from ..head_light import sample_atlas
from ..srgb import linear_to_srgb, srgb_to_linear
from ..strands import Strands
from .layout import NEUTRAL_FRAME, CaptureError, Topology
from .reader import Subject, resized
from .strand_gaussians import strand_gaussians

# Strands leave the skin from just below it.
ROOT_DEPTH_M = 0.0001


def draw_frame(subject: Subject, frame: str, camera: Camera, oversampling: int = 2) -> np.ndarray:
    """RGBA picture [H, W, 4] uint8 (straight alpha) of one frame that has a lit texture."""
    texture = subject.texture(frame)
    if texture is None and frame == NEUTRAL_FRAME:
        texture = subject.neutral_texture()
    if texture is None:
        raise CaptureError(
            f"Frame '{frame}' of '{subject.name}' has no texture: choose one whose light was baked."
        )
    vertices = subject.frame_vertices(frame)
    triangles = subject.topology.triangles
    before, after = subject.neutral_vertices[triangles], vertices[triangles]
    strands = {name: group.carried(before, after) for name, group in subject.strands().items()}
    return draw_target(vertices, subject.topology, texture, camera, strands, oversampling)


def draw_target(
    vertices: np.ndarray,
    topology: Topology,
    texture: np.ndarray,
    camera: Camera,
    strands: dict[str, Strands] | None = None,
    oversampling: int = 2,
) -> np.ndarray:
    """RGBA picture [H, W, 4] uint8 (straight alpha) of vertices [V, 3] (m) with an sRGB texture.

    `strands` hang on those vertices already and have linear colours; light adds up linearly.
    """
    radiance = srgb_to_linear(texture)
    return draw_lit(vertices, topology, radiance, camera, strands, oversampling)


def draw_lit(
    vertices: np.ndarray,
    topology: Topology,
    radiance: np.ndarray,
    camera: Camera,
    strands: dict[str, Strands] | None = None,
    oversampling: int = 2,
) -> np.ndarray:
    """The picture that `draw_target` draws, from an atlas [R, R, 3] in linear light."""
    fine = resized(camera, camera.width * oversampling, camera.height * oversampling)
    colors, depths = draw_surface(vertices, topology, radiance, fine)
    rgba = np.dstack([colors, np.isfinite(depths)])
    for group in (strands or {}).values():
        hair = render(
            strand_gaussians(group, fine), fine, depth_limits=depths + np.float32(ROOT_DEPTH_M)
        )
        over = np.dstack([hair.colors, hair.alphas])
        rgba = over + rgba * (1.0 - over[..., 3:])
    blocks = (camera.height, oversampling, camera.width, oversampling, 4)
    rgba = rgba.reshape(blocks).mean(axis=(1, 3))
    alpha = rgba[..., 3:]
    straight = linear_to_srgb(rgba[..., :3] / np.maximum(alpha, 1e-6))
    return np.round(np.concatenate([straight, alpha], axis=2) * 255).astype(np.uint8)


def draw_surface(
    vertices: np.ndarray, topology: Topology, radiance: np.ndarray, camera: Camera
) -> tuple[np.ndarray, np.ndarray]:
    """Linear colours [H, W, 3] (black outside) and depths [H, W] (m, infinite outside) of the mesh.

    `vertices` are [V, 3] in metres, `radiance` [R, R, 3] is the atlas in linear light.
    """
    picture = draw_mesh(vertices[topology.triangles].astype(np.float32), camera)
    seen = picture.indices >= 0
    second_third = picture.barycentrics[seen]
    weights = np.c_[1.0 - second_third.sum(1), second_third]
    uv = np.einsum("nk,nkc->nc", weights, topology.uvs[picture.indices[seen]])
    colors = np.zeros((*seen.shape, 3), np.float32)
    colors[seen] = sample_atlas(radiance, uv)
    return colors, picture.depths
