"""Write frames of an avatar as standard splat files; beside the interface, or at once in background mode."""

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import bpy
from bpy.props import BoolProperty, EnumProperty, StringProperty

from ..core.errors import GaussianHeadsError
from .base import NeedsActiveAvatar, Outcome, active_avatar
from .import_splats import UP_AXIS_ITEMS
from .stepping import SteppingOperator


class GAUSSIAN_HEADS_OT_export_ply(NeedsActiveAvatar, SteppingOperator, bpy.types.Operator):
    """Write the selected avatar as 3D Gaussian Splatting .ply, at this frame or over the frame range"""

    bl_idname = "gaussian_heads.export_ply"
    bl_label = "Export 3D Gaussian Splats"
    bl_options = {"REGISTER"}

    filepath: StringProperty(
        name="File", subtype="FILE_PATH", options={"SKIP_SAVE", "PATH_SUPPORTS_BLEND_RELATIVE"}
    )
    filter_glob: StringProperty(default="*.ply", options={"HIDDEN"})
    use_range: BoolProperty(
        name="Frame Range",
        description="One file for each frame of the scene's range, its number added to the name",
    )
    overwrite: BoolProperty(
        name="Overwrite",
        description="Write files again that are there, instead of going on after them",
    )
    in_world: BoolProperty(
        name="Keep Transform",
        description="Write the avatar where it stands in the scene, instead of in its own axes",
    )
    up_axis: EnumProperty(
        name="Up", description="Which axis of the file points up", items=UP_AXIS_ITEMS
    )

    doing = "Writing splats"
    _num_written = 0

    def run(self, context: bpy.types.Context) -> Outcome:
        """Write beside the interface where there is one, else at once."""
        from ..blender.splat_export import SplatExport, export_splats

        if not self.filepath:
            raise GaussianHeadsError("No file is named: give one that ends in .ply.")
        scene = context.scene
        frames = tuple(range(scene.frame_start, scene.frame_end + 1, scene.frame_step))
        path = Path(bpy.path.ensure_ext(bpy.path.abspath(self.filepath), ".ply"))
        export = SplatExport(
            path,
            frames if self.use_range else None,
            self.up_axis,
            self.in_world,
            self.overwrite,
        )
        self._num_written = 0
        steps = self._counted(export_splats(scene, active_avatar(context), export))
        return self.begin(context, steps, is_long=self.use_range)

    def invoke(self, context: bpy.types.Context, event: bpy.types.Event) -> Outcome:
        """Ask for the file."""
        if not self.filepath:
            self.filepath = f"{bpy.path.clean_name(active_avatar(context).name)}.ply"
        context.window_manager.fileselect_add(self)
        return {"RUNNING_MODAL"}

    def finish(self) -> Outcome:
        """Say how many files there are."""
        files = "1 file" if self._num_written == 1 else f"{self._num_written} files"
        self.report({"INFO"}, f"Wrote {files}.")
        return {"FINISHED"}

    def stopped(self) -> str:
        """Every file so far is whole."""
        return f"Stopped after {self._num_written} files; they are complete."

    def _counted(self, steps: Iterator[tuple[float, Path | None]]) -> Iterator[float]:
        """What is done; files that were written are counted."""
        with closing(steps):
            for done, path in steps:
                self._num_written += path is not None
                yield done


def draw_menu(menu: bpy.types.Menu, context: bpy.types.Context) -> None:
    """The entry under File > Export."""
    menu.layout.operator(GAUSSIAN_HEADS_OT_export_ply.bl_idname, text="3D Gaussian Splats (.ply)")


CLASSES = (GAUSSIAN_HEADS_OT_export_ply,)
