"""The sidebar's panel of what viewports show."""

from __future__ import annotations

import bpy

from ..blender.heads import scene_avatars
from ..blender.overlay import overlay_sentence
from ..operators.find_missing_avatar import GAUSSIAN_HEADS_OT_find_missing_avatar
from .base import Sidebar, draw_sentence


class GAUSSIAN_HEADS_PT_viewport(Sidebar, bpy.types.Panel):
    """Heads in viewports: on or off, how dense, and the memory for decoded frames."""

    bl_label = "Viewport"
    bl_idname = "GAUSSIAN_HEADS_PT_viewport"
    bl_options = {"DEFAULT_CLOSED"}

    def draw(self, context: bpy.types.Context) -> None:
        """The scene's viewport settings, and why heads are missing."""
        from ..blender.library.status import MISSING, avatar_status

        layout = self.layout
        layout.use_property_split = True
        layout.use_property_decorate = False
        settings = context.scene.gaussian_heads
        layout.prop(settings, "show_overlay", text="Show Heads")
        layout.prop(settings, "viewport_density", text="Density", slider=True)
        layout.prop(settings, "decoded_memory_mb")
        layout.prop(context.scene, "sync_mode", text="Playback")
        if not settings.show_overlay:
            draw_sentence(layout, "Heads are shown only in Rendered mode of their own engine")
        elif not scene_avatars(context.scene):
            draw_sentence(layout, "There is no head yet: add one in the Avatar panel")
        elif overlay_sentence():
            box = layout.box()
            draw_sentence(box, overlay_sentence(), "ERROR")
            if any(avatar_status(obj).kind == MISSING for obj in scene_avatars(context.scene)):
                box.operator(GAUSSIAN_HEADS_OT_find_missing_avatar.bl_idname, icon="VIEWZOOM")


CLASSES = (GAUSSIAN_HEADS_PT_viewport,)
