"""The shelf of expressions at the bottom of the 3D View, in Object Mode."""

from __future__ import annotations

import bpy

from ..operators.apply_action_asset import GAUSSIAN_HEADS_OT_apply_action_asset
from ..operators.base import active_avatar
from ..operators.blend_action_asset import GAUSSIAN_HEADS_OT_blend_action_asset, draw_menu


class VIEW3D_AST_gaussian_heads(bpy.types.AssetShelf):
    """Poses of heads from all asset libraries; a click applies one to the active avatar, a drag blends it."""

    bl_space_type = "VIEW_3D"
    bl_options = {"STORE_ENABLED_CATALOGS_IN_PREFERENCES"}
    bl_activate_operator = GAUSSIAN_HEADS_OT_apply_action_asset.bl_idname
    # Blender 5.0 and later; before that a drag does nothing.
    bl_drag_operator = GAUSSIAN_HEADS_OT_blend_action_asset.bl_idname
    bl_default_preview_size = 64
    filter_action = True

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        """Only where a head can be acted."""
        return context.mode == "OBJECT" and active_avatar(context) is not None

    @classmethod
    def asset_poll(cls, asset: bpy.types.AssetRepresentation) -> bool:
        """Only poses of heads."""
        from ..blender.acting.assets import is_pose_asset

        return is_pose_asset(asset)

    @classmethod
    def draw_context_menu(
        cls,
        context: bpy.types.Context,
        _asset: bpy.types.AssetRepresentation,
        layout: bpy.types.UILayout,
    ) -> None:
        """The same entries as in the Asset Browser."""
        draw_menu(_Menu(layout), context)


class _Menu:
    """Stands in for a menu whose entries are drawn into a given layout."""

    def __init__(self, layout: bpy.types.UILayout) -> None:
        self.layout = layout


CLASSES = (VIEW3D_AST_gaussian_heads,)
