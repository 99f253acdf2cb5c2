"""Write the 68 landmarks of heads, frame by frame; beside the interface, or at once in background mode."""

from collections.abc import Iterator
from contextlib import closing
from typing import TYPE_CHECKING

import bpy
from bpy.props import BoolProperty, EnumProperty, IntProperty

from ..blender.heads import scene_avatars
from ..core.errors import GaussianHeadsError
from .base import NO_AVATAR, NeedsAvatars, Outcome, active_avatar
from .frame_tables import WritesFrames
from .stepping import SteppingOperator

if TYPE_CHECKING:
    from ..blender.exchange.landmarks import WrittenLandmarks

FORMAT_ITEMS = (
    (".csv", "Table", "A row for each frame: x_0, y_0, z_0 to z_67, and pixels as u_0, v_0"),
    (".npz", "NumPy", "Arrays without any rounding, with a header that says what they are"),
)
SUBJECT_ITEMS = (
    ("ACTIVE", "Active Avatar", "The selected head alone"),
    ("ALL", "All Avatars", "Every head of the scene, each in a file with its name"),
)
SPACE_ITEMS = (
    ("WORLD", "World", "Where the points are in the scene, Z up"),
    ("AVATAR", "Avatar", "In the head's own axes, Y up, without the object's place in the scene"),
)


class GAUSSIAN_HEADS_OT_export_landmarks(
    WritesFrames, NeedsAvatars, SteppingOperator, bpy.types.Operator
):
    """Write 68 landmarks of the head on every frame, in metres and in pixels of the scene's camera"""

    bl_idname = "gaussian_heads.export_landmarks"
    bl_label = "Export Landmarks"
    bl_options = {"REGISTER"}

    file_format: EnumProperty(name="Format", description="Kind of file", items=FORMAT_ITEMS)
    subjects: EnumProperty(name="Avatars", description="Whose landmarks", items=SUBJECT_ITEMS)
    space: EnumProperty(name="Space", description="Axes of the points", items=SPACE_ITEMS)
    has_camera: BoolProperty(
        name="Camera Pixels",
        description="Also write where the scene's camera sees the points, in pixels of the rendered picture",
        default=True,
    )
    frame_step: IntProperty(name="Step", description="Every so many frames", default=1, min=1)

    doing = "Writing landmarks"
    _written = None
    _num_frames = 0

    def run(self, context: bpy.types.Context) -> Outcome:
        """Write beside the interface where there is one, else at once."""
        from ..blender.exchange.landmarks import LandmarkExport, export_landmarks

        path = self.chosen_path()
        frames = range(self.frame_start, self.frame_end + 1, self.frame_step)
        export = LandmarkExport(
            path,
            frames if self.use_range else None,
            self.space == "WORLD",
            self.has_camera,
        )
        self._written, self._num_frames = None, 0
        return self.begin(
            context,
            self._watched(export_landmarks(context.scene, self._subjects(context), export)),
        )

    def invoke(self, context: bpy.types.Context, event: bpy.types.Event) -> Outcome:
        """Ask for the file."""
        scene = context.scene
        if not self.filepath:
            avatar = active_avatar(context)
            name = avatar.name if avatar is not None else "Landmarks"
            self.filepath = f"{bpy.path.clean_name(name)}{self.file_format}"
        if not self.properties.is_property_set("frame_start"):
            self.frame_start, self.frame_end = scene.frame_start, scene.frame_end
            self.frame_step = scene.frame_step
        context.window_manager.fileselect_add(self)
        return {"RUNNING_MODAL"}

    def draw(self, context: bpy.types.Context) -> None:
        """Format, whose, axes, camera and range."""
        layout = self.layout
        layout.use_property_split = True
        layout.use_property_decorate = False
        for name in ("file_format", "subjects", "space", "has_camera", "use_range"):
            layout.prop(self, name)
        if self.use_range:
            column = layout.column(align=True)
            for name in ("frame_start", "frame_end", "frame_step"):
                column.prop(self, name)

    def finish(self) -> Outcome:
        """Say what was written, and what not."""
        for note in self._written.notes:
            self.report({"WARNING"}, note)
        names = ", ".join(f"'{path.name}'" for path in self._written.paths)
        self.report({"INFO"}, f"Wrote landmarks on {self._num_frames} frames to {names}.")
        return {"FINISHED"}

    def stopped(self) -> str:
        """Files come at the end alone."""
        return "The export was stopped; nothing was written."

    def _subjects(self, context: bpy.types.Context) -> list[bpy.types.Object]:
        if self.subjects == "ALL":
            return scene_avatars(context.scene)
        avatar = active_avatar(context)
        if avatar is None:
            raise GaussianHeadsError(NO_AVATAR)
        return [avatar]

    def _watched(self, steps: "Iterator[tuple[float, WrittenLandmarks | None]]") -> Iterator[float]:
        """What is done; frames are counted and the result kept."""
        with closing(steps):
            for done, written in steps:
                self._written = written
                self._num_frames += written is None
                yield done


def draw_menu(menu: bpy.types.Menu, context: bpy.types.Context) -> None:
    """The entry under File > Export."""
    menu.layout.operator(
        GAUSSIAN_HEADS_OT_export_landmarks.bl_idname, text="Facial Landmarks (.csv/.npz)"
    )


CLASSES = (GAUSSIAN_HEADS_OT_export_landmarks,)
