"""Write what an avatar does as ARKit weights for other programs."""

import bpy
from bpy.props import BoolProperty, EnumProperty, FloatProperty

from .base import GuardedOperator, NeedsActiveAvatar, Outcome, active_avatar, cursor_progress
from .frame_tables import WritesFrames

FORMAT_ITEMS = (
    (".csv", "ARKit CSV", "As the Live Link Face app records: weights and angles in a table"),
    (".npz", "Track", "As this add-on reads and writes tracks, without any rounding"),
)


class GAUSSIAN_HEADS_OT_export_performance(
    WritesFrames, NeedsActiveAvatar, GuardedOperator, bpy.types.Operator
):
    """Write what the head really does on every frame as ARKit weights: speech, acting, strengths and head motion"""

    bl_idname = "gaussian_heads.export_performance"
    bl_label = "Export Performance"
    bl_options = {"REGISTER"}

    file_format: EnumProperty(name="Format", description="Kind of file", items=FORMAT_ITEMS)
    rate: FloatProperty(
        name="Frame Rate",
        description="Frames a second of the file; 0 takes the scene's rate",
        default=0.0,
        min=0.0,
        max=1000.0,
    )
    has_head: BoolProperty(
        name="Head Motion", description="Write the head's turns too", default=True
    )

    def run(self, context: bpy.types.Context) -> Outcome:
        """Evaluate every frame and write the file."""
        from ..blender.exchange.export import PerformanceExport, export_performance
        from ..core.timing import frame_rate

        path = self.chosen_path()
        export = PerformanceExport(
            path,
            range(self.frame_start, self.frame_end + 1) if self.use_range else None,
            frame_rate(self.rate) if self.rate else None,
            self.has_head,
        )
        with cursor_progress(context) as progress:
            track = export_performance(context.scene, active_avatar(context), export, progress)
        self.report(
            {"INFO"},
            f"Wrote {track.num_frames} frames at {float(track.fps):.6g} fps to '{path.name}'.",
        )
        return {"FINISHED"}

    def invoke(self, context: bpy.types.Context, event: bpy.types.Event) -> Outcome:
        """Ask for the file."""
        if not self.filepath:
            name = bpy.path.clean_name(active_avatar(context).name)
            self.filepath = f"{name}{self.file_format}"
        if not self.properties.is_property_set("frame_start"):
            self.frame_start, self.frame_end = context.scene.frame_start, context.scene.frame_end
        context.window_manager.fileselect_add(self)
        return {"RUNNING_MODAL"}

    def draw(self, context: bpy.types.Context) -> None:
        """Format, range and rate."""
        layout = self.layout
        layout.use_property_split = True
        layout.use_property_decorate = False
        layout.prop(self, "file_format")
        layout.prop(self, "use_range")
        if self.use_range:
            column = layout.column(align=True)
            column.prop(self, "frame_start")
            column.prop(self, "frame_end")
        layout.prop(self, "rate")
        layout.prop(self, "has_head")


def draw_menu(menu: bpy.types.Menu, context: bpy.types.Context) -> None:
    """The entry under File > Export."""
    menu.layout.operator(
        GAUSSIAN_HEADS_OT_export_performance.bl_idname, text="Facial Performance (.csv/.npz)"
    )


CLASSES = (GAUSSIAN_HEADS_OT_export_performance,)
