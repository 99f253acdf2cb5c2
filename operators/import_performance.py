"""Put a recorded performance on an avatar, or on the shape keys of a mesh character."""

from pathlib import Path
from typing import TYPE_CHECKING

import bpy
from bpy.props import (
    BoolProperty,
    EnumProperty,
    FloatProperty,
    IntProperty,
    StringProperty,
)

from ..blender.dialogue.properties import DESTINATION_ITEMS
from .base import GuardedOperator, Outcome, ThinsKeys, active_avatar
from .copy_shapes import chosen_meshes

if TYPE_CHECKING:
    from ..blender.exchange.performances import PerformanceOptions

MODE_ITEMS = (
    (
        "ACTING",
        "Acting",
        "Key the ARKit controls and the head's pose, which add to the baked speech",
    ),
    ("TRACK", "Whole Track", "Key the layers that a bake of speech keys, in place of them"),
)
PART_ITEMS = (
    ("mouth", "Mouth", "Jaw, lips, cheeks that puff and the tongue"),
    ("eyes", "Eyes", "Gaze, lids and the cheeks under them"),
    ("brows", "Brows", "Brows and nose"),
    ("head", "Head", "Turns of the head"),
)


class GAUSSIAN_HEADS_OT_import_performance(ThinsKeys, GuardedOperator, bpy.types.Operator):
    """Key a recording of Live Link Face (.csv), Audio2Face (.json) or this add-on (.npz) on the active head or mesh character"""

    bl_idname = "gaussian_heads.import_performance"
    bl_label = "Import Performance"
    bl_options = {"REGISTER", "UNDO"}

    filepath: StringProperty(
        name="File",
        description="The recording to read",
        subtype="FILE_PATH",
        options={"SKIP_SAVE", "PATH_SUPPORTS_BLEND_RELATIVE"},
    )
    filter_glob: StringProperty(default="*.csv;*.json;*.npz", options={"HIDDEN"})
    mode: EnumProperty(name="Import As", description="What the recording becomes", items=MODE_ITEMS)
    first_frame: IntProperty(
        name="Start", description="Frame on which the recording begins", default=1
    )
    strength: FloatProperty(
        name="Strength",
        description="How far the recording moves the face",
        default=1.0,
        soft_min=0.0,
        soft_max=2.0,
        min=-10.0,
        max=10.0,
    )
    parts: EnumProperty(
        name="Parts",
        description="What the recording moves; everything else keeps its keys",
        items=PART_ITEMS,
        options={"ENUM_FLAG"},
        default={"mouth", "eyes", "brows", "head"},
    )
    use_range: BoolProperty(
        name="Only Within Frames",
        description="Punch a retake in: only these frames change",
        options={"SKIP_SAVE"},
    )
    range_start: IntProperty(name="From", description="First frame that changes", default=1)
    range_end: IntProperty(name="To", description="Last frame that changes", default=250)
    blend_frames: IntProperty(
        name="Blend",
        description="Frames over which the recording fades in and out at both ends",
        default=0,
        min=0,
        soft_max=24,
    )
    destination: EnumProperty(name="Keys", description="Where the keys go", items=DESTINATION_ITEMS)
    rate: FloatProperty(
        name="Recorded at",
        description="Frames a second of the recording; 0 takes what the file says",
        default=0.0,
        min=0.0,
        max=1000.0,
    )

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        """Needs an avatar or a mesh character."""
        from ..blender.exchange.shape_keys import has_shape_keys

        if active_avatar(context) is None and not has_shape_keys(_active(context)):
            cls.poll_message_set("Select an avatar or a mesh with shape keys first.")
            return False
        return True

    def run(self, context: bpy.types.Context) -> Outcome:
        """Read, key and say what was keyed."""
        from ..blender.exchange.performances import apply_performance
        from ..blender.exchange.shape_keys import has_shape_keys
        from ..blender.exchange.shape_performances import apply_to_meshes
        from ..core.importers.performance import read_performance
        from ..core.timing import frame_rate

        rate = frame_rate(self.rate) if self.rate else None
        track = read_performance(Path(bpy.path.abspath(self.filepath)), rate)
        obj = _active(context)
        if has_shape_keys(obj):
            meshes = chosen_meshes(context)
            result = apply_to_meshes(context.scene, meshes, track, self._options())
        else:
            obj = active_avatar(context)
            result = apply_performance(context.scene, obj, track, self._options())
        self.report(
            {"INFO"},
            f"Keyed frames {result.first_frame} to {result.last_frame} in '{result.action}': "
            f"{result.num_keys:,} keys on {result.num_curves} curves.",
        )
        return {"FINISHED"}

    def invoke(self, context: bpy.types.Context, event: bpy.types.Event) -> Outcome:
        """Ask for a file, or how to import the one that was dropped."""
        if not self.properties.is_property_set("first_frame"):
            self.first_frame = context.scene.frame_current
        if not self.properties.is_property_set("range_start"):
            self.range_start, self.range_end = context.scene.frame_start, context.scene.frame_end
        if self.filepath:
            return context.window_manager.invoke_props_dialog(self, width=340)
        context.window_manager.fileselect_add(self)
        return {"RUNNING_MODAL"}

    def draw(self, context: bpy.types.Context) -> None:
        """Options that make sense for what is active."""
        from ..blender.exchange.shape_keys import has_shape_keys

        layout = self.layout
        layout.use_property_split = True
        layout.use_property_decorate = False
        is_avatar = not has_shape_keys(_active(context))
        if is_avatar:
            layout.prop(self, "mode")
        layout.prop(self, "first_frame")
        layout.prop(self, "strength", slider=True)
        layout.column(align=True).prop(self, "parts")
        layout.prop(self, "use_range")
        if self.use_range:
            column = layout.column(align=True)
            column.prop(self, "range_start")
            column.prop(self, "range_end")
        if is_avatar:
            layout.prop(self, "blend_frames")
        layout.prop(self, "tolerance")
        if is_avatar:
            layout.prop(self, "destination")
        layout.prop(self, "rate")

    def _options(self) -> "PerformanceOptions":
        from ..blender.destinations import Destination
        from ..blender.exchange.performances import PerformanceOptions

        frames = range(self.range_start, self.range_end + 1) if self.use_range else None
        return PerformanceOptions(
            mode=self.mode,
            first_frame=self.first_frame,
            parts=tuple(part for part, *_ in PART_ITEMS if part in self.parts),
            frames=frames,
            strength=self.strength,
            blend_frames=self.blend_frames,
            tolerance=self.tolerance,
            destination=Destination(self.destination),
        )


