"""The sidebar's panels of what the eyes look at and what the head follows."""

from __future__ import annotations

import bpy

from ..operators.base import active_avatar
from ..operators.follow_head import (
    GAUSSIAN_HEADS_OT_add_head_control,
    GAUSSIAN_HEADS_OT_link_head,
    GAUSSIAN_HEADS_OT_set_head_rest,
)
from ..operators.look_at import GAUSSIAN_HEADS_OT_add_gaze_target, GAUSSIAN_HEADS_OT_look_at
from .base import NeedsAvatar, Sidebar


def draw_bone(
    layout: bpy.types.UILayout,
    settings: bpy.types.PropertyGroup,
    name: str,
    target: bpy.types.Object | None,
) -> None:
    """The choice of a bone, where the target has any; a bone that is gone is said."""
    if target is None or target.type != "ARMATURE":
        return
    layout.prop_search(settings, name, target.data, "bones")
    bone = getattr(settings, name)
    if bone and bone not in target.data.bones:
        layout.label(text=f"'{target.name}' has no bone '{bone}'", icon="ERROR")


class _TargetPanel(NeedsAvatar, Sidebar):
    """What the head is linked to, or the ways to link it, and what can then be set."""

    bl_parent_id = "GAUSSIAN_HEADS_PT_acting"
    bl_options = {"DEFAULT_CLOSED"}
    by_hand: tuple[str, ...] = ()

    def draw(self, context: bpy.types.Context) -> None:
        """The target, or the ways to get one."""
        layout = self.layout
        layout.use_property_split = True
        settings = active_avatar(context).gaussian_head
        target = getattr(settings, f"{self.part}_target")
        layout.prop(settings, f"{self.part}_target")
        draw_bone(layout, settings, f"{self.part}_bone", target)
        if target is None:
            self.draw_ways(layout.row(align=True))
        else:
            self.draw_linked(layout, settings)
        for name in self.by_hand:
            layout.column().prop(settings, name)


class GAUSSIAN_HEADS_PT_gaze(_TargetPanel, bpy.types.Panel):
    """What the eyes look at."""

    bl_label = "Gaze"
    bl_idname = "GAUSSIAN_HEADS_PT_gaze"
    part = "gaze"

    def draw_ways(self, row: bpy.types.UILayout) -> None:
        """Something new to look at, or what is there."""
        row.operator(GAUSSIAN_HEADS_OT_add_gaze_target.bl_idname, icon="EMPTY_AXIS")
        row.operator(GAUSSIAN_HEADS_OT_look_at.bl_idname, text="Camera or Selected")

    def draw_linked(self, layout: bpy.types.UILayout, settings: bpy.types.PropertyGroup) -> None:
        """How far eyes and head turn to it."""
        column = layout.column()
        column.prop(settings, "gaze_follow", slider=True)
        column.prop(settings, "gaze_head_share", slider=True)


class GAUSSIAN_HEADS_PT_head_pose(_TargetPanel, bpy.types.Panel):
    """How the head is turned, by hand and by what it follows."""

    bl_label = "Head"
    bl_idname = "GAUSSIAN_HEADS_PT_head_pose"
    part = "head"
    by_hand = ("head_rotation", "head_translation")

    def draw_ways(self, row: bpy.types.UILayout) -> None:
        """Something new to follow, or what is selected."""
        row.operator(GAUSSIAN_HEADS_OT_add_head_control.bl_idname, icon="EMPTY_AXIS")
        row.operator(GAUSSIAN_HEADS_OT_link_head.bl_idname, text="Link To Selected")

    def draw_linked(self, layout: bpy.types.UILayout, settings: bpy.types.PropertyGroup) -> None:
        """How far it follows, and its rest."""
        layout.prop(settings, "head_follow", slider=True)
        layout.prop(settings, "head_use_location")
        layout.operator(GAUSSIAN_HEADS_OT_set_head_rest.bl_idname)


CLASSES = (GAUSSIAN_HEADS_PT_gaze, GAUSSIAN_HEADS_PT_head_pose)
