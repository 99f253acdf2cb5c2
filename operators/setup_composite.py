"""Lay a scene's heads over what EEVEE or Cycles makes of it."""

import bpy
from bpy.props import BoolProperty

from .base import GuardedOperator, NeedsAvatars, Outcome


class GAUSSIAN_HEADS_OT_setup_composite(NeedsAvatars, GuardedOperator, bpy.types.Operator):
    """Add a scene that draws the heads, and compositor nodes that lay them over this scene's Cycles or EEVEE picture; call it again after changing cameras, collections or the picture's size"""

    bl_idname = "gaussian_heads.setup_composite"
    bl_label = "Composite Over This Scene"
    bl_options = {"REGISTER", "UNDO"}

    shadows_on_heads: BoolProperty(
        name="Shadows on Heads",
        description="Lets objects of the scene throw their shadows on the heads: a view layer more, Cycles only",
        default=True,
    )

    def run(self, context: bpy.types.Context) -> Outcome:
        """Build or refresh, and say what to do next."""
        from ..blender.composite import setup_composite

        result = setup_composite(context.scene, shadows_on_heads=self.shadows_on_heads)
        verb = "draws" if result.is_new else "still draws"
        shadows = " Shadows fall on the heads." if result.has_shadows else ""
        self.report(
            {"INFO"},
            f"The scene '{result.heads_scene.name}' {verb} the heads; render this scene as usual.{shadows}",
        )
        return {"FINISHED"}


CLASSES = (GAUSSIAN_HEADS_OT_setup_composite,)
