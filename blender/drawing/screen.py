"""The last step: finished textures onto the framebuffer that Blender gave us, in one draw."""

from __future__ import annotations

from collections.abc import Sequence

import gpu
import numpy as np

from ..camera import RenderWindow
from .shaders import overlay_shader, scene_shader
from .splats import camera_buffer
from .view import View, window_edges


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
    *,
    window: RenderWindow | None = None,
) -> None:
    """Heads into linear light where nothing of the picture there is nearer; its depth stays as it is.

    All textures show the part `window` of the region, or all of it.
    """
    window = window or RenderWindow(*view.size, 0, 0, *view.size)
    shader = overlay_shader()
    shader.bind()
    block = camera_buffer(view.camera, view.clip)
    shader.uniform_block("camera", block)
    left, bottom, width, height = _region()
    edges = window_edges(window)
    origin = left + edges[0] * width, bottom + edges[1] * height
    size = (edges[2] - edges[0]) * width, (edges[3] - edges[1]) * height
    shader.uniform_float("region", (*origin, *size))
    shader.uniform_sampler("heads", heads)
    shader.uniform_sampler("depths", depths)
    shader.uniform_sampler("proxies", proxies)
    gpu.state.depth_test_set("LESS_EQUAL")
    gpu.state.depth_mask_set(False)
    gpu.state.blend_set("ALPHA_PREMULT")
    _screen(edges * 2.0 - 1.0).draw(shader)


def _region() -> tuple[float, ...]:
    return tuple(float(value) for value in gpu.state.viewport_get())


def _screen(edges: Sequence[float] = (-1.0, -1.0, 1.0, 1.0)) -> gpu.types.GPUBatch:
    left, bottom, right, top = edges
    format = gpu.types.GPUVertFormat()
    format.attr_add(id="pos", comp_type="F32", len=2, fetch_mode="FLOAT")
    vertices = gpu.types.GPUVertBuf(format=format, len=4)
    corners = np.array([(left, bottom), (right, bottom), (left, top), (right, top)], np.float32)
    vertices.attr_fill(id="pos", data=corners)
    return gpu.types.GPUBatch(type="TRI_STRIP", buf=vertices)
