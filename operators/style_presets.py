"""Presets of manner: those that ship and those the user saves."""

from __future__ import annotations

import bpy

from ..blender.presets import preset_subdir
from ..blender.style_properties import STYLE_FIELDS
from .presets import PopsUpPresets, SavesHeadPreset

STYLE = "style"
# Effort is part of listening, and timing belongs to the recording.
NOT_SAVED = ("effort", "smoothing_ms", "sync_ms")


class GAUSSIAN_HEADS_OT_add_style_preset(SavesHeadPreset, bpy.types.Operator):
    """Save the manner of the active head as a preset, or remove the chosen preset"""

    bl_idname = "gaussian_heads.add_style_preset"
    bl_label = "Add Manner Preset"
    preset_menu = "GAUSSIAN_HEADS_PT_style_presets"
    preset_subdir = preset_subdir(STYLE)
    preset_values = tuple(f"head.style_{name}" for name in STYLE_FIELDS if name not in NOT_SAVED)


class GAUSSIAN_HEADS_PT_style_presets(PopsUpPresets, bpy.types.Panel):
    """Manners of speaking."""

    bl_label = "Manner Presets"
    preset_subdir = preset_subdir(STYLE)
    preset_add_operator = GAUSSIAN_HEADS_OT_add_style_preset.bl_idname


CLASSES = (GAUSSIAN_HEADS_OT_add_style_preset, GAUSSIAN_HEADS_PT_style_presets)
