"""What panels of the tab "Gaussian Heads" share."""

from __future__ import annotations

import bpy

from ..blender.gathering import is_avatar
from ..operators.base import active_avatar

TAB = "Gaussian Heads"


class Sidebar:
    """Panels of the 3D View's sidebar."""

    bl_space_type = "VIEW_3D"
    bl_region_type = "UI"
    bl_category = TAB


class NeedsAvatar:
    """Panels that need an avatar to show anything."""

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        """Only with an avatar."""
        return is_avatar(active_avatar(context))
