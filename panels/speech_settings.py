"""The panels below Speech: what is set after a bake, and what is done with its keys."""

from __future__ import annotations

import bpy

from ..blender.avatars import object_path, opened_avatar
from ..blender.heads import is_avatar
from ..blender.properties import LAYERS
from ..blender.strips import sequencer_scene
from ..blender.style_properties import STYLE_FIELDS
from ..operators.base import active_avatar
from ..operators.clear_speech import (
    GAUSSIAN_HEADS_OT_clean_speech,
    GAUSSIAN_HEADS_OT_clear_speech,
)
from ..operators.style_presets import GAUSSIAN_HEADS_PT_style_presets
from .base import TAB, NeedsAvatar, Sidebar

TIMING_FIELDS = ("smoothing_ms", "sync_ms")


def both_sidebars(drawing: type, name: str, module: str) -> tuple[type, type]:
    """Panels that draw the same in the 3D View and beside the strips; sub-panels say `parent`."""
    made = []
    for prefix, base in (("", Sidebar), ("sequencer_", _BesideStrips)):
        idname = f"GAUSSIAN_HEADS_PT_{prefix}{name}"
        attributes = {"bl_idname": idname, "__module__": module, "__doc__": drawing.__doc__}
        if hasattr(drawing, "parent"):
            attributes["bl_parent_id"] = f"GAUSSIAN_HEADS_PT_{prefix}{drawing.parent}"
        made.append(type(idname, (drawing, base, bpy.types.Panel), attributes))
    return tuple(made)


class _BesideStrips:
    bl_space_type = "SEQUENCE_EDITOR"
    bl_region_type = "UI"
    bl_category = TAB


class _SubPanel(NeedsAvatar):
    parent = "speech"
    bl_options = {"DEFAULT_CLOSED"}


class _ResultDrawing(_SubPanel):
    """How strongly each layer is shown."""

    bl_label = "Result"
    bl_options = set()

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        """Only once something is spoken."""
        from ..blender.destinations import has_baked

        obj = active_avatar(context)
        return is_avatar(obj) and has_baked(obj)

    def draw(self, context: bpy.types.Context) -> None:
        """A strength and a mute toggle for each layer."""
        layout = self.layout
        layout.use_property_split = True
        obj = active_avatar(context)
        settings = obj.gaussian_head
        opened = opened_avatar(object_path(obj))
        motion = ("motion",) if opened is not None and opened.avatar.motion_dim else ()
        column = layout.column(align=True)
        for part in (*LAYERS, *motion, "head"):
            row = column.row(align=True)
            is_muted = getattr(settings, f"mute_{part}")
            slider = row.row(align=True)
            slider.active = not is_muted
            slider.prop(settings, f"strength_{part}", slider=True)
            row.use_property_decorate = False
            icon = "HIDE_ON" if is_muted else "HIDE_OFF"
            row.prop(settings, f"mute_{part}", text="", icon=icon, emboss=False)


class _MannerDrawing(_SubPanel):
    """How the head performs what it says."""

    bl_label = "Manner"

    def draw_header_preset(self, context: bpy.types.Context) -> None:
        """The manners that ship and the user's own."""
        GAUSSIAN_HEADS_PT_style_presets.draw_panel_header(self.layout)

    def draw(self, context: bpy.types.Context) -> None:
        """Seed and style."""
        layout = self.layout
        layout.use_property_split = True
        layout.use_property_decorate = False
        settings = active_avatar(context).gaussian_head
        layout.prop(settings, "seed")
        column = layout.column(align=True)
        for name in STYLE_FIELDS:
            if name not in TIMING_FIELDS:
                column.prop(settings, f"style_{name}", slider=True)


class _TimingDrawing(_SubPanel):
    """How the mouth lies in time."""

    bl_label = "Timing"

    def draw(self, context: bpy.types.Context) -> None:
        """Smoothing and sync."""
        layout = self.layout
        layout.use_property_split = True
        layout.use_property_decorate = False
        column = layout.column(align=True)
        for name in TIMING_FIELDS:
            column.prop(active_avatar(context).gaussian_head, f"style_{name}", slider=True)


class _BakingDrawing(_SubPanel):
    """Where keys go and what they follow."""

    bl_label = "Baking"

    def draw(self, context: bpy.types.Context) -> None:
        """Destination and what happens by itself."""
        layout = self.layout
        layout.use_property_split = True
        layout.use_property_decorate = False
        settings = sequencer_scene(context).gaussian_heads
        layout.prop(settings, "bake_destination")
        column = layout.column(heading="Keys Follow")
        column.prop(settings, "live_update", text="Settings")
        column.prop(settings, "follow_strips", text="New Strips")


class _KeysDrawing(_SubPanel):
    """Tools for baked keys."""

    bl_label = "Keys"

    def draw(self, context: bpy.types.Context) -> None:
        """Bake a part again, clean, clear."""
        layout = self.layout
        column = layout.column(align=True)
        bake = column.operator(
            "gaussian_heads.bake_speech", text="Bake Preview Range", icon="PREVIEW_RANGE"
        )
        bake.frames = "PREVIEW"
        column.operator(GAUSSIAN_HEADS_OT_clean_speech.bl_idname, icon="BRUSH_DATA")
        column.operator(GAUSSIAN_HEADS_OT_clear_speech.bl_idname, icon="TRASH")


SETTINGS_PANELS = tuple(
    panel
    for name, drawing in (
        ("speech_result", _ResultDrawing),
        ("manner", _MannerDrawing),
        ("timing", _TimingDrawing),
        ("baking", _BakingDrawing),
        ("speech_keys", _KeysDrawing),
    )
    for panel in both_sidebars(drawing, name, __name__)
)
