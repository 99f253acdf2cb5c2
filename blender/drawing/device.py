"""Whether this Blender has a GPU now, what kind it is, and its state kept as it was."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import bpy
import gpu
import numpy as np

from ...core.errors import BackendUnavailable
from ..graphics import has_graphics
from .shaders import has_failed

NO_GPU = "Blender has no GPU to draw with here ({}): choose the backend 'cpu', or install a graphics driver."
SHADER_FAILED = (
    "The graphics driver refused a shader (its words stand in the console): update the driver, "
    "or choose the backend 'cpu'."
)


def require_gpu() -> None:
    """Raise BackendUnavailable where nothing can be drawn with `gpu`; wakes it up where that is possible."""
    if has_failed():
        raise BackendUnavailable(SHADER_FAILED)
    try:
        _wake_up()
    except (SystemError, RuntimeError) as error:
        raise BackendUnavailable(NO_GPU.format(error)) from error


def _wake_up() -> None:
    try:
        gpu.state.active_framebuffer_get()
    except SystemError:
        # Blender 5.2 can start its GPU by itself in the background; where no driver is, that ends Blender.
        if not (bpy.app.background and hasattr(gpu, "init") and has_graphics()):
            raise
        gpu.init()
        gpu.state.active_framebuffer_get()


def is_software() -> bool:
    """Whether the GPU is a program on the CPU, which our own C code beats several times over."""
    return gpu.platform.device_type_get() == "SOFTWARE"


@contextmanager
def kept_state() -> Iterator[None]:
    """Put the blending, depth and viewport state of the GPU back, whatever happens inside."""
    blend, test = gpu.state.blend_get(), gpu.state.depth_test_get()
    mask, viewport = gpu.state.depth_mask_get(), gpu.state.viewport_get()
    try:
        yield
    finally:
        gpu.state.blend_set(blend)
        gpu.state.depth_test_set(test)
        gpu.state.depth_mask_set(mask)
        gpu.state.viewport_set(*viewport)


def texture(values: np.ndarray, format: str) -> gpu.types.GPUTexture:
    """A texture of float32 `values` `[H, W]` or `[H, W, C]`, without a copy on the way."""
    values = np.ascontiguousarray(values, np.float32)
    buffer = gpu.types.Buffer("FLOAT", values.size, values.reshape(-1))
    return gpu.types.GPUTexture(values.shape[1::-1], format=format, data=buffer)


def pixels(source: gpu.types.GPUTexture, channels: int) -> np.ndarray:
    """Values `[H, W, channels]` float32 of a texture, bottom row first."""
    buffer = source.read()
    # Blender's buffers of more than one dimension give numpy wrong strides.
    buffer.dimensions = source.width * source.height * channels
    return np.asarray(buffer).reshape(source.height, source.width, channels)
