"""What panels of the tab "Gaussian Heads" share."""

from __future__ import annotations

import textwrap

import bpy

from ..blender.heads import is_avatar
from ..operators.base import active_avatar

TAB = "Gaussian Heads"
# A sidebar of the usual width shows about so many letters in a line, and so many beside an icon.
LINE, LINE_BESIDE_ICON = 40, 35


def draw_sentence(layout: bpy.types.UILayout, sentence: str, icon: str = "INFO") -> None:
    """A sentence over as many lines as the sidebar needs for it."""
    column = layout.column(align=True)
    lines = textwrap.wrap(sentence, LINE_BESIDE_ICON, break_on_hyphens=False)
    for number, line in enumerate(lines):
        column.label(text=line, icon="BLANK1" if number else icon)


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
