"""Opaque meshes on the GPU: their depth, and a simple picture of them, for the heads to stand among."""

from __future__ import annotations

import itertools
from collections.abc import Iterable

import gpu
import numpy as np
from mathutils import Matrix

from ..occluders import PlacedShape
from ..shapes import Shape
from .shaders import mesh_shader
from .splats import camera_buffer
from .targets import Target
from .view import View

COLORED = {"depth": "R32F", "color": "RGBA16F"}
DEPTH_ONLY = {"depth": "R32F"}

# No two sets that were ever shown have the same number.
_versions = itertools.count(1)
_BatchKey = tuple[int, bytes]


class Surfaces:
    """Meshes in the GPU's memory, each uploaded when it changes and not when it moves."""

    def __init__(self) -> None:
        self._batches: dict[_BatchKey, tuple[Shape, gpu.types.GPUBatch]] = {}
        self._placed: list[tuple[_BatchKey, np.ndarray, bool]] = []
        self.version = 0

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing to draw."""
        return not self._placed

    def update(self, placed: Iterable[PlacedShape]) -> None:
        """Show these from now on."""
        found: dict[_BatchKey, tuple[Shape, gpu.types.GPUBatch]] = {}
        self._placed = []
        for item in placed:
            # The shape is kept with its batch, so no other one can get its number.
            key = (id(item.shape), item.colors.tobytes())
            if key not in found:
                kept = self._batches.get(key)
                found[key] = kept or (item.shape, _batch(item.shape, item.colors))
            self._placed.append((key, item.matrix, item.is_holdout))
        self._batches = found
        self.version = next(_versions)

    def draw(self, view: View, target: Target) -> None:
        """Fill `target` (of the formats above): depth in metres, infinite where nothing is."""
        with_color = "color" in target.textures
        shader = mesh_shader(with_color)
        block = camera_buffer(view.camera, view.clip)
        with target.bind():
            target.clear(depth=np.inf)
            gpu.state.blend_set("NONE")
            gpu.state.depth_test_set("LESS_EQUAL")
            gpu.state.depth_mask_set(True)
            for key, matrix, is_holdout in self._placed:
                shader.bind()
                shader.uniform_block("camera", block)
                shader.uniform_float("model", Matrix(matrix))
                if with_color:
                    shader.uniform_float("is_solid", 0.0 if is_holdout else 1.0)
                self._batches[key][1].draw(shader)


def _batch(shape: Shape, colors: np.ndarray) -> gpu.types.GPUBatch:
    """Triangles with a position, a normal and a linear colour at every corner."""
    slots = np.minimum(shape.slots, len(colors) - 1)
    attributes = {
        "pos": shape.vertices[shape.corners],
        "nor": shape.normals[shape.normal_ids],
        "base": np.repeat(colors[slots][:, None], 3, axis=1),
    }
    format = gpu.types.GPUVertFormat()
    for name in attributes:
        format.attr_add(id=name, comp_type="F32", len=3, fetch_mode="FLOAT")
    vertices = gpu.types.GPUVertBuf(format=format, len=shape.num_triangles * 3)
    for name, values in attributes.items():
        vertices.attr_fill(id=name, data=np.ascontiguousarray(values, np.float32).reshape(-1, 3))
    return gpu.types.GPUBatch(type="TRIS", buf=vertices)
