"""Delete keys of the acting direction, all or those on a range of frames."""

from __future__ import annotations

import bpy

from .acting_base import ActsOnAvatar
from .base import Outcome, active_avatar
from .listening import TakesFrames, counted


class GAUSSIAN_HEADS_OT_clear_direction(TakesFrames, ActsOnAvatar, bpy.types.Operator):
    """Delete keys of the acting direction in the active Action; what was baked with it stays until keys are made anew"""

    bl_idname = "gaussian_heads.clear_direction"
    bl_label = "Clear Direction"

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        """Needs a direction."""
        from ..blender.direction.keys import has_direction

        if not super().poll(context):
            return False
        if not has_direction(active_avatar(context)):
            cls.poll_message_set(
                "Nothing is directed in the active Action; a direction in NLA strips is edited there."
            )
            return False
        return True

    def draw(self, _context: bpy.types.Context) -> None:
        """Frames."""
        self.layout.use_property_split = True
        self.draw_frames(self.layout)

    def run(self, context: bpy.types.Context) -> Outcome:
        """Delete them."""
        from ..blender.direction.keys import clear_direction

        frames = self.chosen_frames(context.scene)
        num_removed = clear_direction(active_avatar(context), frames)
        self.report({"INFO"}, f"Cleared {counted(num_removed, 'key')} of the direction.")
        return {"FINISHED"}


CLASSES = (GAUSSIAN_HEADS_OT_clear_direction,)
