"""What operators of acting share: the avatar they work on, and keying what they change."""

from collections.abc import Callable

import bpy
from bpy.props import FloatProperty

from .base import NO_AVATAR, GuardedOperator, Outcome, active_avatar

KEY_DESCRIPTION = (
    "Key the whole face at the current frame; without it only Auto Keying keys what changes"
)


class HasIntensity:
    """Mix-in for operators that show an expression of the table."""

    intensity: FloatProperty(
        name="Intensity",
        description="How strong it is: 1 as in the table",
        default=1.0,
        min=0.0,
        max=1.5,
        subtype="FACTOR",
    )


class ActsOnAvatar(GuardedOperator):
    """Mix-in for operators on the active avatar; the disabled button says why."""

    bl_options = {"REGISTER", "UNDO"}

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        """Only with an avatar that is chosen and may be changed."""
        obj = active_avatar(context)
        if obj is None:
            cls.poll_message_set(NO_AVATAR)
            return False
        if not obj.is_editable:
            cls.poll_message_set(
                "The avatar is linked from a library: use Object > Library Override > Make first."
            )
            return False
        return True

    def act(
        self, context: bpy.types.Context, change: Callable[[bpy.types.Object], object]
    ) -> Outcome:
        """Change the pose of the active avatar, and key it as `self.use_key` and Auto Keying say."""
        from ..blender.acting.keys import key_change
        from ..blender.acting.pose import read_pose

        obj = active_avatar(context)
        before = read_pose(obj)
        change(obj)
        key_change(obj, before, use_key=self.use_key)
        return {"FINISHED"}
