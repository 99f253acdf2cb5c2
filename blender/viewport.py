"""The rendered viewport of our engine: heads among simply shaded meshes over the world's colour."""

from __future__ import annotations

from collections.abc import Iterable

import bpy
import gpu
import numpy as np

from ..core.errors import BackendUnavailable, GaussianHeadsError
from ..core.gaussians import concatenate
from ..core.render import render
from .colors import combined_pass, linear_to_srgb
from .drawing.device import kept_state, require_gpu
from .drawing.heads import HeadPicture, Heads, drawing_backend
from .drawing.screen import show_scene
from .drawing.surfaces import COLORED, Surfaces
from .drawing.targets import Target
from .drawing.view import View, region_view
from .gathering import gather_heads, joined
from .occluders import PlacedShape, placed_shapes
from .world import world_color

# Where a processor draws, a picture of more pixels is made smaller and stretched; less while time runs.
MAX_PIXELS, MAX_PIXELS_PLAYING = 2_000_000, 300_000
NO_HEAD = "There is no visible avatar: load one in the sidebar's Gaussian Heads tab, or show it."


class ViewportPicture:
    """What one viewport shows; belongs to its engine instance."""

    def __init__(self) -> None:
        self._is_stale = True
        self._gaussians = concatenate([])
        self._heads = Heads()
        self._surfaces = Surfaces()
        self._picture = HeadPicture()
        self._surfaces_target: Target | None = None
        self._surfaces_key: object = None
        self._fault = ""
        self.sentence = ""

    def forget_scene(self) -> None:
        """Something in the scene changed: look at it again before the next picture."""
        self._is_stale = True

    def draw(self, context: bpy.types.Context, depsgraph: bpy.types.Depsgraph) -> None:
        """Draw the picture over the whole region, in linear light; a refusal becomes `sentence`."""
        # The scene as it was set, not as it was evaluated: a script's setting counts at once.
        scene = depsgraph.scene
        self._look(depsgraph)
        self.sentence = self._fault
        try:
            self._draw(context, scene)
        except BackendUnavailable as error:
            self.sentence = str(error)
            _show_plainly(context, scene, self._heads)
        except GaussianHeadsError as error:
            self.sentence = str(error)

    def _look(self, depsgraph: bpy.types.Depsgraph) -> None:
        if self._is_stale:
            faults: list[str] = []
            heads = gather_heads(depsgraph, [], faults)
            self._gaussians = joined([head.gaussians for head in heads])
            self._fault = faults[0] if faults else ""
            self._surfaces.update(_shapes(depsgraph))
            self._is_stale = False
        self._heads.update(self._gaussians, depsgraph.scene.gaussian_heads.viewport_density)

    def _draw(self, context: bpy.types.Context, scene: bpy.types.Scene) -> None:
        require_gpu()
        backend = drawing_backend(scene.gaussian_heads.backend)
        size = context.region.width, context.region.height
        if backend != "gpu":
            size = picture_size(*size, most_pixels(context))
        view = region_view(context.region_data, size, self._heads.gaussians.means)
        background = _background(scene)
        with kept_state():
            surfaces = self._drawn_surfaces(view)
            limits = None if self._surfaces.is_empty else surfaces.textures["depth"]
            self._picture.draw(
                self._heads, view, limits, key=self._surfaces.version, backend=backend
            )
            show_scene(self._picture.color, surfaces.textures["color"], background)
        if not self.sentence:
            self.sentence = self._statistics(scene)

    def _drawn_surfaces(self, view: View) -> Target:
        if self._surfaces_target is None or self._surfaces_target.size != view.size:
            self._surfaces_target, self._surfaces_key = Target(view.size, COLORED, True), None
        key = (self._surfaces.version, view.key)
        if key != self._surfaces_key:
            self._surfaces.draw(view, self._surfaces_target)
            self._surfaces_key = key
        return self._surfaces_target

    def _statistics(self, scene: bpy.types.Scene) -> str:
        count = self._heads.gaussians.num_gaussians
        if not count:
            return NO_HEAD
        by = self._picture.drawn_by
        reason = ""
        if by == "cpu" and scene.gaussian_heads.backend == "auto":
            reason = ", faster than this computer's software graphics driver"
        return f"{count:,} Gaussians, drawn by the {by.upper()}{reason}"


def picture_size(width: int, height: int, most: int) -> tuple[int, int]:
    """Size of the picture for a region of `width` x `height` pixels, with at most `most` of them."""
    factor = min(1.0, (most / max(1, width * height)) ** 0.5)
    return max(1, round(width * factor)), max(1, round(height * factor))


def most_pixels(context: bpy.types.Context) -> int:
    """How many pixels a processor should draw here."""
    is_playing = context.screen is not None and context.screen.is_animation_playing
    return MAX_PIXELS_PLAYING if is_playing else MAX_PIXELS


def _background(scene: bpy.types.Scene) -> tuple[float, ...]:
    """Display-referred premultiplied RGBA behind everything."""
    if scene.render.film_transparent:
        return (0.0, 0.0, 0.0, 0.0)
    return (*(float(value) for value in linear_to_srgb(world_color(scene.world))), 1.0)


def _shapes(depsgraph: bpy.types.Depsgraph) -> Iterable[PlacedShape]:
    """What stands among the heads, as the scene's render settings say."""
    meshes = depsgraph.scene.gaussian_heads.meshes
    return () if meshes == "IGNORE" else placed_shapes(depsgraph, meshes == "HOLDOUT")


def _show_plainly(context: bpy.types.Context, scene: bpy.types.Scene, heads: Heads) -> None:
    """The processor's picture through Blender's own shader, for drivers that refuse ours."""
    from gpu_extras.presets import draw_texture_2d

    region = context.region
    size = picture_size(region.width, region.height, most_pixels(context))
    view = region_view(context.region_data, size, heads.gaussians.means)
    output = render(heads.gaussians, view.camera)
    behind = None if scene.render.film_transparent else world_color(scene.world)
    pixels = np.ascontiguousarray(combined_pass(output.colors, output.alphas, behind), np.float32)
    buffer = gpu.types.Buffer("FLOAT", pixels.size, pixels.ravel())
    texture = gpu.types.GPUTexture(size, format="RGBA16F", data=buffer)
    gpu.state.blend_set("ALPHA_PREMULT")
    draw_texture_2d(texture, (0, 0), region.width, region.height)
    gpu.state.blend_set("NONE")
