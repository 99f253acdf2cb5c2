"""Swap the sides of the face."""

import bpy
from bpy.props import BoolProperty

from .acting_base import KEY_DESCRIPTION, ActsOnAvatar
from .base import Outcome


class GAUSSIAN_HEADS_OT_mirror_pose(ActsOnAvatar, bpy.types.Operator):
    """Swap what the left and the right side of the face do, and turn the head the other way"""

    bl_idname = "gaussian_heads.mirror_pose"
    bl_label = "Mirror Pose"

    use_key: BoolProperty(
        name="Key", description=KEY_DESCRIPTION, default=False, options={"SKIP_SAVE"}
    )

    def run(self, context: bpy.types.Context) -> Outcome:
        """Write the mirrored pose."""
        return self.act(context, _mirror)


def _mirror(obj: bpy.types.Object) -> None:
    from ..blender.acting.pose import CHANNELS, mirrored_pose, read_pose, write_pose

    write_pose(obj, dict.fromkeys(CHANNELS, 0.0) | mirrored_pose(read_pose(obj)))


CLASSES = (GAUSSIAN_HEADS_OT_mirror_pose,)
