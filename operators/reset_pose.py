"""Set controls back to zero."""

import bpy
from bpy.props import BoolProperty, StringProperty

from .acting_base import KEY_DESCRIPTION, ActsOnAvatar
from .base import Outcome


class GAUSSIAN_HEADS_OT_reset_pose(ActsOnAvatar, bpy.types.Operator):
    """Set controls of the avatar back to zero; the speech below stays"""

    bl_idname = "gaussian_heads.reset_pose"
    bl_label = "Reset Pose"

    kind: StringProperty(
        name="Kind",
        description="What to reset: arkit, action_units, visemes or head; everything when empty",
        options={"SKIP_SAVE"},
    )
    group: StringProperty(
        name="Group",
        description="The group of that kind, as the panel names it; all of them when empty",
        options={"SKIP_SAVE"},
    )
    use_key: BoolProperty(
        name="Key", description=KEY_DESCRIPTION, default=False, options={"SKIP_SAVE"}
    )

    @classmethod
    def description(
        cls, _context: bpy.types.Context, properties: bpy.types.OperatorProperties
    ) -> str:
        """The tooltip says what this button resets."""
        what = properties.group or "all controls and the head's own turn"
        key = ", and key that at the current frame" if properties.use_key else ""
        return f"Set {what} back to zero{key}; the speech below stays"

    def run(self, context: bpy.types.Context) -> Outcome:
        """Reset what is named."""
        from ..blender.acting.pose import group_names, reset_pose

        names = group_names(self.kind, self.group)
        return self.act(context, lambda obj: reset_pose(obj, names))


CLASSES = (GAUSSIAN_HEADS_OT_reset_pose,)
