"""Turn a sound strip into keyframes; beside the interface, or at once in background mode."""

from __future__ import annotations

from contextlib import ExitStack

import bpy

from ..blender.gathering import is_avatar
from ..blender.jobs import (
    SpeechJob,
    add_job,
    job_object,
    new_scratch,
    remove_job,
    running_job,
)
from ..blender.speech import apply_speech, request_speech, speech_model
from ..blender.strips import require_same_rate, sequencer_scene, sound_strips
from .base import CANCELLED, GuardedOperator, Outcome, active_avatar

POLL_SEC = 0.1


class GAUSSIAN_HEADS_OT_bake_speech(GuardedOperator, bpy.types.Operator):
    """Listen to the sound strip and key the face of the avatar where it is heard; keys of an earlier bake in that range are replaced"""

    bl_idname = "gaussian_heads.bake_speech"
    bl_label = "Bake Speech"
    bl_options = {"REGISTER", "UNDO"}

    _job: SpeechJob | None = None
    _timer: bpy.types.Timer | None = None

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        """Needs an avatar and a sound strip."""
        reason = why_not(context)
        if reason:
            cls.poll_message_set(reason)
        return not reason

    def run(self, context: bpy.types.Context) -> Outcome:
        """Analyse and key in one go."""
        job = self._begin(context)
        job.wait()
        return self._finish(context, job)

    def invoke(self, context: bpy.types.Context, event: bpy.types.Event) -> Outcome:
        """Analyse in a thread; progress and a cancel button stand in the panel."""
        if bpy.app.background or context.window is None:
            return self.execute(context)
        return self.guard(self._invoke, context)

    def modal(self, context: bpy.types.Context, event: bpy.types.Event) -> Outcome:
        """Look at the thread now and then; Esc stops it."""
        job = self._job
        if event.type == "ESC" and event.value == "PRESS":
            job.cancel()
        if event.type != "TIMER":
            return {"PASS_THROUGH"}
        context.workspace.status_text_set(f"Listening {job.progress:.0%}   Esc: Cancel")
        for area in context.screen.areas:
            if area.type in {"VIEW_3D", "SEQUENCE_EDITOR"}:
                area.tag_redraw()
        if job.is_running and not job.is_cancelled:
            return {"PASS_THROUGH"}
        self._stop_timer(context)
        return self.guard(self._finish, context, job)

    def cancel(self, context: bpy.types.Context) -> None:
        """Blender ends the operator, because a file is loaded or the window closes."""
        self._job.cancel()
        remove_job(self._job)
        self._stop_timer(context)

    def _invoke(self, context: bpy.types.Context) -> Outcome:
        self._job = self._begin(context)
        self._timer = context.window_manager.event_timer_add(POLL_SEC, window=context.window)
        context.window_manager.modal_handler_add(self)
        return {"RUNNING_MODAL"}

    def _begin(self, context: bpy.types.Context) -> SpeechJob:
        obj = active_avatar(context)
        edited = sequencer_scene(context)
        require_same_rate(context.scene, edited)
        model = speech_model()
        scratch, folder = new_scratch()
        with ExitStack() as undo:
            undo.callback(scratch.cleanup)
            request = request_speech(edited, obj, folder)
            undo.pop_all()
        job = SpeechJob(request, model, obj.session_uid, scratch)
        add_job(job)
        return job

    def _finish(self, context: bpy.types.Context, job: SpeechJob) -> Outcome:
        try:
            if job.is_cancelled:
                self.report({"INFO"}, "The analysis was stopped; nothing was keyed.")
                return CANCELLED
            result = apply_speech(job_object(job), job.request, job.result())
        finally:
            remove_job(job)
        self.report(
            {"INFO"},
            f"Keyed frames {result.first_frame} to {result.last_frame} in '{result.action}'.",
        )
        return {"FINISHED"}

    def _stop_timer(self, context: bpy.types.Context) -> None:
        context.window_manager.event_timer_remove(self._timer)
        context.workspace.status_text_set(None)


class GAUSSIAN_HEADS_OT_cancel_bake(bpy.types.Operator):
    """Stop listening; keys stay as they were"""

    bl_idname = "gaussian_heads.cancel_bake"
    bl_label = "Cancel"

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        """Needs an analysis in work."""
        obj = active_avatar(context)
        is_running = obj is not None and running_job(obj) is not None
        if not is_running:
            cls.poll_message_set("Nothing is being analysed for this avatar.")
        return is_running

    def execute(self, context: bpy.types.Context) -> Outcome:
        """Ask the thread to stop."""
        running_job(active_avatar(context)).cancel()
        return {"FINISHED"}


def why_not(context: bpy.types.Context) -> str:
    """Why the speech cannot be baked now, as a sentence; empty when it can."""
    obj = active_avatar(context)
    if not is_avatar(obj):
        return "Select an avatar, or load one first."
    if running_job(obj) is not None:
        return "The sound of this avatar is being analysed."
    if not sound_strips(sequencer_scene(context)):
        return "Add a sound strip in the Video Sequencer first."
    return ""


CLASSES = (GAUSSIAN_HEADS_OT_bake_speech, GAUSSIAN_HEADS_OT_cancel_bake)
