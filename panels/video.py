"""The panel of faces in videos: what a movie strip or a file keys on the head, in both sidebars."""

from __future__ import annotations

import bpy

from ..operators.bake_speech import GAUSSIAN_HEADS_OT_cancel_bake
from ..operators.expression_from_video import (
    GAUSSIAN_HEADS_OT_expression_from_video,
    meant_face,
)
from .base import draw_sentence
from .speech_settings import both_sidebars


class _VideoDrawing:
    """A face in a video moves the head."""

    bl_label = "Expression from Video"
    bl_options = {"DEFAULT_CLOSED"}

    def draw(self, context: bpy.types.Context) -> None:
        """The strip that is meant, and the buttons."""
        from ..blender.jobs import describe_job, running_job, running_jobs
        from ..blender.movie_strips import movie_scene
        from ..blender.watching import WatchingJob

        layout = self.layout
        if meant_face(context) is None:
            draw_sentence(layout, GAUSSIAN_HEADS_OT_expression_from_video.why_not(context))
            return
        for job in running_jobs():
            if isinstance(job, WatchingJob):
                row = layout.row(align=True)
                row.progress(factor=job.progress, text=describe_job(job))
                row.operator(GAUSSIAN_HEADS_OT_cancel_bake.bl_idname, text="", icon="X")
        busy = running_job(meant_face(context))
        if busy is not None:
            if not isinstance(busy, WatchingJob):
                draw_sentence(layout, GAUSSIAN_HEADS_OT_expression_from_video.why_not(context))
            return
        strip = _meant_strip(movie_scene(context))
        column = layout.column(align=True)
        idname = GAUSSIAN_HEADS_OT_expression_from_video.bl_idname
        if strip is None:
            draw_sentence(column, self._hint(context))
        else:
            button = column.operator(idname, text=f"From '{strip.name}'", icon="FILE_MOVIE")
            button.strip = strip.name
        button = column.operator(idname, text="From File…", icon="FILEBROWSER")
        button.use_file = True

    def _hint(self, context: bpy.types.Context) -> str:
        from ..blender.movie_strips import movie_scene, movie_strips

        if movie_strips(movie_scene(context)):
            return "Several movie strips: make the one with the face active"
        return "Add a movie strip in the Video Sequencer, or choose a file"


def _meant_strip(scene: bpy.types.Scene) -> bpy.types.Strip | None:
    """The active movie strip, or the only one."""
    from ..blender.movie_strips import movie_strips

    strips = movie_strips(scene)
    active = scene.sequence_editor.active_strip if scene.sequence_editor else None
    if active is not None and active.type == "MOVIE":
        return active
    return strips[0] if len(strips) == 1 else None


CLASSES = both_sidebars(_VideoDrawing, "video", __name__)
