"""Turn a movie strip or a video file into keyframes of a face; beside the interface, or at once."""

from typing import TYPE_CHECKING

import bpy
from bpy.props import BoolProperty, EnumProperty, FloatProperty

from ..blender.avatars import object_avatar
from ..blender.dialogue.properties import DESTINATION_ITEMS
from ..blender.heads import is_avatar
from ..blender.strips import is_muted
from .base import Outcome, SaysWhyNot, ThinsKeys, active_avatar
from .copy_shapes import chosen_meshes
from .import_performance import MODE_ITEMS, PART_ITEMS
from .listening import ListensBeside
from .watching import WatchesVideo

if TYPE_CHECKING:
    from ..blender.exchange.options import PerformanceResult
    from ..blender.watching import WatchingJob
    from ..core.expression import ExpressionTrack


class GAUSSIAN_HEADS_OT_expression_from_video(
    SaysWhyNot, ThinsKeys, WatchesVideo, ListensBeside, bpy.types.Operator
):
    """Watch the face in a movie strip or a video file and key the active head with what it does"""

    bl_idname = "gaussian_heads.expression_from_video"
    bl_label = "Expression from Video"
    bl_options = {"REGISTER", "UNDO"}

    mode: EnumProperty(
        name="Key As",
        description="What the performance becomes",
        items=tuple(reversed(MODE_ITEMS)),
        default="TRACK",
    )
    parts: EnumProperty(
        name="Parts",
        description="What the video moves; everything else keeps its keys",
        items=PART_ITEMS,
        options={"ENUM_FLAG"},
        default={"mouth", "eyes", "brows", "head"},
    )
    strength: FloatProperty(
        name="Strength",
        description="How far the video moves the face",
        default=1.0,
        soft_min=0.0,
        soft_max=2.0,
        min=-10.0,
        max=10.0,
    )
    smoothing_ms: FloatProperty(
        name="Smoothing",
        description="Milliseconds over which motion is averaged further; much of it softens plosives and blinks",
        default=0.0,
        min=0.0,
        max=1000.0,
        soft_max=200.0,
    )
    use_rest: BoolProperty(
        name="Neutral from Video",
        description="The face at rest in the video counts as neutral: for people whose mouth or brows rest "
        "differently from the head's",
    )
    destination: EnumProperty(name="Keys", description="Where the keys go", items=DESTINATION_ITEMS)

    # What is chosen beside the file browser counts for the watching that begins with it.
    chosen_beside = (
        *WatchesVideo.chosen_beside,
        "mode",
        "parts",
        "strength",
        "smoothing_ms",
        "use_rest",
        "tolerance",
        "destination",
    )

    _mesh_uids: list[int] = []

    @classmethod
    def why_not(cls, context: bpy.types.Context) -> str:
        """Why no face can be keyed from a video now, as a sentence; empty when it can."""
        from ..blender.jobs import running_job

        obj = meant_face(context)
        if obj is None:
            return "Add or select an avatar, or a mesh with shape keys, first."
        if running_job(obj) is not None:
            return "A sound or video for this head is being analysed."
        return ""

    def draw(self, context: bpy.types.Context) -> None:
        """Options."""
        from ..blender.exchange.shape_keys import has_shape_keys

        layout = self.layout
        layout.use_property_split = True
        layout.use_property_decorate = False
        is_head = not has_shape_keys(_active(context))
        if is_head:
            layout.prop(self, "mode")
        if self.filepath or self.use_file:
            layout.prop(self, "first_frame")
        layout.column(align=True).prop(self, "parts")
        layout.prop(self, "strength", slider=True)
        layout.prop(self, "smoothing_ms", slider=True)
        layout.prop(self, "use_rest")
        layout.prop(self, "face")
        layout.prop(self, "tolerance")
        if is_head:
            layout.prop(self, "destination")

    def begin(self, context: bpy.types.Context) -> "WatchingJob":
        """Say what is to be watched, and refuse early what cannot work."""
        from ..blender.bake import require_editable
        from ..blender.watching import Watching, WatchingJob, WatchRequest, face_encoder

        obj = meant_face(context)
        require_editable(obj)
        self._mesh_uids = [] if is_avatar(obj) else [m.session_uid for m in chosen_meshes(context)]
        path, place = self.chosen_video(context)
        pivot = object_avatar(obj).avatar.manifest.info.neck_pivot if is_avatar(obj) else None
        request = WatchRequest(
            path, place, self.face, self.use_rest, self.smoothing_ms, neck_pivot=pivot
        )
        return WatchingJob(Watching(request, obj.session_uid), face_encoder)

    def finish(self, context: bpy.types.Context, job: "WatchingJob") -> Outcome:
        """Key what was seen."""
        from ..blender.jobs import object_by_uid

        watching, watched = job.listenings[0], job.watched()
        obj = object_by_uid(watching.object_uid)
        result = self._key(context, obj, watched.track, watching.request.placement.first_frame)
        for note in (*watched.notes, *self._covered(context)):
            self.report({"WARNING"}, note)
        self.report(
            {"INFO"},
            f"Keyed frames {result.first_frame} to {result.last_frame} in '{result.action}': "
            f"{result.num_keys:,} keys on {result.num_curves} curves.",
        )
        return {"FINISHED"}

    def _covered(self, context: bpy.types.Context) -> list[str]:
        """What a movie strip of the rendered scene does to its pictures."""
        from ..blender.movie_strips import movie_strips

        scene = context.scene
        if self.filepath or not scene.render.use_sequencer:
            return []
        if all(is_muted(strip) for strip in movie_strips(scene)):
            return []
        return [
            "Renders show the movie strip in place of the head: mute the strip, or turn Sequencer off in "
            "Output > Post Processing."
        ]

    def _key(
        self,
        context: bpy.types.Context,
        obj: bpy.types.Object,
        track: "ExpressionTrack",
        first_frame: int,
    ) -> "PerformanceResult":
        from ..blender.destinations import Destination
        from ..blender.exchange.options import PerformanceOptions
        from ..blender.exchange.performances import apply_performance
        from ..blender.exchange.shape_performances import apply_to_meshes
        from ..blender.jobs import object_by_uid

        options = PerformanceOptions(
            mode=self.mode,
            first_frame=first_frame,
            parts=tuple(part for part, *_ in PART_ITEMS if part in self.parts),
            strength=self.strength,
            tolerance=self.tolerance,
            destination=Destination(self.destination),
        )
        if is_avatar(obj):
            return apply_performance(context.scene, obj, track, options)
        meshes = [object_by_uid(uid) for uid in self._mesh_uids]
        return apply_to_meshes(context.scene, meshes, track, options)


