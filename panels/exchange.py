"""The sidebar's panel of what other programs and mesh characters give and take."""

from __future__ import annotations

import bpy

from ..blender.heads import is_avatar
from ..operators.bake_speech import GAUSSIAN_HEADS_OT_cancel_bake
from ..operators.base import active_avatar
from ..operators.copy_shapes import (
    GAUSSIAN_HEADS_OT_add_shape_row,
    GAUSSIAN_HEADS_OT_copy_to_shape_keys,
    GAUSSIAN_HEADS_OT_match_shapes,
    GAUSSIAN_HEADS_OT_remove_shape_drivers,
    GAUSSIAN_HEADS_OT_remove_shape_row,
    active_mesh,
)
from ..operators.export_landmarks import GAUSSIAN_HEADS_OT_export_landmarks
from ..operators.export_performance import GAUSSIAN_HEADS_OT_export_performance
from ..operators.import_performance import GAUSSIAN_HEADS_OT_import_performance
from ..operators.speech_to_shapes import GAUSSIAN_HEADS_OT_speech_to_shape_keys
from .base import Sidebar


class GAUSSIAN_HEADS_UL_shape_rows(bpy.types.UIList):
    """Rows of a mapping: shape key, control and factor."""

    bl_idname = "GAUSSIAN_HEADS_UL_shape_rows"

    def draw_item(
        self,
        context: bpy.types.Context,
        layout: bpy.types.UILayout,
        data: bpy.types.PropertyGroup,
        item: bpy.types.PropertyGroup,
        icon: int,
        active_data: bpy.types.PropertyGroup,
        active_property: str,
    ) -> None:
        """One row; a key that is gone is marked."""
        blocks = data.id_data.data.shape_keys.key_blocks
        is_there = item.name in blocks
        row = layout.split(factor=0.42)
        row.label(text=item.name or "(none)", icon="SHAPEKEY_DATA" if is_there else "ERROR")
        row = row.split(factor=0.68)
        row.label(text=item.control)
        row.prop(item, "factor", text="", emboss=False)


class GAUSSIAN_HEADS_PT_exchange(Sidebar, bpy.types.Panel):
    """Recordings in and out, and shape keys of mesh characters."""

    bl_label = "Exchange"
    bl_idname = "GAUSSIAN_HEADS_PT_exchange"
    bl_options = {"DEFAULT_CLOSED"}

    def draw(self, context: bpy.types.Context) -> None:
        """Import and export; what to do where nothing is selected."""
        from ..blender.exchange.shape_keys import has_shape_keys

        layout = self.layout
        if active_avatar(context) is None and not has_shape_keys(active_mesh(context)):
            layout.label(text="Select an avatar or a mesh with shape keys", icon="INFO")
        column = layout.column(align=True)
        column.operator(GAUSSIAN_HEADS_OT_import_performance.bl_idname, icon="IMPORT")
        column.operator(GAUSSIAN_HEADS_OT_export_performance.bl_idname, icon="EXPORT")
        column.operator(GAUSSIAN_HEADS_OT_export_landmarks.bl_idname, icon="EXPORT")


class GAUSSIAN_HEADS_PT_shape_keys(Sidebar, bpy.types.Panel):
    """Shape keys that copy an avatar or speak."""

    bl_label = "Copy to Shape Keys"
    bl_idname = "GAUSSIAN_HEADS_PT_shape_keys"
    bl_parent_id = "GAUSSIAN_HEADS_PT_exchange"
    bl_options = {"DEFAULT_CLOSED"}

    def draw(self, context: bpy.types.Context) -> None:
        """The mapping of the active mesh, and what can be done with it."""
        from ..blender.exchange.shape_drivers import is_driven
        from ..blender.exchange.shape_keys import has_shape_keys

        layout = self.layout
        obj = active_mesh(context)
        if not has_shape_keys(obj):
            text = "Make a mesh with shape keys active"
            layout.label(text=text, icon="INFO")
            if is_avatar(obj):
                layout.label(text="Then copy this head's face to it")
            return
        settings = obj.gaussian_head
        layout.use_property_split = True
        layout.use_property_decorate = False
        self._draw_mapping(layout, obj)
        layout.prop(settings, "shape_source")
        layout.operator(GAUSSIAN_HEADS_OT_copy_to_shape_keys.bl_idname, icon="SHAPEKEY_DATA")
        if is_driven(obj):
            layout.operator(GAUSSIAN_HEADS_OT_remove_shape_drivers.bl_idname, icon="X")
        self._draw_speech(layout, obj)

    def _draw_speech(self, layout: bpy.types.UILayout, obj: bpy.types.Object) -> None:
        from ..blender.jobs import describe_job, running_job

        job = running_job(obj)
        if job is not None:
            row = layout.row(align=True)
            row.progress(factor=job.progress, text=describe_job(job))
            row.operator(GAUSSIAN_HEADS_OT_cancel_bake.bl_idname, text="", icon="X")
            return
        layout.operator(GAUSSIAN_HEADS_OT_speech_to_shape_keys.bl_idname, icon="REC")

    def _draw_mapping(self, layout: bpy.types.UILayout, obj: bpy.types.Object) -> None:
        settings = obj.gaussian_head
        layout.operator(GAUSSIAN_HEADS_OT_match_shapes.bl_idname, icon="VIEWZOOM")
        for line in filter(None, settings.shape_report.split("; ")):
            layout.label(text=line)
        if not len(settings.shape_rows):
            layout.label(text="No mapping yet: recognise names, or add keys", icon="INFO")
        row = layout.row()
        row.template_list(
            GAUSSIAN_HEADS_UL_shape_rows.bl_idname,
            "",
            settings,
            "shape_rows",
            settings,
            "shape_row_index",
            rows=5,
        )
        buttons = row.column(align=True)
        buttons.operator(GAUSSIAN_HEADS_OT_add_shape_row.bl_idname, text="", icon="ADD")
        buttons.operator(GAUSSIAN_HEADS_OT_remove_shape_row.bl_idname, text="", icon="REMOVE")
        if settings.shape_row_index < len(settings.shape_rows):
            item = settings.shape_rows[settings.shape_row_index]
            column = layout.column(align=True)
            column.prop_search(item, "name", obj.data.shape_keys, "key_blocks", text="Shape Key")
            column.prop(item, "control")
            column.prop(item, "factor")


CLASSES = (
    GAUSSIAN_HEADS_UL_shape_rows,
    GAUSSIAN_HEADS_PT_exchange,
    GAUSSIAN_HEADS_PT_shape_keys,
)
