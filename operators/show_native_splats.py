"""Let EEVEE and Cycles draw an avatar through Blender's own splats."""

from __future__ import annotations

import bpy

from ..blender.native_splats import show_native, why_not_native
from .base import NO_AVATAR, GuardedOperator, Outcome, SaysWhyNot, active_avatar


class GAUSSIAN_HEADS_OT_show_native_splats(SaysWhyNot, GuardedOperator, bpy.types.Operator):
    """Add a point cloud of Blender's own splats that follows the avatar, for EEVEE and Cycles"""

    bl_idname = "gaussian_heads.show_native_splats"
    bl_label = "Show as Native Splats"
    bl_options = {"REGISTER", "UNDO"}

    @classmethod
    def why_not(cls, context: bpy.types.Context) -> str:
        """Needs an avatar, and a Blender that draws splats."""
        return why_not_native() or ("" if active_avatar(context) is not None else NO_AVATAR)

    def run(self, context: bpy.types.Context) -> Outcome:
        """Add the cloud and say how large it is."""
        obj = show_native(active_avatar(context), context.collection)
        self.report({"INFO"}, f"'{obj.name}' follows the avatar: {len(obj.data.points):,} splats.")
        return {"FINISHED"}


CLASSES = (GAUSSIAN_HEADS_OT_show_native_splats,)