class GAUSSIAN_HEADS_FH_performance(bpy.types.FileHandler):
    """Dropping a recording into the 3D View imports it."""

    bl_idname = "GAUSSIAN_HEADS_FH_performance"
    bl_label = "Facial Performance"
    bl_import_operator = GAUSSIAN_HEADS_OT_import_performance.bl_idname
    bl_file_extensions = ".csv;.json;.npz"

    @classmethod
    def poll_drop(cls, context: bpy.types.Context) -> bool:
        """Only in the 3D View, and only with a face to move."""
        from ..blender.exchange.shape_keys import has_shape_keys

        if context.area is None or context.area.type != "VIEW_3D":
            return False
        return active_avatar(context) is not None or has_shape_keys(_active(context))


def draw_menu(menu: bpy.types.Menu, context: bpy.types.Context) -> None:
    """The entry under File > Import."""
    menu.layout.operator(
        GAUSSIAN_HEADS_OT_import_performance.bl_idname,
        text="Facial Performance (.csv/.json/.npz)",
    )


def _active(context: bpy.types.Context) -> bpy.types.Object | None:
    return context.view_layer.objects.active if context.view_layer else None


CLASSES = (GAUSSIAN_HEADS_OT_import_performance, GAUSSIAN_HEADS_FH_performance)
