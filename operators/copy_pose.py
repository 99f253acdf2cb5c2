"""Copy the acted pose, and paste it to another frame or another head."""

import bpy
from bpy.props import BoolProperty, EnumProperty, FloatProperty

from .acting_base import KEY_DESCRIPTION, ActsOnAvatar
from .base import Outcome, active_avatar

MODES = (
    ("REPLACE", "Replace", "Take the place of what the face shows"),
    ("ADD", "Add", "Add to what the face shows"),
)


class GAUSSIAN_HEADS_OT_copy_pose(ActsOnAvatar, bpy.types.Operator):
    """Copy all controls and the head's own turn"""

    bl_idname = "gaussian_heads.copy_pose"
    bl_label = "Copy Pose"
    bl_options = {"REGISTER"}

    def run(self, context: bpy.types.Context) -> Outcome:
        """Remember the pose."""
        from ..blender.acting.buffer import copy_pose

        count = copy_pose(active_avatar(context))
        self.report({"INFO"}, f"Copied a pose of {count} controls")
        return {"FINISHED"}


class GAUSSIAN_HEADS_OT_paste_pose(ActsOnAvatar, bpy.types.Operator):
    """Set the controls and the head's own turn as they were copied, on this or another head"""

    bl_idname = "gaussian_heads.paste_pose"
    bl_label = "Paste Pose"

    mirrored: BoolProperty(
        name="Mirrored", description="Swap the sides", default=False, options={"SKIP_SAVE"}
    )
    factor: FloatProperty(
        name="Blend",
        description="How far the face goes to the copied pose",
        default=1.0,
        min=0.0,
        max=1.0,
        subtype="FACTOR",
        options={"SKIP_SAVE"},
    )
    mode: EnumProperty(
        name="Mode", description="What becomes of what the face shows already", items=MODES
    )
    use_key: BoolProperty(
        name="Key", description=KEY_DESCRIPTION, default=False, options={"SKIP_SAVE"}
    )

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        """Only after a pose was copied."""
        from ..blender.acting.buffer import copied_pose

        if not super().poll(context):
            return False
        if copied_pose() is None:
            cls.poll_message_set("Copy a pose first.")
            return False
        return True

    def run(self, context: bpy.types.Context) -> Outcome:
        """Blend towards the copy."""
        from ..blender.acting.buffer import copied_pose
        from ..blender.acting.pose import CHANNELS, HEAD_KIND, blend_pose, mirrored_pose

        pose = copied_pose()
        if self.mirrored:
            pose = mirrored_pose(pose)
        if self.mode == "REPLACE":
            # A copy is of everything: what it does not hold was zero.
            kinds = {"visemes", HEAD_KIND}
            pose = {n: 0.0 for n, channel in CHANNELS.items() if channel.kind in kinds} | pose
        return self.act(
            context, lambda obj: blend_pose(obj, pose, mode=self.mode, factor=self.factor)
        )


CLASSES = (GAUSSIAN_HEADS_OT_copy_pose, GAUSSIAN_HEADS_OT_paste_pose)
