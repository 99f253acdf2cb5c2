"""The sidebar's panels of what is acted on top of the speech."""

from __future__ import annotations

import bpy

from ..blender.properties import CONTROL_SETS
from ..operators.base import active_avatar
from .base import NeedsAvatar, Sidebar


class GAUSSIAN_HEADS_PT_acting(NeedsAvatar, Sidebar, bpy.types.Panel):
    """What is added on top of the speech by hand."""

    bl_label = "Acting"
    bl_idname = "GAUSSIAN_HEADS_PT_acting"
    bl_options = {"DEFAULT_CLOSED"}

    def draw(self, context: bpy.types.Context) -> None:
        """The head's pose; the controls stand in panels of their own."""
        layout = self.layout
        layout.use_property_split = True
        settings = active_avatar(context).gaussian_head
        layout.column().prop(settings, "head_rotation")
        layout.column().prop(settings, "head_translation")


class _ControlsPanel(NeedsAvatar, Sidebar):
    bl_parent_id = "GAUSSIAN_HEADS_PT_acting"
    bl_options = {"DEFAULT_CLOSED"}
    control_set = CONTROL_SETS[0]

    def draw(self, context: bpy.types.Context) -> None:
        """A slider for each control."""
        layout = self.layout
        layout.use_property_split = True
        group = getattr(active_avatar(context).gaussian_head, self.control_set.attribute)
        column = layout.column(align=True)
        for name in self.control_set.names:
            column.prop(group, name, slider=True)


class GAUSSIAN_HEADS_PT_arkit(_ControlsPanel, bpy.types.Panel):
    """The 52 ARKit blendshapes."""

    bl_label = "ARKit"
    bl_idname = "GAUSSIAN_HEADS_PT_arkit"


class GAUSSIAN_HEADS_PT_action_units(_ControlsPanel, bpy.types.Panel):
    """FACS Action Units."""

    bl_label = "Action Units"
    bl_idname = "GAUSSIAN_HEADS_PT_action_units"
    control_set = CONTROL_SETS[1]


class GAUSSIAN_HEADS_PT_visemes(_ControlsPanel, bpy.types.Panel):
    """The 15 visemes."""

    bl_label = "Visemes"
    bl_idname = "GAUSSIAN_HEADS_PT_visemes"
    control_set = CONTROL_SETS[2]


CLASSES = (
    GAUSSIAN_HEADS_PT_acting,
    GAUSSIAN_HEADS_PT_arkit,
    GAUSSIAN_HEADS_PT_action_units,
    GAUSSIAN_HEADS_PT_visemes,
)
