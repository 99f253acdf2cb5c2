"""The sidebar's panel of loading and choosing heads."""

from __future__ import annotations

import bpy

from ..blender.avatars import builtin_names
from ..blender.native_splats import why_not_native
from ..operators.base import active_avatar
from ..operators.import_avatar import GAUSSIAN_HEADS_OT_import_avatar
from ..operators.import_splats import GAUSSIAN_HEADS_OT_import_splats
from ..operators.show_native_splats import GAUSSIAN_HEADS_OT_show_native_splats
from .base import Sidebar


class GAUSSIAN_HEADS_PT_avatar(Sidebar, bpy.types.Panel):
    """Loading a head."""

    bl_label = "Avatar"
    bl_idname = "GAUSSIAN_HEADS_PT_avatar"

    def draw(self, context: bpy.types.Context) -> None:
        """What is loaded, and the ways to load one."""
        layout = self.layout
        obj = active_avatar(context)
        if obj is None:
            layout.label(text="Load a head to begin", icon="INFO")
        else:
            layout.prop(obj, "name", text="", icon="OUTLINER_OB_MESH")
            layout.label(text=obj.gaussian_head.avatar)
        column = layout.column(align=True)
        for name in builtin_names():
            button = column.operator(
                GAUSSIAN_HEADS_OT_import_avatar.bl_idname,
                text=f"Add {name.replace('_', ' ').title()}",
                icon="ADD",
            )
            button.builtin = name
        column.operator(
            GAUSSIAN_HEADS_OT_import_avatar.bl_idname, text="Open .uhap File", icon="FILE_FOLDER"
        )
        column.operator(
            GAUSSIAN_HEADS_OT_import_splats.bl_idname,
            text="Open Splats (.ply)",
            icon="POINTCLOUD_DATA",
        )
        if not why_not_native():
            column.operator(GAUSSIAN_HEADS_OT_show_native_splats.bl_idname)


CLASSES = (GAUSSIAN_HEADS_PT_avatar,)
