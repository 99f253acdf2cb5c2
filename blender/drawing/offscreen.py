"""The backend "gpu": a picture drawn off the screen and read back, for final frames."""

from __future__ import annotations

import gpu
import numpy as np

from ...core.camera import Camera
from ...core.errors import BackendUnavailable
from ...core.gaussians import Gaussians
from ...core.render import RenderOutput
from .device import is_software, kept_state, pixels, require_gpu, texture
from .splats import Splats, no_limits
from .targets import Target


def draw(
    gaussians: Gaussians,
    camera: Camera,
    background: np.ndarray | None,
    depth_limits: np.ndarray | None,
) -> RenderOutput:
    """Draw with Blender's GPU; see `core.render.render` for the arguments."""
    require_gpu()
    largest = gpu.capabilities.max_texture_size_get()
    if max(camera.width, camera.height) > largest:
        raise BackendUnavailable(
            f"This GPU draws at most {largest} pixels a side: choose the backend 'cpu' or a smaller picture."
        )
    target = Target((camera.width, camera.height), _formats())
    splats = Splats(gaussians)
    splats.sort(camera.viewmat, is_exact=True)
    limits = no_limits() if depth_limits is None else texture(depth_limits[::-1], "R32F")
    with kept_state(), target.bind():
        target.clear()
        splats.draw(camera, limits, with_depth=True)
    return _output(target, background)


def is_automatic() -> bool:
    """Whether "auto" should draw here: a real GPU is at hand; a software one is slower than our C code."""
    try:
        require_gpu()
    except BackendUnavailable:
        return False
    return not is_software()


def _formats() -> dict[str, str]:
    """Single floats: half floats would round after every one of a pixel's hundred splats (64 dB, not 90)."""
    # Metal does not promise to blend four single floats.
    is_metal = gpu.platform.backend_type_get() == "METAL"
    return {"color": "RGBA16F" if is_metal else "RGBA32F", "depth": "R32F"}


def _output(target: Target, background: np.ndarray | None) -> RenderOutput:
    rgba = pixels(target.textures["color"], 4)[::-1]
    weighted = pixels(target.textures["depth"], 1)[::-1, :, 0]
    colors, alphas = rgba[..., :3].copy(), rgba[..., 3].copy()
    if background is not None:
        colors += (1 - alphas[..., None]) * np.asarray(background, np.float32)
    depths = np.divide(weighted, alphas, out=np.zeros_like(alphas), where=alphas > 0)
    return RenderOutput(colors, alphas, depths)
