"""What operators share that watch a movie strip or a video file: which one, and asking for a file."""

from pathlib import Path
from typing import TYPE_CHECKING

import bpy
from bpy.props import BoolProperty, EnumProperty, IntProperty, StringProperty

from ..blender.strips import require_same_rate
from .base import CANCELLED, Outcome

if TYPE_CHECKING:
    from ..core.video_placement import VideoPlacement

FACE_ITEMS = (
    ("largest", "Largest", "The face that is largest in the picture"),
    ("left", "Left", "The face on the left"),
    ("right", "Right", "The face on the right"),
)


class WatchesVideo:
    """Mix-in, before `ListensBeside`, for operators that watch a strip or a file."""

    strip: StringProperty(
        name="Movie Strip",
        description="The movie strip to watch; the active one or the only one when empty",
        options={"SKIP_SAVE"},
    )
    filepath: StringProperty(
        name="File",
        description="A video or picture to watch instead of a strip",
        subtype="FILE_PATH",
        options={"SKIP_SAVE", "PATH_SUPPORTS_BLEND_RELATIVE"},
    )
    use_file: BoolProperty(
        name="Choose a File",
        description="Ask for a file, also where there is a movie strip",
        options={"SKIP_SAVE", "HIDDEN"},
    )
    filter_movie: BoolProperty(default=True, options={"HIDDEN", "SKIP_SAVE"})
    filter_image: BoolProperty(default=True, options={"HIDDEN", "SKIP_SAVE"})
    # Without it the file browser shows no folder to go into.
    filter_folder: BoolProperty(default=True, options={"HIDDEN", "SKIP_SAVE"})
    first_frame: IntProperty(
        name="Start",
        description="Frame on which a file begins; strips lie where they lie",
        default=1,
    )
    face: EnumProperty(
        name="Face", description="Whose face counts where there are several", items=FACE_ITEMS
    )

    # Settings that count for the watching which the file browser begins.
    chosen_beside: tuple[str, ...] = ("first_frame", "face")

    def invoke(self, context: bpy.types.Context, event: bpy.types.Event) -> Outcome:
        """Watch the strip, or ask for a file first."""
        from ..blender.movie_strips import movie_scene, movie_strips

        if not self.properties.is_property_set("first_frame"):
            self.first_frame = context.scene.frame_current
        if not self.filepath and (self.use_file or not movie_strips(movie_scene(context))):
            self.use_file = True
            context.window_manager.fileselect_add(self)
            return {"RUNNING_MODAL"}
        return super().invoke(context, event)

    def execute(self, context: bpy.types.Context) -> Outcome:
        """Watch and key in one go; a file that was just chosen is watched beside the interface."""
        if not self.use_file or context.window is None or bpy.app.background:
            return super().execute(context)
        # What the file browser ends cannot wait: another one does, and makes the step to undo.
        chosen = {name: getattr(self, name) for name in self.chosen_beside}
        verb = type(self).bl_idname.rpartition(".")[2]
        operator = getattr(bpy.ops.gaussian_heads, verb)
        operator("INVOKE_DEFAULT", filepath=self.filepath, **chosen)
        return CANCELLED

    def chosen_video(self, context: bpy.types.Context) -> "tuple[Path, VideoPlacement]":
        """The file to watch, and where it lies on the timeline."""
        from ..blender.movie_strips import (
            choose_movie,
            file_placement,
            movie_path,
            movie_placement,
            movie_scene,
        )

        if self.filepath:
            path = Path(bpy.path.abspath(self.filepath))
            return path, file_placement(context.scene, self.first_frame)
        edited = movie_scene(context)
        require_same_rate(context.scene, edited)
        strip = choose_movie(edited, self.strip)
        return movie_path(strip), movie_placement(edited, strip)
