"""The sidebar's panel of portraits: a photo in place of the head."""

from __future__ import annotations

import bpy

from ..operators.render_portrait import GAUSSIAN_HEADS_OT_render_portrait
from .base import NeedsAvatar, Sidebar, draw_sentence


class GAUSSIAN_HEADS_PT_portrait(NeedsAvatar, Sidebar, bpy.types.Panel):
    """A photo that moves as the head does."""

    bl_label = "2D Portrait"
    bl_idname = "GAUSSIAN_HEADS_PT_portrait"
    bl_parent_id = "GAUSSIAN_HEADS_PT_render"
    bl_options = {"DEFAULT_CLOSED"}

    def draw(self, context: bpy.types.Context) -> None:
        """What it does and the button, or why that is grey."""
        layout = self.layout
        reason = GAUSSIAN_HEADS_OT_render_portrait.why_not(context)
        draw_sentence(
            layout, reason or "One photo speaks and acts as this head does, on the scene's range"
        )
        idname = GAUSSIAN_HEADS_OT_render_portrait.bl_idname
        layout.operator(idname, text="Render 2D Portrait…", icon="IMAGE_DATA")


CLASSES = (GAUSSIAN_HEADS_PT_portrait,)