class GAUSSIAN_HEADS_FH_face_video(bpy.types.FileHandler):
    """Dropping a video onto a head in the 3D View keys what the face in it does."""

    bl_idname = "GAUSSIAN_HEADS_FH_face_video"
    bl_label = "Expression from Video"
    bl_import_operator = GAUSSIAN_HEADS_OT_expression_from_video.bl_idname
    bl_file_extensions = ".mp4;.mov;.mkv;.avi;.webm;.mpg;.m4v"

    @classmethod
    def poll_drop(cls, context: bpy.types.Context) -> bool:
        """Only in the 3D View, and only with a face to move."""
        return (
            context.area is not None
            and context.area.type == "VIEW_3D"
            and not GAUSSIAN_HEADS_OT_expression_from_video.why_not(context)
        )


def meant_face(context: bpy.types.Context) -> bpy.types.Object | None:
    """The mesh character that is active, else the avatar that is meant; None without either."""
    from ..blender.exchange.shape_keys import has_shape_keys

    obj = _active(context)
    return obj if has_shape_keys(obj) else active_avatar(context)


def _active(context: bpy.types.Context) -> bpy.types.Object | None:
    return context.view_layer.objects.active if context.view_layer else None


CLASSES = (GAUSSIAN_HEADS_OT_expression_from_video, GAUSSIAN_HEADS_FH_face_video)
