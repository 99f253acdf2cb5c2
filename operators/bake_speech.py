"""Turn a sound strip into keyframes; beside the interface, or at once in background mode."""

from contextlib import ExitStack
from typing import TYPE_CHECKING

import bpy
from bpy.props import StringProperty

from ..blender.dialogue.state import line_status
from ..blender.heads import is_avatar
from ..blender.strips import require_same_rate, sequencer_scene, sound_strips
from .base import NO_AVATAR, Outcome, SaysWhyNot, active_avatar
from .listening import ListensBeside, TakesDestination, TakesFrames, sentence_of, speaker_of

if TYPE_CHECKING:
    from ..blender.jobs import SpeechJob


class GAUSSIAN_HEADS_OT_bake_speech(
    SaysWhyNot, TakesFrames, TakesDestination, ListensBeside, bpy.types.Operator
):
    """Listen to the sound strip and key the face of the avatar where it is heard; keys of an earlier bake in that range are replaced"""

    bl_idname = "gaussian_heads.bake_speech"
    bl_label = "Bake Speech"
    bl_options = {"REGISTER", "UNDO"}

    strip: StringProperty(
        name="Sound Strip",
        description="The sound strip to speak; the avatar's own or the active one when empty",
        options={"SKIP_SAVE"},
    )

    speaker: StringProperty(
        name="Speaker",
        description="The avatar that speaks; the active one when empty",
        options={"SKIP_SAVE"},
    )

    _line_id = ""
    _scene_uid = 0

    @classmethod
    def why_not(cls, context: bpy.types.Context) -> str:
        """Why the speech cannot be baked now, as a sentence; empty when it can."""
        from ..blender.jobs import running_job

        obj = active_avatar(context)
        if not is_avatar(obj) and not len(sequencer_scene(context).gaussian_heads.lines):
            return NO_AVATAR
        if obj is not None and running_job(obj) is not None:
            return "The sound of this avatar is being analysed."
        if not sound_strips(sequencer_scene(context)):
            return "Add a sound strip in the Video Sequencer first."
        return ""

    def draw(self, context: bpy.types.Context) -> None:
        """Destination and frames."""
        layout = self.layout
        layout.use_property_split = True
        layout.prop(self, "destination")
        self.draw_frames(layout)

    def begin(self, context: bpy.types.Context) -> "SpeechJob | None":
        """Link the strip to the avatar and get its sound ready; nothing to hear where frames of it were heard."""
        from ..blender.bake import require_editable
        from ..blender.dialogue.bake import listen_to
        from ..blender.dialogue.choice import choose_spoken_strip
        from ..blender.dialogue.lines import adopt_duplicates, line_by_id, link_strip
        from ..blender.jobs import Listening, SpeechJob, new_scratch
        from ..blender.speech import request_strip, speech_model

        obj, edited = speaker_of(self, context), sequencer_scene(context)
        require_same_rate(context.scene, edited)
        require_editable(obj)
        strip = choose_spoken_strip(edited, obj, self.strip)
        self._line_id, self._scene_uid = "", edited.session_uid
        if edited.is_editable:
            adopt_duplicates(edited)
            line = link_strip(edited, strip, obj)
            self._line_id = line.line_id
            if (
                self.chosen_frames(context.scene) is not None
                and line_status(edited, line).can_update
            ):
                return None
        scratch, folder = new_scratch()
        with ExitStack() as undo:
            undo.callback(scratch.cleanup)
            if self._line_id:
                listening = listen_to(edited, line_by_id(edited, self._line_id), folder)
            else:
                listening = Listening(request_strip(edited, strip, obj, folder), obj.session_uid)
            undo.pop_all()
        return SpeechJob([listening], speech_model, scratch)

    def finish(self, context: bpy.types.Context, job: "SpeechJob | None") -> Outcome:
        """Key what was heard."""
        from ..blender.bake import bake_track
        from ..blender.dialogue.bake import BakeOptions, key_heard, update_line
        from ..blender.dialogue.lines import line_by_id
        from ..blender.jobs import object_by_uid, scene_by_uid

        scene = scene_by_uid(self._scene_uid)
        frames = self.chosen_frames(context.scene)
        options = BakeOptions(self.chosen_destination(scene), frames)
        if job is None:
            result = update_line(scene, line_by_id(scene, self._line_id), options)
        else:
            listening, performance = job.listenings[0], job.performances()[0]
            obj = object_by_uid(listening.object_uid)
            if self._line_id:
                result = key_heard(scene, listening, performance, options)
            else:
                first_frame = listening.request.sound.placement.first_frame
                result = bake_track(
                    obj,
                    performance.track,
                    first_frame,
                    destination=options.destination,
                    frames=frames,
                )
        self.report({"INFO"}, sentence_of(result))
        return {"FINISHED"}


class GAUSSIAN_HEADS_OT_cancel_bake(bpy.types.Operator):
    """Stop listening; lines that were heard to their end are keyed, all other keys stay as they were"""

    bl_idname = "gaussian_heads.cancel_bake"
    bl_label = "Cancel"

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        """Needs an analysis in work."""
        from ..blender.jobs import running_jobs

        if not running_jobs():
            cls.poll_message_set("Nothing is being analysed.")
            return False
        return True

    def execute(self, context: bpy.types.Context) -> Outcome:
        """Ask the threads to stop."""
        from ..blender.jobs import cancel_jobs as cancel_running_jobs

        cancel_running_jobs()
        return {"FINISHED"}


CLASSES = (GAUSSIAN_HEADS_OT_bake_speech, GAUSSIAN_HEADS_OT_cancel_bake)
