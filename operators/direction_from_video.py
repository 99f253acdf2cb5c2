"""Turn what a face in a video acts beneath its speech into an acting direction."""

from __future__ import annotations

from typing import TYPE_CHECKING

import bpy

from ..core.spaces import ACTION_UNITS
from .acting_base import ActsOnAvatar
from .base import Outcome, active_avatar
from .direction_from_file import KeysUnits
from .listening import ListensBeside
from .watching import WatchesVideo

if TYPE_CHECKING:
    from ..blender.watching import WatchingJob


class GAUSSIAN_HEADS_OT_direction_from_video(
    KeysUnits, WatchesVideo, ActsOnAvatar, ListensBeside, bpy.types.Operator
):
    """Watch the face in a movie strip or a video file and key what it acts beneath its speech as acting direction"""

    bl_idname = "gaussian_heads.direction_from_video"
    bl_label = "Direction from Video"

    chosen_beside = (*WatchesVideo.chosen_beside, "strength", "tolerance")

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        """Needs an avatar that is not being worked on."""
        from ..blender.jobs import running_job

        if not super().poll(context):
            return False
        if running_job(active_avatar(context)) is not None:
            cls.poll_message_set("A sound or video for this head is being analysed.")
            return False
        return True

    def draw(self, _context: bpy.types.Context) -> None:
        """Options."""
        layout = self.layout
        layout.use_property_split = True
        layout.use_property_decorate = False
        if self.filepath or self.use_file:
            layout.prop(self, "first_frame")
        layout.prop(self, "strength", slider=True)
        layout.prop(self, "face")
        layout.prop(self, "tolerance")

    def begin(self, context: bpy.types.Context) -> WatchingJob:
        """Say what is to be watched, and refuse early what cannot work."""
        from ..blender.bake import require_editable
        from ..blender.watching import (
            Watching,
            WatchingJob,
            WatchRequest,
            face_encoder,
            watch_units,
        )

        obj = active_avatar(context)
        require_editable(obj)
        request = WatchRequest(*self.chosen_video(context), self.face)
        return WatchingJob(Watching(request, obj.session_uid), face_encoder, watch_units)

    def finish(self, _context: bpy.types.Context, job: WatchingJob) -> Outcome:
        """Key what was seen."""
        from ..blender.jobs import object_by_uid

        watching, watched = job.listenings[0], job.watched()
        obj = object_by_uid(watching.object_uid)
        first_frame = watching.request.placement.first_frame
        self.key_units(obj, watched.intensities, first_frame, ACTION_UNITS)
        for note in watched.notes:
            self.report({"WARNING"}, note)
        return {"FINISHED"}


CLASSES = (GAUSSIAN_HEADS_OT_direction_from_video,)
