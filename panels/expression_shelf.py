"""The shelf of expressions at the bottom of the 3D View, in Object Mode."""

from __future__ import annotations

import bpy

from ..blender.pose_assets import is_pose_asset
from ..operators.apply_action_asset import GAUSSIAN_HEADS_OT_apply_action_asset, draw_menu
from ..operators.base import active_avatar


class VIEW3D_AST_gaussian_heads(bpy.types.AssetShelf):
    """Poses of heads from all asset libraries; a click applies one to the active avatar."""

    bl_space_type = "VIEW_3D"
    bl_options = {"NO_ASSET_DRAG", "STORE_ENABLED_CATALOGS_IN_PREFERENCES"}
    bl_activate_operator = GAUSSIAN_HEADS_OT_apply_action_asset.bl_idname

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        """Only where a head can be acted."""
        return context.mode == "OBJECT" and active_avatar(context) is not None

    @classmethod
    def asset_poll(cls, asset: bpy.types.AssetRepresentation) -> bool:
        """Only poses of heads."""
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
