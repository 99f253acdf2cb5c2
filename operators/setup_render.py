"""Make a scene render its avatars."""

from __future__ import annotations

import bpy

from .base import GuardedOperator, NeedsAvatars, Outcome


class GAUSSIAN_HEADS_OT_setup_render(NeedsAvatars, GuardedOperator, bpy.types.Operator):
    """Choose the Gaussian Heads engine and the Standard view transform, which shows the head's own colours, and add a portrait camera if the scene has none but the start-up file's"""

    bl_idname = "gaussian_heads.setup_render"
    bl_label = "Set Up Render"
    bl_options = {"REGISTER", "UNDO"}

    def run(self, context: bpy.types.Context) -> Outcome:
        """Change what is missing and say what that was."""
        from ..blender.staging import setup_render
        from ..blender.viewing import look_through_camera

        camera = context.scene.camera
        changed = setup_render(context.scene)
        if context.scene.camera != camera:
            look_through_camera(context)
        self.report({"INFO"}, f"Set: {', '.join(changed)}." if changed else "All is set already.")
        return {"FINISHED"}


CLASSES = (GAUSSIAN_HEADS_OT_setup_render,)
