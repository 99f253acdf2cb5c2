"""Give the face an expression of the table."""

import bpy
from bpy.props import BoolProperty, EnumProperty, FloatProperty

from ..core.spaces.expressions import EXPRESSIONS, mirrored
from .acting_base import KEY_DESCRIPTION, ActsOnAvatar, HasIntensity
from .base import Outcome
from .copy_pose import MODES

ITEMS = tuple((name, e.label, e.description) for name, e in EXPRESSIONS.items())


class GAUSSIAN_HEADS_OT_apply_expression(HasIntensity, ActsOnAvatar, bpy.types.Operator):
    """Set the controls of an expression on top of the speech"""

    bl_idname = "gaussian_heads.apply_expression"
    bl_label = "Apply Expression"

    name: EnumProperty(name="Expression", description="What the face expresses", items=ITEMS)
    mode: EnumProperty(
        name="Mode", description="What becomes of what the face shows already", items=MODES
    )
    factor: FloatProperty(
        name="Blend",
        description="How far the face goes from what it shows to the expression",
        default=1.0,
        min=0.0,
        max=1.0,
        subtype="FACTOR",
        options={"SKIP_SAVE"},
    )
    mirrored: BoolProperty(
        name="Mirrored", description="Swap the sides of what has one", default=False
    )
    use_key: BoolProperty(name="Key", description=KEY_DESCRIPTION, default=False)

    @classmethod
    def description(
        cls, _context: bpy.types.Context, properties: bpy.types.OperatorProperties
    ) -> str:
        """The tooltip is what the expression looks like."""
        expression = EXPRESSIONS[properties.name]
        units = " + ".join(expression.units)
        return f"{expression.description} (Action Units {units})"

    def run(self, context: bpy.types.Context) -> Outcome:
        """Blend towards the expression."""
        from ..blender.acting.pose import blend_pose

        pose = EXPRESSIONS[self.name].pose(self.intensity)
        if self.mirrored:
            pose = mirrored(pose)
        return self.act(
            context, lambda obj: blend_pose(obj, pose, mode=self.mode, factor=self.factor)
        )


CLASSES = (GAUSSIAN_HEADS_OT_apply_expression,)
