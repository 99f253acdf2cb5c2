"""One moment of a scene as the engine's passes: surfaces and Gaussians, drawn in strips of finer pixels."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from ..core.camera import MAX_SIDE_PX, Camera
from ..core.errors import RenderError
from ..core.gaussians import Gaussians
from ..core.render import RenderOutput
from ..core.render.mesh import draw_mesh
from .camera import finer_rows
from .colors import TRANSPARENT, Backdrop, combine, opaque
from .occluders import SceneMeshes
from .shading import shade

# What Blender's own engines write where nothing was hit.
EMPTY_DEPTH_M = 1e10
# A pixel shows the head rather than what lies behind it from half coverage on.
DEPTH_ALPHA = 0.5
# Finer pixels drawn at once: bounds the memory of large supersampled pictures.
_MAX_STRIP_PX = 9_000_000

Draw = Callable[[Gaussians, Camera, np.ndarray | None], RenderOutput]
"""A rasteriser for Gaussians, a camera and depth limits, as `core.render.render`."""


@dataclass(frozen=True)
class Shot:
    """What a scene shows at one moment; `world_linear` [3] is None for a transparent film."""

    gaussians: Gaussians
    meshes: SceneMeshes | None
    camera: Camera
    clip_m: tuple[float, float]
    world_linear: np.ndarray | None
    supersampling: int = 1


@dataclass(frozen=True)
class Passes:
    """A picture as Blender takes it, float32, bottom row first.

    `combined` [H, W, 4] is linear and premultiplied, `alphas` [H, W] what the heads cover, `depths` [H, W]
    the nearer of head and surface in metres along the camera's z axis, 1e10 where there is neither; None
    where nobody asks for depths.
    """

    combined: np.ndarray
    alphas: np.ndarray
    depths: np.ndarray | None

    def add(self, other: Passes, weight: float) -> None:
        """Mix in another moment's colours and coverage; depths stay this one's."""
        self.combined[...] += other.combined * np.float32(weight)
        self.alphas[...] += other.alphas * np.float32(weight)


def empty_passes(width: int, height: int, *, has_depths: bool = True) -> Passes:
    """Passes to fill."""
    size = (height, width)
    depths = np.zeros(size, np.float32) if has_depths else None
    return Passes(np.zeros((*size, 4), np.float32), np.zeros(size, np.float32), depths)


def draw_shot(shot: Shot, draw: Draw, passes: Passes) -> Iterator[float]:
    """Fill `passes` with `shot`; yields how much is done (0 to 1) between strips, so that work can stop."""
    camera, factor = shot.camera, shot.supersampling
    if max(camera.width, camera.height) * factor > MAX_SIDE_PX:
        raise RenderError(
            f"Supersampling {factor} makes more than {MAX_SIDE_PX} pixels a side: lower it."
        )
    num_rows = max(1, _MAX_STRIP_PX // (camera.width * factor * factor))
    for first in range(0, camera.height, num_rows):
        rows = slice(first, min(first + num_rows, camera.height))
        finer = finer_rows(camera, factor, rows)
        combined = passes.combined[::-1][rows]
        if factor > 1:
            combined = np.empty((finer.height, finer.width, 4), np.float32)
        output, surface = _draw_strip(shot, finer, draw, combined)
        if factor > 1:
            passes.combined[::-1][rows] = _averaged(combined, factor)
        passes.alphas[::-1][rows] = _averaged(output.alphas, factor)
        if passes.depths is not None:
            passes.depths[::-1][rows] = _typical_depths(_depths(output, surface), factor)
        yield rows.stop / camera.height


def _draw_strip(
    shot: Shot, camera: Camera, draw: Draw, combined: np.ndarray
) -> tuple[RenderOutput, np.ndarray | None]:
    """Fill `combined` `[H, W, 4]`, top row first; the heads, and the surfaces' depths `[H, W]` if any."""
    surface = None
    backdrop = TRANSPARENT if shot.world_linear is None else opaque(shot.world_linear)
    if shot.meshes is not None:
        picture = draw_mesh(shot.meshes.triangles, camera, shot.clip_m)
        if (picture.indices >= 0).any():
            surface = picture.depths
            backdrop = _with_surfaces(shade(picture, shot.meshes, camera), surface, backdrop)
    output = draw(shot.gaussians, camera, surface)
    combine(output.colors, output.alphas, backdrop, combined)
    return output, surface


def _depths(output: RenderOutput, surface: np.ndarray | None) -> np.ndarray:
    """Depths `[H, W]` of what a pixel shows: the head, else a surface, else nothing."""
    behind = np.float32(EMPTY_DEPTH_M)
    if surface is not None:
        behind = np.where(np.isfinite(surface), surface, behind)
    return np.where(output.alphas >= DEPTH_ALPHA, output.depths, behind)


def _with_surfaces(
    shaded: tuple[np.ndarray, np.ndarray], surface: np.ndarray, backdrop: Backdrop
) -> Backdrop:
    """The backdrop with shaded surfaces before it; surfaces that only cut leave nothing there."""
    colors, solid = shaded
    if backdrop.solid is not False:
        open_sky = np.isinf(surface)
        colors[open_sky] = backdrop.colors
        solid = solid | open_sky
    return Backdrop(colors, solid)


def _averaged(image: np.ndarray, factor: int) -> np.ndarray:
    """Means over blocks of `factor` x `factor` pixels."""
    if factor == 1:
        return image
    total = image[::factor, ::factor].copy()
    for k in range(1, factor * factor):
        total += image[k // factor :: factor, k % factor :: factor]
    total *= np.float32(1 / factor**2)
    return total


def _typical_depths(depths: np.ndarray, factor: int) -> np.ndarray:
    """Lower medians over blocks: the surface that covers half a pixel, never a mean of near and far."""
    if factor == 1:
        return depths
    height, width = (size // factor for size in depths.shape)
    blocks = depths.reshape(height, factor, width, factor).swapaxes(1, 2)
    middle = (factor * factor - 1) // 2
    return np.partition(blocks.reshape(height, width, -1), middle, axis=2)[..., middle]
