"""Turn a table of measured Action Units into an acting direction."""

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import bpy
from bpy.props import BoolProperty, FloatProperty, IntProperty, StringProperty

from ..blender.defaults import DIRECTION_TOLERANCE
from ..blender.strips import scene_rate
from .acting_base import ActsOnAvatar
from .base import Outcome, active_avatar

if TYPE_CHECKING:
    import numpy as np


class KeysUnits:
    """Mix-in for operators that key measured Action Units as a direction."""

    strength: FloatProperty(
        name="Strength",
        description="What the intensities are multiplied by",
        default=1.0,
        min=0.0,
        soft_max=2.0,
        max=10.0,
    )
    tolerance: FloatProperty(
        name="Error Bound",
        description="Keys that straight lines give back this closely, of 5, are left out; 0 keeps one on every "
        "frame",
        default=DIRECTION_TOLERANCE,
        min=0.0,
        max=1.0,
        precision=3,
    )

    def key_units(
        self,
        obj: bpy.types.Object,
        intensities: "np.ndarray",
        first_frame: int,
        units: tuple[str, ...],
    ) -> None:
        """Key `units` of intensities `[T, 18]` on the frames from the first one, and say how many keys there are."""
        import numpy as np

        from ..blender.direction.keys import write_direction

        scaled = np.float32(self.strength) * intensities
        num_keys = write_direction(obj, scaled, first_frame, units, self.tolerance)
        last_frame = first_frame + len(intensities) - 1
        self.report(
            {"INFO"},
            f"Directed frames {first_frame} to {last_frame} with {num_keys:,} keys.",
        )


class GAUSSIAN_HEADS_OT_direction_from_file(KeysUnits, ActsOnAvatar, bpy.types.Operator):
    """Key Action Units of OpenFace, LibreFace or Py-Feat (.csv) as acting direction"""

    bl_idname = "gaussian_heads.direction_from_file"
    bl_label = "Direction from File"

    filepath: StringProperty(
        name="File",
        description="The table of Action Units to read",
        subtype="FILE_PATH",
        options={"SKIP_SAVE", "PATH_SUPPORTS_BLEND_RELATIVE"},
    )
    filter_glob: StringProperty(default="*.csv;*.tsv;*.txt", options={"HIDDEN"})
    first_frame: IntProperty(
        name="Start", description="Frame that shows the beginning of the video", default=1
    )
    use_held: BoolProperty(
        name="Beneath the Speech",
        description="Of mouth and jaw take only what is held while they speak: words are the speech's own",
        default=True,
    )
    rate: FloatProperty(
        name="Recorded at",
        description="Frames a second of the video, for tables that do not say when a row was; 0 for all others",
        default=0.0,
        min=0.0,
        max=1000.0,
    )

    def run(self, context: bpy.types.Context) -> Outcome:
        """Read, put on the scene's frames and key."""
        import numpy as np

        from ..core.direction.readout import acted_units
        from ..core.importers.action_units import read_action_units
        from ..core.timing import frame_rate

        fps = frame_rate(self.rate) if self.rate else None
        table = read_action_units(Path(bpy.path.abspath(self.filepath)), fps)
        scene_fps = float(scene_rate(context.scene))
        direction = table.direction()
        if self.use_held:
            held = acted_units(direction.intensities, direction.fps)
            direction = replace(direction, intensities=held)
        last_sec = float(table.times_sec[-1])
        times_sec = np.arange(round(last_sec * scene_fps) + 1) / scene_fps
        obj = active_avatar(context)
        self.key_units(obj, direction.at(times_sec), self.first_frame, table.present)
        for note in table.notes:
            self.report({"WARNING"}, note)
        return {"FINISHED"}

    def invoke(self, context: bpy.types.Context, _event: bpy.types.Event) -> Outcome:
        """Ask for a file."""
        if not self.properties.is_property_set("first_frame"):
            self.first_frame = context.scene.frame_current
        if self.filepath:
            return context.window_manager.invoke_props_dialog(self, width=340)
        context.window_manager.fileselect_add(self)
        return {"RUNNING_MODAL"}

    def draw(self, _context: bpy.types.Context) -> None:
        """Options."""
        layout = self.layout
        layout.use_property_split = True
        layout.use_property_decorate = False
        layout.prop(self, "first_frame")
        layout.prop(self, "strength", slider=True)
        layout.prop(self, "use_held")
        layout.prop(self, "tolerance")
        layout.prop(self, "rate")


CLASSES = (GAUSSIAN_HEADS_OT_direction_from_file,)
