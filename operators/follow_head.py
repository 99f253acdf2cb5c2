"""Give the head something to follow."""

import bpy
from bpy.props import StringProperty

from ..core.errors import GaussianHeadsError
from .acting_base import ActsOnAvatar
from .base import Outcome, active_avatar
from .look_at import named_or_selected


class GAUSSIAN_HEADS_OT_add_head_control(ActsOnAvatar, bpy.types.Operator):
    """Add an Empty in the neck, parented to the avatar, that turns and shifts the head"""

    bl_idname = "gaussian_heads.add_head_control"
    bl_label = "Add Head Control"

    def run(self, context: bpy.types.Context) -> Outcome:
        """Add and link; the avatar stays active."""
        from ..blender.acting.target_links import add_head_control

        empty = add_head_control(active_avatar(context))
        self.report({"INFO"}, f"The head follows '{empty.name}'")
        return {"FINISHED"}


class GAUSSIAN_HEADS_OT_link_head(ActsOnAvatar, bpy.types.Operator):
    """Let the head follow the other selected object, or the active bone of a selected armature, from \
where both are now"""

    bl_idname = "gaussian_heads.link_head"
    bl_label = "Link Head To Selected"

    target: StringProperty(
        name="Target",
        description="Name of the object; the other selected one when empty",
        options={"SKIP_SAVE"},
    )
    bone: StringProperty(
        name="Bone",
        description="A bone of the armature; the active one when empty",
        options={"SKIP_SAVE"},
    )

    def run(self, context: bpy.types.Context) -> Outcome:
        """Find the object and its bone, and link them."""
        from ..blender.acting.target_links import follow_with_head

        obj = active_avatar(context)
        target = named_or_selected(context, obj, self.target)
        if target is None:
            raise GaussianHeadsError(
                "Select one other object together with the avatar: an Empty, or an armature with "
                "the bone that carries the head."
            )
        bone = self.bone
        if not bone and not self.target and target.type == "ARMATURE":
            active = target.data.bones.active
            bone = active.name if active else ""
        follow_with_head(obj, target, bone)
        self.report({"INFO"}, f"The head follows '{bone or target.name}'")
        return {"FINISHED"}


class GAUSSIAN_HEADS_OT_set_head_rest(ActsOnAvatar, bpy.types.Operator):
    """Take where the followed object is now as the place that leaves the head at rest"""

    bl_idname = "gaussian_heads.set_head_rest"
    bl_label = "Set Rest Here"

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        """Only where the head follows something."""
        if not super().poll(context):
            return False
        if active_avatar(context).gaussian_head.head_target is None:
            cls.poll_message_set("The head follows nothing: choose an object to follow first.")
            return False
        return True

    def run(self, context: bpy.types.Context) -> Outcome:
        """Store the place."""
        from ..blender.acting.target_links import set_head_rest

        set_head_rest(active_avatar(context))
        return {"FINISHED"}


CLASSES = (
    GAUSSIAN_HEADS_OT_add_head_control,
    GAUSSIAN_HEADS_OT_link_head,
    GAUSSIAN_HEADS_OT_set_head_rest,
)
