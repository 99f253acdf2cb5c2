"""Say which avatar speaks which sound strip, and take that back."""

import bpy
from bpy.props import BoolProperty, StringProperty

from ..blender.strips import sequencer_scene, sound_strips
from .base import GuardedOperator, Outcome
from .listening import speaker_of


class GAUSSIAN_HEADS_OT_link_speech(GuardedOperator, bpy.types.Operator):
    """Let the active avatar speak the selected sound strips; they become lines of the dialogue"""

    bl_idname = "gaussian_heads.link_speech"
    bl_label = "Link Strips"
    bl_options = {"REGISTER", "UNDO"}

    strip: StringProperty(
        name="Sound Strip",
        description="The sound strip to speak; the selected ones when empty",
        options={"SKIP_SAVE"},
    )
    speaker: StringProperty(
        name="Speaker",
        description="The avatar that speaks; the active one when empty",
        options={"SKIP_SAVE"},
    )

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        """Needs an avatar and a sound strip."""
        if not sound_strips(sequencer_scene(context)):
            cls.poll_message_set("Add a sound strip in the Video Sequencer first.")
            return False
        return True

    def run(self, context: bpy.types.Context) -> Outcome:
        """Make the lines."""
        from ..blender.dialogue.choice import strips_to_link
        from ..blender.dialogue.lines import adopt_duplicates, link_strip

        scene = sequencer_scene(context)
        speaker = speaker_of(self, context)
        adopt_duplicates(scene)
        strips = strips_to_link(scene, self.strip)
        for strip in strips:
            link_strip(scene, strip, speaker)
        scene.gaussian_heads.active_line = len(scene.gaussian_heads.lines) - 1
        names = ", ".join(f"'{strip.name}'" for strip in strips)
        self.report({"INFO"}, f"'{speaker.name}' speaks {names}.")
        return {"FINISHED"}


class GAUSSIAN_HEADS_OT_unlink_speech(GuardedOperator, bpy.types.Operator):
    """Take a line out of the dialogue; its sound strip stays, and its keys unless they are to be cleared"""

    bl_idname = "gaussian_heads.unlink_speech"
    bl_label = "Unlink Line"
    bl_options = {"REGISTER", "UNDO"}

    strip: StringProperty(
        name="Sound Strip",
        description="The sound strip whose lines to unlink; the active line of the list when empty",
        options={"SKIP_SAVE"},
    )
    clear: BoolProperty(
        name="Clear Keys", description="Delete the keys of the line too", default=False
    )

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        """Needs a line."""
        if not len(sequencer_scene(context).gaussian_heads.lines):
            cls.poll_message_set("There is no line to unlink.")
            return False
        return True

    def run(self, context: bpy.types.Context) -> Outcome:
        """Forget the lines."""
        from ..blender.dialogue.bake import clear_line
        from ..blender.dialogue.choice import active_line, chosen_lines
        from ..blender.dialogue.lines import unlink_line

        scene = sequencer_scene(context)
        lines = chosen_lines(scene, self.strip) if self.strip else [active_line(scene)]
        if self.clear:
            for line in lines:
                clear_line(scene, line)
        for line_id in [line.line_id for line in lines]:
            unlink_line(scene, line_id)
        return {"FINISHED"}


CLASSES = (GAUSSIAN_HEADS_OT_link_speech, GAUSSIAN_HEADS_OT_unlink_speech)
