"""Key lines again from what was heard of them, with the settings as they are now."""

import bpy
from bpy.props import StringProperty

from ..blender.strips import require_same_rate, sequencer_scene
from ..core.errors import GaussianHeadsError
from .base import GuardedOperator, Outcome
from .listening import counted


class GAUSSIAN_HEADS_OT_update_keys(GuardedOperator, bpy.types.Operator):
    """Bring keys to where their strips are and to manner, timing, seed and direction as they are now, without listening again"""

    bl_idname = "gaussian_heads.update_keys"
    bl_label = "Update Keys"
    bl_options = {"REGISTER", "UNDO"}

    strip: StringProperty(
        name="Sound Strip",
        description="The sound strip whose lines to update; all lines when empty",
        options={"SKIP_SAVE"},
    )

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        """Needs a line that is stale and needs no listening."""
        from ..blender.dialogue.scene import lines_to_update

        if not lines_to_update(sequencer_scene(context)):
            cls.poll_message_set("There is no line whose keys could be updated without listening.")
            return False
        return True

    def run(self, context: bpy.types.Context) -> Outcome:
        """Key them."""
        from ..blender.dialogue.choice import chosen_lines
        from ..blender.dialogue.lines import adopt_duplicates
        from ..blender.dialogue.scene import update_lines

        scene = sequencer_scene(context)
        require_same_rate(context.scene, scene)
        adopt_duplicates(scene)
        result = update_lines(scene, chosen_lines(scene, self.strip))
        for error in result.errors:
            self.report({"WARNING"}, error)
        if not result.num_keyed:
            raise GaussianHeadsError(
                result.errors[0]
                if result.errors
                else "These keys are up to date, or their sound must be listened to: bake it."
            )
        self.report({"INFO"}, f"Updated the keys of {counted(result.num_keyed, 'line')}.")
        return {"FINISHED"}


CLASSES = (GAUSSIAN_HEADS_OT_update_keys,)
