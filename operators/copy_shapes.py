"""Let the shape keys of a mesh character do what an avatar does."""

from typing import TYPE_CHECKING

import bpy
from bpy.props import BoolProperty, IntProperty

from ..blender.heads import scene_avatars
from .base import GuardedOperator, Outcome, SaysWhyNot, ThinsKeys, cursor_progress

if TYPE_CHECKING:
    from ..blender.exchange.shape_keys import ShapeBake


class NeedsShapeKeys(SaysWhyNot):
    """Mix-in for operators on the active mesh's shape keys."""

    @classmethod
    def why_not(cls, context: bpy.types.Context) -> str:
        """Nothing else, unless an operator has reasons of its own."""
        return ""

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        """Only with a mesh character active."""
        from ..blender.exchange.shape_keys import has_shape_keys

        if not has_shape_keys(active_mesh(context)):
            cls.poll_message_set("Make a mesh with shape keys the active object first.")
            return False
        return super().poll(context)


class GAUSSIAN_HEADS_OT_match_shapes(NeedsShapeKeys, GuardedOperator, bpy.types.Operator):
    """Recognise the shape keys of the active and the selected meshes by their names; mappings are made anew"""

    bl_idname = "gaussian_heads.match_shapes"
    bl_label = "Recognise Names"
    bl_options = {"REGISTER", "UNDO"}

    def run(self, context: bpy.types.Context) -> Outcome:
        """Fill the list and say what was recognised."""
        from ..blender.exchange.shape_keys import match_shape_keys

        matches = [match_shape_keys(obj) for obj in chosen_meshes(context)]
        self.report({"INFO"} if matches[0].rows else {"WARNING"}, f"{matches[0].sentence()}.")
        return {"FINISHED"}


class GAUSSIAN_HEADS_OT_copy_to_shape_keys(
    NeedsShapeKeys, ThinsKeys, GuardedOperator, bpy.types.Operator
):
    """Key on the shape keys of the active and the selected meshes what the avatar does, or let them follow it live"""

    bl_idname = "gaussian_heads.copy_to_shape_keys"
    bl_label = "Copy to Shape Keys"
    bl_options = {"REGISTER", "UNDO"}

    use_drivers: BoolProperty(
        name="Live",
        description="Add drivers that follow the avatar's layers and ARKit sliders, instead of keys",
    )
    use_range: BoolProperty(
        name="Only Some Frames", description="Other frames than the scene's range"
    )
    frame_start: IntProperty(name="From", description="First frame to key", default=1)
    frame_end: IntProperty(name="To", description="Last frame to key", default=250)

    @classmethod
    def why_not(cls, context: bpy.types.Context) -> str:
        """Needs an avatar to copy from."""
        if shape_source(context) is None:
            return "Choose the avatar whose face is copied; load one first if there is none."
        return ""

    def run(self, context: bpy.types.Context) -> Outcome:
        """Bake or drive."""
        from ..blender.exchange.shape_drivers import drive_shape_keys
        from ..blender.exchange.shape_keys import copy_to_shape_keys, mapped_meshes

        meshes, source = chosen_meshes(context), shape_source(context)
        if self.use_drivers:
            num_driven = sum(drive_shape_keys(source, obj) for obj, _ in mapped_meshes(meshes))
            self.report({"INFO"}, f"{num_driven} shape keys follow '{source.name}'.")
            return {"FINISHED"}
        frames = range(self.frame_start, self.frame_end + 1) if self.use_range else None
        with cursor_progress(context) as progress:
            baked = copy_to_shape_keys(
                context.scene,
                source,
                meshes,
                frames,
                tolerance=self.tolerance,
                progress=progress,
            )
        self.report({"INFO"}, sentence_of(baked))
        return {"FINISHED"}

    def draw(self, context: bpy.types.Context) -> None:
        """Options of keys where keys are made."""
        layout = self.layout
        layout.use_property_split = True
        layout.prop(self, "use_drivers")
        if self.use_drivers:
            return
        layout.prop(self, "use_range")
        if self.use_range:
            column = layout.column(align=True)
            column.prop(self, "frame_start")
            column.prop(self, "frame_end")
        layout.prop(self, "tolerance")


