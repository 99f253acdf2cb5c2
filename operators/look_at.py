"""Give the eyes something to look at."""

import bpy
from bpy.props import BoolProperty, FloatProperty, StringProperty

from ..blender.defaults import GAZE_DISTANCE_M
from ..core.errors import GaussianHeadsError
from .acting_base import ActsOnAvatar
from .base import Outcome, active_avatar


class GAUSSIAN_HEADS_OT_add_gaze_target(ActsOnAvatar, bpy.types.Operator):
    """Add an Empty before the face that the eyes look at"""

    bl_idname = "gaussian_heads.add_gaze_target"
    bl_label = "Add Gaze Target"

    distance: FloatProperty(
        name="Distance",
        description="How far before the eyes",
        default=GAZE_DISTANCE_M,
        min=0.05,
        soft_max=10.0,
        subtype="DISTANCE",
        unit="LENGTH",
    )
    parented: BoolProperty(
        name="Follow the Avatar",
        description="Parent the Empty to the avatar, so that it goes along with the shoulders",
        default=False,
    )

    def run(self, context: bpy.types.Context) -> Outcome:
        """Add and link; the avatar stays active."""
        from ..blender.acting.target_links import add_gaze_target

        empty = add_gaze_target(
            active_avatar(context), distance_m=self.distance, parented=self.parented
        )
        self.report({"INFO"}, f"The eyes look at '{empty.name}'")
        return {"FINISHED"}


class GAUSSIAN_HEADS_OT_look_at(ActsOnAvatar, bpy.types.Operator):
    """Let the eyes look at an object: the other one that is selected, or the scene's camera"""

    bl_idname = "gaussian_heads.look_at"
    bl_label = "Look At"

    target: StringProperty(
        name="Target",
        description="Name of the object; the other selected one, or the camera, when empty",
        options={"SKIP_SAVE"},
    )
    bone: StringProperty(name="Bone", description="A bone of the armature", options={"SKIP_SAVE"})

    def run(self, context: bpy.types.Context) -> Outcome:
        """Find the object and link it."""
        from ..blender.acting.target_links import look_at

        obj = active_avatar(context)
        target = named_or_selected(context, obj, self.target) or context.scene.camera
        if target is None:
            raise GaussianHeadsError(
                "There is nothing to look at: select an object together with the avatar, or add a camera."
            )
        look_at(obj, target, self.bone)
        self.report({"INFO"}, f"The eyes look at '{target.name}'")
        return {"FINISHED"}


def named_or_selected(
    context: bpy.types.Context, obj: bpy.types.Object, name: str
) -> bpy.types.Object | None:
    """The object called `name`, or without a name the selected one beside the avatar."""
    if name:
        target = context.scene.objects.get(name)
        if target is None or target == obj:
            raise GaussianHeadsError(
                f"The scene has no other object '{name}': name one of its objects."
            )
        return target
    others = [other for other in context.selected_objects if other != obj]
    return others[0] if len(others) == 1 else None


CLASSES = (GAUSSIAN_HEADS_OT_add_gaze_target, GAUSSIAN_HEADS_OT_look_at)
