"""Direct an expression: key its Action Units over a range of frames, for the next bake."""

import bpy
from bpy.props import EnumProperty, IntProperty

from ..blender.strips import sequencer_scene
from ..core.direction.expressions import DIRECTED_EXPRESSIONS, direction_units
from ..core.spaces.expressions import EXPRESSIONS
from .acting_base import ActsOnAvatar, HasIntensity
from .base import Outcome, active_avatar
from .listening import counted

ITEMS = tuple(
    (name, EXPRESSIONS[name].label, EXPRESSIONS[name].description) for name in DIRECTED_EXPRESSIONS
)
RANGE_ITEMS = (
    (
        "LINE",
        "Line",
        "The line at the current frame; where the avatar is silent, the preview range or the scene",
    ),
    ("CUSTOM", "Frames", "The frames given here"),
)
MODES = (
    ("REPLACE", "Replace", "The expression takes the place of what is directed on these frames"),
    ("ADD", "Add", "The expression is added to what is directed on these frames"),
)


class GAUSSIAN_HEADS_OT_direct_expression(HasIntensity, ActsOnAvatar, bpy.types.Operator):
    """Key an expression as acting direction over a range of frames; it shows once keys of speech are made anew"""

    bl_idname = "gaussian_heads.direct_expression"
    bl_label = "Direct Expression"

    name: EnumProperty(name="Expression", description="What is to be shown", items=ITEMS)
    mode: EnumProperty(
        name="Mode", description="What becomes of what is directed already", items=MODES
    )
    frames: EnumProperty(
        name="On",
        description="On which frames it is shown",
        items=RANGE_ITEMS,
        options={"SKIP_SAVE"},
    )
    frame_start: IntProperty(
        name="First Frame", description="Where it begins to come", default=1, options={"SKIP_SAVE"}
    )
    frame_end: IntProperty(
        name="Last Frame", description="Where it is gone", default=250, options={"SKIP_SAVE"}
    )
    onset_frames: IntProperty(
        name="Onset", description="Frames in which it comes", default=8, min=0, soft_max=48
    )
    offset_frames: IntProperty(
        name="Offset", description="Frames in which it goes", default=12, min=0, soft_max=48
    )

    @classmethod
    def description(
        cls, _context: bpy.types.Context, properties: bpy.types.OperatorProperties
    ) -> str:
        """The tooltip is what the expression looks like."""
        units = " + ".join(name.removeprefix("AU") for name in direction_units(properties.name))
        return f"{EXPRESSIONS[properties.name].description} (Action Units {units})"

    def draw(self, _context: bpy.types.Context) -> None:
        """Expression, frames and ways."""
        layout = self.layout
        layout.use_property_split = True
        layout.prop(self, "name")
        layout.prop(self, "intensity", slider=True)
        layout.prop(self, "mode")
        layout.prop(self, "frames")
        if self.frames == "CUSTOM":
            column = layout.column(align=True)
            column.prop(self, "frame_start")
            column.prop(self, "frame_end")
        column = layout.column(align=True)
        column.prop(self, "onset_frames")
        column.prop(self, "offset_frames")

    def run(self, context: bpy.types.Context) -> Outcome:
        """Key it."""
        from ..blender.direction.keys import Hold, direct_units

        obj = active_avatar(context)
        first, last = self._range(context, obj)
        hold = Hold(first, last, self.onset_frames, self.offset_frames)
        units = direction_units(self.name, self.intensity)
        num_keyed = direct_units(obj, units, hold, mode=self.mode)
        self.report(
            {"INFO"},
            f"Directed {EXPRESSIONS[self.name].label} on frames {first} to {last} with "
            f"{counted(num_keyed, 'Action Unit')}.",
        )
        return {"FINISHED"}

    def _range(self, context: bpy.types.Context, obj: bpy.types.Object) -> tuple[int, int]:
        """The frames, those given by a script without saying so among them."""
        from ..blender.dialogue.choice import line_frames_at

        given = self.properties.is_property_set
        if self.frames == "CUSTOM" or given("frame_start") or given("frame_end"):
            return self.frame_start, self.frame_end
        scene = context.scene
        line = line_frames_at(sequencer_scene(context), obj, scene.frame_current)
        if line is not None:
            return line
        if scene.use_preview_range:
            return scene.frame_preview_start, scene.frame_preview_end
        return scene.frame_start, scene.frame_end


CLASSES = (GAUSSIAN_HEADS_OT_direct_expression,)
