"""The render engine "Gaussian Heads": F12, animations and `blender -b file.blend -a`."""

from __future__ import annotations

import time

import bpy
import numpy as np

from ..core.errors import GaussianHeadsError, RenderError
from ..core.render import RenderOutput, render
from .camera import scene_camera
from .colors import combined_pass
from .gathering import GatheredScene, gather_gaussians, within_clip
from .viewport import ViewportPicture
from .world import world_color

ENGINE_ID = "GAUSSIAN_HEADS"
# What Blender's own engines write where nothing was hit.
EMPTY_DEPTH_M = 1e10
# A pixel shows the head rather than what lies behind it from half coverage on.
DEPTH_ALPHA = 0.5
# An animation says a thing once and not at every frame.
_warnings_given: set[str] = set()


class GaussianHeadsEngine(bpy.types.RenderEngine):
    """Draws every avatar of the scene as Gaussians; other objects are not drawn."""

    bl_idname = ENGINE_ID
    bl_label = "Gaussian Heads"
    bl_use_preview = False
    bl_use_postprocess = True
    bl_use_eevee_viewport = True
    bl_use_gpu_context = False

    def __init__(self, *args: object, **kwargs: object) -> None:
        super().__init__(*args, **kwargs)
        self._viewport = ViewportPicture()

    def update_render_passes(self, scene: bpy.types.Scene, layer: bpy.types.ViewLayer) -> None:
        """Announce the passes to the compositor."""
        self.register_pass(scene, layer, "Combined", 4, "RGBA", "COLOR")
        if layer.use_pass_z:
            self.register_pass(scene, layer, "Depth", 1, "Z", "VALUE")

    def render(self, depsgraph: bpy.types.Depsgraph) -> None:
        """Draw one view layer at one frame. An error is reported, which also stops an animation."""
        is_done = False
        try:
            self._render(depsgraph)
            is_done = True
        except GaussianHeadsError as error:
            is_done = True
            self._fail(str(error))
        finally:
            if not is_done and not self.test_break():
                # Blender prints the traceback and would save a black frame without this report.
                self._fail("The frame could not be drawn; the reason stands in the console.")

    def view_update(self, context: bpy.types.Context, depsgraph: bpy.types.Depsgraph) -> None:
        """The scene changed under a viewport in rendered mode."""
        self._viewport.forget_scene()

    def view_draw(self, context: bpy.types.Context, depsgraph: bpy.types.Depsgraph) -> None:
        """Draw a viewport in rendered mode; what cannot be drawn is said in its corner."""
        self._viewport.draw(context, depsgraph)
        self.update_stats("Gaussian Heads", self._viewport.sentence)

    def _render(self, depsgraph: bpy.types.Depsgraph) -> None:
        started_sec = time.perf_counter()
        scene = depsgraph.scene_eval
        _refuse_stereo(scene)
        camera = scene_camera(scene.camera, depsgraph, scene.render)
        self.update_stats("Gaussian Heads", "Decoding")
        gathered = gather_gaussians(depsgraph)
        for warning in set(gathered.warnings) - _warnings_given:
            _warnings_given.add(warning)
            self.report({"WARNING"}, warning)
        if self.test_break():
            return
        lens = scene.camera.data
        gaussians = within_clip(gathered.gaussians, camera.viewmat, lens.clip_start, lens.clip_end)
        self.update_stats("Gaussian Heads", f"Drawing {gaussians.num_gaussians:,} Gaussians")
        output = render(gaussians, camera, backend=scene.gaussian_heads.backend)
        self._write(depsgraph, output)
        self._log(gathered, time.perf_counter() - started_sec)

    def _write(self, depsgraph: bpy.types.Depsgraph, output: RenderOutput) -> None:
        scene = depsgraph.scene_eval
        background = None if scene.render.film_transparent else world_color(scene.world)
        height, width = output.alphas.shape
        result = self.begin_result(0, 0, width, height, layer=depsgraph.view_layer_eval.name)
        passes = result.layers[0].passes
        rgba = combined_pass(output.colors, output.alphas, background)
        passes["Combined"].rect.foreach_set(np.ascontiguousarray(rgba, np.float32).ravel())
        depth_pass = passes.get("Depth")
        if depth_pass is not None:
            depths = np.where(output.alphas >= DEPTH_ALPHA, output.depths, EMPTY_DEPTH_M)[::-1]
            depth_pass.rect.foreach_set(np.ascontiguousarray(depths, np.float32).ravel())
        self.end_result(result)

    def _fail(self, sentence: str) -> None:
        self.error_set(sentence)
        self.report({"ERROR"}, sentence)

    def _log(self, gathered: GatheredScene, duration_sec: float) -> None:
        heads = "1 head" if gathered.num_heads == 1 else f"{gathered.num_heads} heads"
        count = gathered.gaussians.num_gaussians
        self.update_stats("Gaussian Heads", f"{heads}, {count:,} Gaussians, {duration_sec:.2f} s")


def forget_warnings() -> None:
    """Another file was loaded: say everything again."""
    _warnings_given.clear()


def _refuse_stereo(scene: bpy.types.Scene) -> None:
    if scene.render.use_multiview:
        raise RenderError(
            "Gaussian Heads draws one view only: switch off Stereoscopy in the output properties."
        )


def compatible_panels() -> list[type]:
    """Blender's own panels that make sense with this engine."""
    names = {
        "RENDER_PT_format", "RENDER_PT_frame_range", "RENDER_PT_time_stretching",
        "RENDER_PT_output", "RENDER_PT_output_views", "RENDER_PT_encoding",
        "RENDER_PT_encoding_video", "RENDER_PT_encoding_audio", "RENDER_PT_stamp",
        "RENDER_PT_post_processing", "RENDER_PT_color_management",
        "RENDER_PT_color_management_curves", "RENDER_PT_output_color_management",
        "VIEWLAYER_PT_layer", "VIEWLAYER_PT_layer_passes", "WORLD_PT_context_world",
        "DATA_PT_lens", "DATA_PT_camera", "DATA_PT_camera_display", "DATA_PT_context_camera",
        "DATA_PT_camera_background_image", "DATA_PT_custom_props_camera",
    }  # fmt: skip
    found = (getattr(bpy.types, name, None) for name in sorted(names))
    return [panel for panel in found if panel is not None and hasattr(panel, "COMPAT_ENGINES")]


CLASSES = (GaussianHeadsEngine,)