class GAUSSIAN_HEADS_OT_remove_shape_drivers(NeedsShapeKeys, GuardedOperator, bpy.types.Operator):
    """Let the shape keys of the active and the selected meshes no longer follow an avatar"""

    bl_idname = "gaussian_heads.remove_shape_drivers"
    bl_label = "Remove Drivers"
    bl_options = {"REGISTER", "UNDO"}

    @classmethod
    def why_not(cls, context: bpy.types.Context) -> str:
        """Needs drivers."""
        from ..blender.exchange.shape_drivers import is_driven

        return "" if is_driven(active_mesh(context)) else "No shape key has a driver."

    def run(self, context: bpy.types.Context) -> Outcome:
        """Remove those of the mapping."""
        from ..blender.exchange.shape_drivers import remove_drivers

        num_removed = sum(remove_drivers(obj) for obj in chosen_meshes(context))
        self.report({"INFO"}, f"Removed {num_removed} drivers.")
        return {"FINISHED"}


class GAUSSIAN_HEADS_OT_add_shape_row(NeedsShapeKeys, GuardedOperator, bpy.types.Operator):
    """Add the active shape key to the mapping"""

    bl_idname = "gaussian_heads.add_shape_row"
    bl_label = "Add Shape Key"
    bl_options = {"REGISTER", "UNDO"}

    def run(self, context: bpy.types.Context) -> Outcome:
        """Add a row for the shape key that is selected in the mesh's own list."""
        obj = active_mesh(context)
        settings = obj.gaussian_head
        row = settings.shape_rows.add()
        is_basis = obj.active_shape_key == obj.data.shape_keys.reference_key
        if obj.active_shape_key is not None and not is_basis:
            row.name = obj.active_shape_key.name
        settings.shape_row_index = len(settings.shape_rows) - 1
        return {"FINISHED"}


class GAUSSIAN_HEADS_OT_remove_shape_row(NeedsShapeKeys, GuardedOperator, bpy.types.Operator):
    """Remove the selected row from the mapping; keys that are there stay"""

    bl_idname = "gaussian_heads.remove_shape_row"
    bl_label = "Remove Shape Key"
    bl_options = {"REGISTER", "UNDO"}

    @classmethod
    def why_not(cls, context: bpy.types.Context) -> str:
        """Needs a row."""
        return "" if len(active_mesh(context).gaussian_head.shape_rows) else "The mapping is empty."

    def run(self, context: bpy.types.Context) -> Outcome:
        """Remove it and select its neighbour."""
        settings = active_mesh(context).gaussian_head
        index = min(settings.shape_row_index, len(settings.shape_rows) - 1)
        settings.shape_rows.remove(index)
        settings.shape_row_index = max(0, index - 1)
        return {"FINISHED"}


def active_mesh(context: bpy.types.Context) -> bpy.types.Object | None:
    """The object whose shape keys buttons work on."""
    return context.view_layer.objects.active if context.view_layer else None


def chosen_meshes(context: bpy.types.Context) -> list[bpy.types.Object]:
    """The active mesh, then the other selected ones that have shape keys: teeth, lashes, brows."""
    from ..blender.exchange.shape_keys import has_shape_keys

    obj = active_mesh(context)
    others = [o for o in context.selected_objects if o != obj and has_shape_keys(o)]
    return [obj, *others]


def shape_source(context: bpy.types.Context) -> bpy.types.Object | None:
    """The avatar that the active mesh copies: the chosen one, or the only one of the scene."""
    obj = active_mesh(context)
    chosen = obj.gaussian_head.shape_source if obj is not None else None
    avatars = scene_avatars(context.scene)
    if chosen in avatars:
        return chosen
    return avatars[0] if chosen is None and len(avatars) == 1 else None


def sentence_of(baked: "ShapeBake") -> str:
    """What was keyed, for the status bar."""
    return (
        f"Keyed frames {baked.first_frame} to {baked.last_frame} in '{baked.action}': "
        f"{baked.num_keys:,} keys on {baked.num_curves} shape keys."
    )


CLASSES = (
    GAUSSIAN_HEADS_OT_match_shapes,
    GAUSSIAN_HEADS_OT_copy_to_shape_keys,
    GAUSSIAN_HEADS_OT_remove_shape_drivers,
    GAUSSIAN_HEADS_OT_add_shape_row,
    GAUSSIAN_HEADS_OT_remove_shape_row,
)
