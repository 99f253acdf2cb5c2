"""The rendered viewport: the CPU's picture, shown as a texture and made again only when something changed."""

from __future__ import annotations

import bpy
import numpy as np

from ..core.camera import Camera
from ..core.errors import GaussianHeadsError
from ..core.gaussians import Gaussians
from ..core.render import render
from .camera import RenderWindow, opencv_axes, pixel_intrinsics
from .colors import combined_pass
from .gathering import gather_gaussians
from .world import world_color

# Beyond this many pixels the picture is made smaller and stretched; while time runs, speed counts more.
MAX_PIXELS, MAX_PIXELS_PLAYING = 2_000_000, 300_000
# An orthographic view is drawn as a very long lens from this far behind the view's own plane.
ORTHOGRAPHIC_DISTANCE_M = 60.0


class ViewportPicture:
    """What one viewport shows; belongs to its engine instance."""

    def __init__(self) -> None:
        self._key: object = None
        self._texture: object = None
        self._gaussians: Gaussians | None = None
        self.sentence = ""

    def forget_scene(self) -> None:
        """Something in the scene changed: decode again before the next picture."""
        self._gaussians = None
        self._key = None

    def draw(self, context: bpy.types.Context, depsgraph: bpy.types.Depsgraph) -> None:
        """Draw the picture over the whole region, in linear light."""
        import gpu
        from gpu_extras.presets import draw_texture_2d

        region = context.region
        is_playing = context.screen is not None and context.screen.is_animation_playing
        most = MAX_PIXELS_PLAYING if is_playing else MAX_PIXELS
        size = picture_size(region.width, region.height, most)
        view = context.region_data
        key = (size, *(tuple(v) for v in view.view_matrix), *(tuple(v) for v in view.window_matrix))
        if key != self._key:
            pixels = self._pixels(depsgraph, view, size)
            buffer = gpu.types.Buffer("FLOAT", pixels.size, pixels.ravel())
            self._texture = gpu.types.GPUTexture(size, format="RGBA16F", data=buffer)
            self._key = key
        gpu.state.blend_set("ALPHA_PREMULT")
        draw_texture_2d(self._texture, (0, 0), region.width, region.height)
        gpu.state.blend_set("NONE")

    def _pixels(
        self, depsgraph: bpy.types.Depsgraph, view: bpy.types.RegionView3D, size: tuple[int, int]
    ) -> np.ndarray:
        """Linear premultiplied RGBA `[H, W, 4]`, bottom row first; a refusal becomes `sentence`."""
        scene = depsgraph.scene_eval
        background = None if scene.render.film_transparent else world_color(scene.world)
        colors, alphas = (
            np.zeros((size[1], size[0], 3), np.float32),
            np.zeros(size[::-1], np.float32),
        )
        self.sentence = ""
        try:
            if self._gaussians is None:
                self._gaussians = gather_gaussians(depsgraph).gaussians
            camera = view_camera(view, size, self._gaussians.means.mean(axis=0))
            output = render(self._gaussians, camera, backend=scene.gaussian_heads.backend)
            colors, alphas = output.colors, output.alphas
        except GaussianHeadsError as error:
            self.sentence = str(error)
        return np.ascontiguousarray(combined_pass(colors, alphas, background), np.float32)


def picture_size(width: int, height: int, most: int) -> tuple[int, int]:
    """Size of the picture for a region of `width` x `height` pixels, with at most `most` of them."""
    factor = min(1.0, (most / max(1, width * height)) ** 0.5)
    return max(1, round(width * factor)), max(1, round(height * factor))


def view_camera(view: bpy.types.RegionView3D, size: tuple[int, int], centre: np.ndarray) -> Camera:
    """The viewport's own view as a pinhole camera over `size` pixels.

    An orthographic view becomes a very long lens that agrees with it at the world point `centre`.
    """
    width, height = size
    projection = np.array(view.window_matrix, np.float64)
    viewmat = opencv_axes(np.array(view.view_matrix, np.float64))
    if projection[3, 3] != 0.0:
        viewmat[2, 3] = ORTHOGRAPHIC_DISTANCE_M - viewmat[2, :3] @ centre
        projection = _long_lens(projection)
    window = RenderWindow(width, height, 0, 0, width, height)
    return Camera(viewmat, pixel_intrinsics(projection, window), width, height)


def _long_lens(orthographic: np.ndarray) -> np.ndarray:
    """The perspective projection that equals an orthographic one at `ORTHOGRAPHIC_DISTANCE_M`."""
    lens = np.zeros((4, 4))
    lens[0, 0] = orthographic[0, 0] * ORTHOGRAPHIC_DISTANCE_M
    lens[1, 1] = orthographic[1, 1] * ORTHOGRAPHIC_DISTANCE_M
    lens[0, 2], lens[1, 2] = -orthographic[0, 3], -orthographic[1, 3]
    return lens
