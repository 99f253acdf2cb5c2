"""The shaders of the splats, the meshes and the last step to the screen; compiled at first use.

Shaders stay for the life of the process: freeing one that several OpenGL contexts used, as a render and a
viewport do, has crashed Mesa at a later draw.
"""

from __future__ import annotations

from functools import cache

import gpu

from ...core.render.packing import ROW_GAUSSIANS, ROW_ORDER, TEXELS
from . import glsl

# Quads in one instance. A quad an instance would leave most of a GPU's lanes empty.
QUADS = 256

_DEFINES = {
    "QUADS": QUADS,
    "ROW_GAUSSIANS": ROW_GAUSSIANS,
    "ROW_ORDER": ROW_ORDER,
    "TEXELS": TEXELS,
}
_failed: list[bool] = []


def has_failed() -> bool:
    """Whether the driver refused a shader of ours."""
    return bool(_failed)


@cache
def splat_shader(with_depth: bool) -> gpu.types.GPUShader:
    """Draws splats back to front; with a second target for depth times alpha on request."""
    info = _with_camera()
    for name, value in _DEFINES.items():
        info.define(name, str(value))
    for slot, name in enumerate(("attributes", "order", "limits")):
        info.sampler(slot, "FLOAT_2D", name)
    info.vertex_in(0, "VEC3", "corner")
    between = gpu.types.GPUStageInterfaceInfo("gaussian_heads_splat")
    between.smooth("VEC2", "offset")
    between.flat("VEC4", "color")
    between.flat("FLOAT", "depth")
    info.vertex_out(between)
    info.fragment_out(0, "VEC4", "blended")
    if with_depth:
        info.define("WITH_DEPTH", "1")
        info.fragment_out(1, "VEC4", "weighted_depth")
    return _compiled(info, glsl.SPLAT_VERTEX, glsl.SPLAT_FRAGMENT)


@cache
def mesh_shader(with_color: bool) -> gpu.types.GPUShader:
    """Draws opaque meshes: depth (m) along the camera's axis, and a shaded colour on request."""
    info = _with_camera()
    info.push_constant("MAT4", "model")
    info.vertex_in(0, "VEC3", "pos")
    info.vertex_in(1, "VEC3", "nor")
    between = gpu.types.GPUStageInterfaceInfo("gaussian_heads_mesh")
    between.smooth("VEC3", "facing")
    between.smooth("VEC3", "place")
    info.fragment_out(0, "VEC4", "surface_depth")
    if with_color:
        info.define("WITH_COLOR", "1")
        info.vertex_in(2, "VEC3", "base")
        info.push_constant("FLOAT", "is_solid")
        between.flat("VEC3", "tint")
        info.fragment_out(1, "VEC4", "shaded")
    info.vertex_out(between)
    return _compiled(info, glsl.MESH_VERTEX, glsl.SRGB + glsl.MESH_FRAGMENT)


@cache
def scene_shader() -> gpu.types.GPUShader:
    """Heads over surfaces over a background, all display-referred and premultiplied, in linear light."""
    info = _on_screen("heads", "surfaces")
    info.push_constant("VEC4", "background")
    info.fragment_out(0, "VEC4", "shown")
    return _compiled(info, glsl.SCREEN_VERTEX, glsl.SRGB + glsl.SCENE_FRAGMENT)


@cache
def overlay_shader() -> gpu.types.GPUShader:
    """Heads in linear light at their own depth, to be tested against a picture by somebody else."""
    info = _on_screen("heads", "depths", "proxies")
    _add_camera(info)
    info.depth_write("ANY")
    info.fragment_out(0, "VEC4", "shown")
    return _compiled(info, glsl.SCREEN_VERTEX, glsl.SRGB + glsl.OVERLAY_FRAGMENT)


def _with_camera() -> gpu.types.GPUShaderCreateInfo:
    info = gpu.types.GPUShaderCreateInfo()
    _add_camera(info)
    return info


def _add_camera(info: gpu.types.GPUShaderCreateInfo) -> None:
    # 176 bytes: push constants are promised for 128 only.
    info.typedef_source(glsl.CAMERA_BLOCK)
    info.uniform_buf(0, "CameraBlock", "camera")


def _on_screen(*textures: str) -> gpu.types.GPUShaderCreateInfo:
    info = gpu.types.GPUShaderCreateInfo()
    info.vertex_in(0, "VEC2", "pos")
    info.push_constant("VEC4", "region")
    for slot, name in enumerate(textures):
        info.sampler(slot, "FLOAT_2D", name)
    return info


def _compiled(
    info: gpu.types.GPUShaderCreateInfo, vertex: str, fragment: str
) -> gpu.types.GPUShader:
    info.vertex_source(vertex)
    info.fragment_source(fragment)
    # Blender raises a plain Exception here, once; whoever asks again gets a sentence from `device`.
    _failed[:] = [True]
    shader = gpu.shader.create_from_info(info)
    _failed.clear()
    return shader
