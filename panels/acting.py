"""The sidebar's panels of what is acted on top of the speech: expressions and named controls."""

from __future__ import annotations

import bpy

from ..operators.apply_expression import GAUSSIAN_HEADS_OT_apply_expression
from ..operators.base import active_avatar
from ..operators.copy_pose import GAUSSIAN_HEADS_OT_copy_pose, GAUSSIAN_HEADS_OT_paste_pose
from ..operators.create_expression_library import GAUSSIAN_HEADS_OT_create_expression_library
from ..operators.key_pose import GAUSSIAN_HEADS_OT_key_pose
from ..operators.mirror_pose import GAUSSIAN_HEADS_OT_mirror_pose
from ..operators.reset_pose import GAUSSIAN_HEADS_OT_reset_pose
from ..operators.save_pose_asset import GAUSSIAN_HEADS_OT_save_pose_asset
from .base import NeedsAvatar, Sidebar


class GAUSSIAN_HEADS_PT_acting(Sidebar, bpy.types.Panel):
    """What is added on top of the speech by hand."""

    bl_label = "Acting"
    bl_idname = "GAUSSIAN_HEADS_PT_acting"
    bl_options = {"DEFAULT_CLOSED"}

    def draw(self, context: bpy.types.Context) -> None:
        """Buttons for the whole pose; its parts stand in panels of their own."""
        layout = self.layout
        obj = active_avatar(context)
        if obj is None:
            layout.label(text="Load or select an avatar first", icon="INFO")
            return
        if not obj.is_editable:
            layout.label(text="Linked: make a library override first", icon="LIBRARY_DATA_DIRECT")
        row = layout.row(align=True)
        row.operator(GAUSSIAN_HEADS_OT_key_pose.bl_idname, icon="KEY_HLT")
        row.operator(GAUSSIAN_HEADS_OT_reset_pose.bl_idname, text="Reset", icon="LOOP_BACK")
        row.menu(GAUSSIAN_HEADS_MT_pose.bl_idname, text="", icon="DOWNARROW_HLT")


class GAUSSIAN_HEADS_MT_pose(bpy.types.Menu):
    """Copies, mirrors and resets of the whole pose."""

    bl_label = "Pose"
    bl_idname = "GAUSSIAN_HEADS_MT_pose"

    def draw(self, _context: bpy.types.Context) -> None:
        """Every verb for the whole pose."""
        layout = self.layout
        layout.operator(GAUSSIAN_HEADS_OT_copy_pose.bl_idname, icon="COPYDOWN")
        paste = GAUSSIAN_HEADS_OT_paste_pose.bl_idname
        layout.operator(paste, icon="PASTEDOWN")
        layout.operator(paste, text="Paste Mirrored", icon="PASTEFLIPDOWN").mirrored = True
        layout.separator()
        layout.operator(GAUSSIAN_HEADS_OT_mirror_pose.bl_idname, icon="MOD_MIRROR")
        layout.separator()
        button = layout.operator(
            GAUSSIAN_HEADS_OT_reset_pose.bl_idname, text="Reset and Key", icon="KEYFRAME"
        )
        button.use_key = True
        layout.separator()
        layout.operator(GAUSSIAN_HEADS_OT_save_pose_asset.bl_idname, icon="ASSET_MANAGER")
        layout.operator(GAUSSIAN_HEADS_OT_create_expression_library.bl_idname)


