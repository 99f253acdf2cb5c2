"""The last step: finished textures onto the framebuffer that Blender gave us, in one draw."""

from __future__ import annotations

import gpu
import numpy as np

from .shaders import overlay_shader, scene_shader
from .splats import camera_buffer
from .view import View


def show_scene(
    heads: gpu.types.GPUTexture, surfaces: gpu.types.GPUTexture, background: tuple[float, ...]
) -> None:
    """Heads over surfaces over `background`, display-referred premultiplied RGBA, into linear light."""
    shader = scene_shader()
    shader.bind()
    shader.uniform_float("background", background)
    shader.uniform_float("region", _region())
    shader.uniform_sampler("heads", heads)
    shader.uniform_sampler("surfaces", surfaces)
    gpu.state.depth_test_set("NONE")
    gpu.state.depth_mask_set(False)
    gpu.state.blend_set("ALPHA_PREMULT")
    _screen().draw(shader)


def show_overlay(
    view: View,
    heads: gpu.types.GPUTexture,
    depths: gpu.types.GPUTexture,
    proxies: gpu.types.GPUTexture,
) -> None:
    """Heads into linear light where nothing of the picture there is nearer; its depth stays as it is."""
    shader = overlay_shader()
    shader.bind()
    block = camera_buffer(view.camera, view.clip)
    shader.uniform_block("camera", block)
    shader.uniform_float("region", _region())
    shader.uniform_sampler("heads", heads)
    shader.uniform_sampler("depths", depths)
    shader.uniform_sampler("proxies", proxies)
    gpu.state.depth_test_set("LESS_EQUAL")
    gpu.state.depth_mask_set(False)
    gpu.state.blend_set("ALPHA_PREMULT")
    _screen().draw(shader)


def _region() -> tuple[float, ...]:
    return tuple(float(value) for value in gpu.state.viewport_get())


def _screen() -> gpu.types.GPUBatch:
    format = gpu.types.GPUVertFormat()
    format.attr_add(id="pos", comp_type="F32", len=2, fetch_mode="FLOAT")
    vertices = gpu.types.GPUVertBuf(format=format, len=4)
    corners = np.array([(-1, -1), (1, -1), (-1, 1), (1, 1)], np.float32)
    vertices.attr_fill(id="pos", data=corners)
    return gpu.types.GPUBatch(type="TRI_STRIP", buf=vertices)
