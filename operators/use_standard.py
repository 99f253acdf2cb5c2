"""Show heads in their own colours."""

from __future__ import annotations

import bpy

from .base import GuardedOperator, Outcome


class GAUSSIAN_HEADS_OT_use_standard(GuardedOperator, bpy.types.Operator):
    """Choose the Standard view transform without a look, exposure or gamma for this scene, which shows the heads' colours exactly as they were captured"""

    bl_idname = "gaussian_heads.use_standard"
    bl_label = "Use Standard"
    bl_options = {"REGISTER", "UNDO"}

    def run(self, context: bpy.types.Context) -> Outcome:
        """Change the scene's colour management."""
        from ..blender.staging import use_standard_view

        use_standard_view(context.scene)
        return {"FINISHED"}


CLASSES = (GAUSSIAN_HEADS_OT_use_standard,)
