"""Gaussians on the GPU: uploaded once a frame, sorted once a view, drawn as blended quads."""

from __future__ import annotations

import gpu
import numpy as np

from ...core.camera import Camera
from ...core.gaussians import Gaussians
from ...core.render.packing import back_to_front, camera_block, pack_attributes, pack_order
from .device import texture
from .shaders import QUADS, splat_shader

NO_CLIP = np.eye(4)


class Splats:
    """A set of Gaussians in the GPU's memory."""

    def __init__(self, gaussians: Gaussians) -> None:
        self.gaussians = gaussians
        self._attributes = texture(pack_attributes(gaussians), "RGBA32F")
        self._order: gpu.types.GPUTexture | None = None
        self._num_drawn = 0
        self._sorted_for: tuple[float, ...] | None = None

    def sort(self, viewmat: np.ndarray, *, is_exact: bool) -> bool:
        """Order the set for a view; whether that was needed. Exact for final pictures."""
        wanted = (is_exact, *np.asarray(viewmat)[2, :3])
        if wanted == self._sorted_for:
            return False
        order = back_to_front(self.gaussians, viewmat, is_exact=is_exact)
        self._order, self._num_drawn = texture(pack_order(order), "R32F"), len(order)
        self._sorted_for = wanted
        return True

    def draw(self, camera: Camera, limits: gpu.types.GPUTexture, *, with_depth: bool) -> None:
        """Blend the sorted set into the bound framebuffer, which has the camera's size.

        `limits` holds the depth (m) behind which a pixel shows no Gaussian, bottom row first.
        """
        if self._num_drawn == 0:
            return
        shader = splat_shader(with_depth)
        # Blender holds no reference: what is bound must live until it has been drawn.
        block = camera_buffer(camera, NO_CLIP, self._num_drawn)
        shader.uniform_block("camera", block)
        shader.uniform_sampler("attributes", self._attributes)
        shader.uniform_sampler("order", self._order)
        shader.uniform_sampler("limits", limits)
        gpu.state.depth_test_set("NONE")
        gpu.state.depth_mask_set(False)
        gpu.state.blend_set("ALPHA_PREMULT")
        _quads().draw_instanced(shader, instance_count=-(-self._num_drawn // QUADS))


def camera_buffer(camera: Camera, clip: np.ndarray, num_drawn: int = 0) -> gpu.types.GPUUniformBuf:
    """The camera for every shader; `clip` maps camera space to clip space `[4, 4]`."""
    block = camera_block(camera, clip, num_drawn)
    return gpu.types.GPUUniformBuf(gpu.types.Buffer("FLOAT", block.size, block))


def no_limits() -> gpu.types.GPUTexture:
    """Depth limits that hide nothing, for every pixel the same."""
    return texture(np.full((1, 1), np.inf, np.float32), "R32F")


def _quads() -> gpu.types.GPUBatch:
    """`QUADS` squares from -1 to 1, with the number of the square as third coordinate.

    Made for each draw: a batch that outlives the render's own OpenGL context ends Blender later.
    """
    format = gpu.types.GPUVertFormat()
    format.attr_add(id="corner", comp_type="F32", len=3, fetch_mode="FLOAT")
    corners = np.zeros((QUADS, 4, 3), np.float32)
    corners[..., :2] = [(-1, -1), (1, -1), (-1, 1), (1, 1)]
    corners[..., 2] = np.arange(QUADS)[:, None]
    vertices = gpu.types.GPUVertBuf(format=format, len=QUADS * 4)
    vertices.attr_fill(id="corner", data=corners.reshape(-1, 3))
    triangles = np.array([(0, 1, 2), (2, 1, 3)]) + 4 * np.arange(QUADS)[:, None, None]
    indices = gpu.types.GPUIndexBuf(type="TRIS", seq=triangles.reshape(-1, 3).astype(np.int32))
    return gpu.types.GPUBatch(type="TRIS", buf=vertices, elem=indices)
