"""The sidebar's panel of what viewports show."""

from __future__ import annotations

import bpy

from ..blender.overlay import overlay_sentence


class GAUSSIAN_HEADS_PT_viewport(bpy.types.Panel):
    """Heads in viewports: on or off, how dense, and the memory for decoded frames."""

    bl_label = "Viewport"
    bl_idname = "GAUSSIAN_HEADS_PT_viewport"
    bl_space_type = "VIEW_3D"
    bl_region_type = "UI"
    bl_category = "Gaussian Heads"
    bl_options = {"DEFAULT_CLOSED"}

    def draw(self, context: bpy.types.Context) -> None:
        """The scene's viewport settings, and why heads are missing."""
        layout = self.layout
        layout.use_property_split = True
        layout.use_property_decorate = False
        settings = context.scene.gaussian_heads
        layout.prop(settings, "show_overlay")
        layout.prop(settings, "viewport_density", slider=True)
        layout.prop(settings, "decoded_memory_mb")
        layout.prop(context.scene, "sync_mode", text="Playback")
        sentence = overlay_sentence()
        if settings.show_overlay and sentence:
            layout.label(text=sentence, icon="ERROR")


CLASSES = (GAUSSIAN_HEADS_PT_viewport,)