class GAUSSIAN_HEADS_PT_expressions(NeedsAvatar, Sidebar, bpy.types.Panel):
    """Expressions at a click."""

    bl_label = "Expressions"
    bl_idname = "GAUSSIAN_HEADS_PT_expressions"
    bl_parent_id = "GAUSSIAN_HEADS_PT_acting"

    def draw(self, context: bpy.types.Context) -> None:
        """How they are applied, then a button for each."""
        from ..blender.acting.lists import expression_labels

        layout = self.layout
        settings = context.scene.gaussian_heads
        column = layout.column(align=True)
        column.prop(settings, "expression_intensity", slider=True)
        row = column.row(align=True)
        row.prop(settings, "expression_mode", expand=True)
        row = layout.row()
        row.prop(settings, "expression_mirrored")
        row.prop(settings, "expression_key")
        for group, expressions in expression_labels().items():
            self._draw_group(layout, settings, group, expressions)

    def _draw_group(
        self,
        layout: bpy.types.UILayout,
        settings: bpy.types.PropertyGroup,
        label: str,
        expressions: list[tuple[str, str]],
    ) -> None:
        column = layout.column(align=True)
        column.label(text=label)
        grid = column.grid_flow(columns=2, even_columns=True, align=True, row_major=True)
        for name, text in expressions:
            button = grid.operator(GAUSSIAN_HEADS_OT_apply_expression.bl_idname, text=text)
            button.name, button.intensity = name, settings.expression_intensity
            button.mode, button.mirrored = settings.expression_mode, settings.expression_mirrored
            button.use_key = settings.expression_key


class GAUSSIAN_HEADS_PT_controls(NeedsAvatar, Sidebar, bpy.types.Panel):
    """Search and filter of the lists below."""

    bl_label = "Controls"
    bl_idname = "GAUSSIAN_HEADS_PT_controls"
    bl_parent_id = "GAUSSIAN_HEADS_PT_acting"
    bl_options = {"DEFAULT_CLOSED"}

    def draw(self, context: bpy.types.Context) -> None:
        """What the lists show, and whether sides go together."""
        from ..blender.acting.lists import is_narrowed
        from .control_lists import draw_found

        layout = self.layout
        settings = context.scene.gaussian_heads
        layout.prop(settings, "acting_filter", text="", icon="VIEWZOOM")
        row = layout.row(align=True)
        row.prop(settings, "acting_symmetric", toggle=True, icon="MOD_MIRROR")
        row.prop(settings, "acting_changed_only", toggle=True, icon="FILTER")
        if is_narrowed(context.scene):
            draw_found(layout, active_avatar(context), context.scene)


class _ControlsPanel(NeedsAvatar, Sidebar):
    bl_parent_id = "GAUSSIAN_HEADS_PT_controls"
    bl_options = {"DEFAULT_CLOSED"}
    kind = "arkit"

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        """With an avatar; what a search finds is shown above."""
        from ..blender.acting.lists import is_narrowed

        return super().poll(context) and not is_narrowed(context.scene)

    def draw(self, context: bpy.types.Context) -> None:
        """A slider for each control, in groups."""
        from .control_lists import draw_controls

        draw_controls(self.layout, active_avatar(context), context.scene, self.kind)


class GAUSSIAN_HEADS_PT_arkit(_ControlsPanel, bpy.types.Panel):
    """The 52 ARKit blendshapes."""

    bl_label = "ARKit"
    bl_idname = "GAUSSIAN_HEADS_PT_arkit"


class GAUSSIAN_HEADS_PT_action_units(_ControlsPanel, bpy.types.Panel):
    """FACS Action Units."""

    bl_label = "Action Units"
    bl_idname = "GAUSSIAN_HEADS_PT_action_units"
    kind = "action_units"


class GAUSSIAN_HEADS_PT_visemes(_ControlsPanel, bpy.types.Panel):
    """The 15 visemes."""

    bl_label = "Visemes"
    bl_idname = "GAUSSIAN_HEADS_PT_visemes"
    kind = "visemes"


CLASSES = (
    GAUSSIAN_HEADS_MT_pose,
    GAUSSIAN_HEADS_PT_acting,
    GAUSSIAN_HEADS_PT_expressions,
    GAUSSIAN_HEADS_PT_controls,
    GAUSSIAN_HEADS_PT_arkit,
    GAUSSIAN_HEADS_PT_action_units,
    GAUSSIAN_HEADS_PT_visemes,
)
