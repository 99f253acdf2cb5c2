"""Key the face as it is acted now."""

from __future__ import annotations

import bpy

from .acting_base import ActsOnAvatar
from .base import Outcome, active_avatar


class GAUSSIAN_HEADS_OT_key_pose(ActsOnAvatar, bpy.types.Operator):
    """Key every control that is set or keyed, and the head's own turn, at the current frame"""

    bl_idname = "gaussian_heads.key_pose"
    bl_label = "Key Pose"

    def run(self, context: bpy.types.Context) -> Outcome:
        """Key, or say that there is nothing to key."""
        from ..blender.acting.keys import key_change
        from ..blender.acting.pose import acted_channels, read_pose

        obj = active_avatar(context)
        if not acted_channels(obj):
            self.report({"INFO"}, "Nothing is set or keyed: move a slider or apply an expression.")
            return {"CANCELLED"}
        count = key_change(obj, read_pose(obj), use_key=True)
        self.report({"INFO"}, f"Keyed {count} controls at frame {context.scene.frame_current}")
        return {"FINISHED"}


CLASSES = (GAUSSIAN_HEADS_OT_key_pose,)
