"""The render engine "Gaussian Heads": F12, animations and `blender -b file.blend -a`."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import bpy

from ..core.errors import GaussianHeadsError
from .listeners import forgets_on_load
from .marks import mark_result

if TYPE_CHECKING:
    from .frame import FrameReport
    from .picture import Passes

ENGINE_ID = "GAUSSIAN_HEADS"
ALPHA_PASS = "Head Alpha"
# An animation says a thing once and not at every frame.
_warnings_given: set[str] = set()
# Told what was drawn, once a frame.
frame_listeners: list[Callable[[FrameReport], None]] = []


class GaussianHeadsEngine(bpy.types.RenderEngine):
    """Draws every avatar of the scene as Gaussians, among simply shaded meshes."""

    bl_idname = ENGINE_ID
    bl_label = "Gaussian Heads"
    bl_use_preview = False
    bl_use_postprocess = True
    bl_use_eevee_viewport = True
    # Blender's own drawing is one of the backends; see `allow_graphics`.
    bl_use_gpu_context = True

    def __init__(self, *args: object, **kwargs: object) -> None:
        from .viewport import ViewportPicture

        super().__init__(*args, **kwargs)
        self._viewport = ViewportPicture()

    def update_render_passes(self, scene: bpy.types.Scene, layer: bpy.types.ViewLayer) -> None:
        """Announce the passes to the compositor."""
        self.register_pass(scene, layer, "Combined", 4, "RGBA", "COLOR")
        self.register_pass(scene, layer, ALPHA_PASS, 1, "A", "VALUE")
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
        except ImportError as error:
            is_done = True
            self._fail_unexpectedly(error)
        finally:
            if not is_done and not self.test_break():
                # Blender prints the traceback and would save a black frame without this report.
                self._fail_unexpectedly(None)

    def view_update(self, context: bpy.types.Context, depsgraph: bpy.types.Depsgraph) -> None:
        """The scene changed under a viewport in rendered mode."""
        self._viewport.forget_scene()

    def view_draw(self, context: bpy.types.Context, depsgraph: bpy.types.Depsgraph) -> None:
        """Draw a viewport in rendered mode; what cannot be drawn is said in its corner."""
        self._viewport.draw(context, depsgraph)
        self.update_stats("Gaussian Heads", self._viewport.sentence)

    def _render(self, depsgraph: bpy.types.Depsgraph) -> None:
        from .frame import FrameHost, draw_frame

        host = FrameHost(self.frame_set, self.test_break, self._tell)
        passes, report = draw_frame(depsgraph, host)
        # Until here nothing of the result exists, so a cancelled frame leaves nothing half written.
        if passes is None:
            return
        self._warn(report)
        for tell in frame_listeners:
            tell(report)
        self._write(depsgraph.view_layer_eval.name, passes)
        mark_result(self, depsgraph)
        self.update_stats("Gaussian Heads", str(report))

    def _tell(self, done: float, doing: str) -> None:
        self.update_progress(done)
        self.update_stats("Gaussian Heads", doing)

    def _warn(self, report: FrameReport) -> None:
        for warning in dict.fromkeys(report.warnings):
            if warning not in _warnings_given:
                _warnings_given.add(warning)
                self.report({"WARNING"}, warning)

    def _write(self, layer: str, passes: Passes) -> None:
        height, width = passes.alphas.shape
        result = self.begin_result(0, 0, width, height, layer=layer)
        targets = result.layers[0].passes
        images = {"Combined": passes.combined, ALPHA_PASS: passes.alphas, "Depth": passes.depths}
        for name, image in images.items():
            target = targets.get(name)
            if target is not None and image is not None:
                target.rect.foreach_set(image.ravel())
        self.end_result(result)

    def _fail_unexpectedly(self, error: ImportError | None) -> None:
        from ..core.dependencies import explain_fault

        self._fail(explain_fault(error, "The frame could not be drawn"))

    def _fail(self, sentence: str) -> None:
        self.error_set(sentence)
        self.report({"ERROR"}, sentence)


def allow_graphics() -> None:
    """Before the engine is registered: ask for a graphics context only where Blender survives that."""
    from .graphics import has_graphics

    GaussianHeadsEngine.bl_use_gpu_context = has_graphics()


@forgets_on_load
def forget_warnings() -> None:
    """Another file was loaded: say everything again."""
    _warnings_given.clear()


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
