"""Key the acting direction as it is set now."""

from __future__ import annotations

import bpy

from .acting_base import ActsOnAvatar
from .base import Outcome, active_avatar


class GAUSSIAN_HEADS_OT_key_direction(ActsOnAvatar, bpy.types.Operator):
    """Key every Action Unit of the acting direction at the current frame"""

    bl_idname = "gaussian_heads.key_direction"
    bl_label = "Key Direction"

    def run(self, context: bpy.types.Context) -> Outcome:
        """Key all of them, so that the direction is known on this frame."""
        from ..blender.direction.keys import key_direction

        key_direction(active_avatar(context), context.scene.frame_current)
        self.report({"INFO"}, f"Keyed the direction at frame {context.scene.frame_current}.")
        return {"FINISHED"}


CLASSES = (GAUSSIAN_HEADS_OT_key_direction,)
