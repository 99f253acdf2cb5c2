"""Every line of the dialogue that is not up to date, of all speakers, in one go."""

from __future__ import annotations

from contextlib import ExitStack
from typing import TYPE_CHECKING

import bpy

from ..blender.strips import require_same_rate, sequencer_scene
from ..core.errors import GaussianHeadsError
from .base import CANCELLED, Outcome, SaysWhyNot
from .listening import ListensBeside, TakesDestination, counted

if TYPE_CHECKING:
    from ..blender.dialogue.scene import DialogueResult
    from ..blender.jobs import SpeechJob


class GAUSSIAN_HEADS_OT_bake_dialogue(
    SaysWhyNot, TakesDestination, ListensBeside, bpy.types.Operator
):
    """Listen to every line whose keys are not up to date, of all speakers, and key their faces; muted strips are left out"""

    bl_idname = "gaussian_heads.bake_dialogue"
    bl_label = "Bake Dialogue"
    bl_options = {"REGISTER", "UNDO"}

    _scene_uid = 0
    _errors: list[str] = []

    @classmethod
    def why_not(cls, context: bpy.types.Context) -> str:
        """Why the dialogue cannot be baked now, as a sentence; empty when it can."""
        from ..blender.dialogue.scene import lines_to_bake
        from ..blender.jobs import running_jobs

        scene = sequencer_scene(context)
        if not len(scene.gaussian_heads.lines):
            return "Link sound strips to avatars first."
        if running_jobs():
            return "Sounds are being analysed: wait, or cancel that."
        if not lines_to_bake(scene):
            return "Every line that is heard is up to date."
        return ""

    def draw(self, context: bpy.types.Context) -> None:
        """Destination."""
        self.layout.use_property_split = True
        self.layout.prop(self, "destination")

    def begin(self, context: bpy.types.Context) -> SpeechJob | None:
        """Get ready the sounds of all lines that need listening to."""
        from ..blender.dialogue.lines import adopt_duplicates
        from ..blender.dialogue.scene import listen_to_lines
        from ..blender.jobs import SpeechJob, new_scratch
        from ..blender.speech import speech_model

        scene = sequencer_scene(context)
        require_same_rate(context.scene, scene)
        self._scene_uid = scene.session_uid
        adopt_duplicates(scene)
        scratch, folder = new_scratch()
        with ExitStack() as undo:
            undo.callback(scratch.cleanup)
            listenings, self._errors = listen_to_lines(scene, folder)
            if not listenings:
                return None
            undo.pop_all()
        return SpeechJob(listenings, speech_model, scratch)

    def finish(self, context: bpy.types.Context, job: SpeechJob | None) -> Outcome:
        """Key what was heard, and what had been heard before."""
        from ..blender.dialogue.scene import key_dialogue
        from ..blender.jobs import scene_by_uid

        scene = scene_by_uid(self._scene_uid)
        heard = list(zip(job.listenings, job.finished, strict=False)) if job else []
        result = key_dialogue(scene, heard, self.chosen_destination(scene))
        self._report(result, len(job.listenings) - len(job.finished) if job else 0)
        return {"FINISHED"} if result.num_keyed else CANCELLED

    def _report(self, result: DialogueResult, num_stopped: int) -> None:
        errors = [*self._errors, *result.errors]
        if errors and not (result.num_keyed or num_stopped):
            raise GaussianHeadsError(errors[0])
        for error in errors:
            self.report({"WARNING"}, error)
        lines = counted(result.num_keyed, "line")
        if num_stopped:
            self.report({"INFO"}, f"Stopped: {lines} keyed, {num_stopped} left to bake.")
        else:
            self.report({"INFO"}, f"Keyed {lines} of {counted(result.num_speakers, 'speaker')}.")


CLASSES = (GAUSSIAN_HEADS_OT_bake_dialogue,)
