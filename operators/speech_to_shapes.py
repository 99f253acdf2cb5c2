"""Turn a sound strip into keys of a mesh character's shape keys; beside the interface, or at once."""

from __future__ import annotations

from contextlib import ExitStack
from typing import TYPE_CHECKING

import bpy

from ..blender.strips import require_same_rate, sequencer_scene, sound_strips
from .base import Outcome, ThinsKeys
from .copy_shapes import NeedsShapeKeys, active_mesh, chosen_meshes, sentence_of
from .listening import ListensBeside

if TYPE_CHECKING:
    from ..blender.jobs import SpeechJob


class GAUSSIAN_HEADS_OT_speech_to_shape_keys(
    NeedsShapeKeys, ThinsKeys, ListensBeside, bpy.types.Operator
):
    """Listen to the sound strip and key the shape keys of the active and the selected meshes where it is heard; no avatar is needed"""

    bl_idname = "gaussian_heads.speech_to_shape_keys"
    bl_label = "Speech to Shape Keys"
    bl_options = {"REGISTER", "UNDO"}

    _mesh_uids: list[int] = []

    @classmethod
    def why_not(cls, context: bpy.types.Context) -> str:
        """Needs a sound strip that is not being listened to."""
        from ..blender.jobs import running_job

        if running_job(active_mesh(context)) is not None:
            return "The sound of this mesh is being analysed."
        if not sound_strips(sequencer_scene(context)):
            return "Add a sound strip in the Video Sequencer first."
        return ""

    def begin(self, context: bpy.types.Context) -> SpeechJob:
        """Get the strip's sound ready."""
        from ..blender.exchange.shape_speech import request_shape_speech
        from ..blender.jobs import Listening, SpeechJob, new_scratch
        from ..blender.speech import speech_model

        edited, obj = sequencer_scene(context), active_mesh(context)
        self._mesh_uids = [mesh.session_uid for mesh in chosen_meshes(context)]
        require_same_rate(context.scene, edited)
        scratch, folder = new_scratch()
        with ExitStack() as undo:
            undo.callback(scratch.cleanup)
            request = request_shape_speech(edited, obj, folder)
            undo.pop_all()
        return SpeechJob([Listening(request, obj.session_uid)], speech_model, scratch)

    def finish(self, context: bpy.types.Context, job: SpeechJob) -> Outcome:
        """Key what was heard."""
        from ..blender.exchange.shape_speech import speak
        from ..blender.jobs import object_by_uid

        listening, performance = job.listenings[0], job.performances()[0]
        meshes = [object_by_uid(uid) for uid in self._mesh_uids]
        baked = speak(meshes, listening.request, performance.track, self.tolerance)
        self.report({"INFO"}, sentence_of(baked))
        return {"FINISHED"}


CLASSES = (GAUSSIAN_HEADS_OT_speech_to_shape_keys,)
