"""The panels of speech, in the 3D View's sidebar and beside the strips."""

from __future__ import annotations

import bpy

from ..blender.jobs import running_job
from ..blender.properties import LAYERS
from ..blender.strips import sequencer_scene, sound_strips
from ..blender.style_properties import STYLE_FIELDS
from ..operators.bake_speech import GAUSSIAN_HEADS_OT_bake_speech, GAUSSIAN_HEADS_OT_cancel_bake
from ..operators.base import active_avatar
from .base import TAB, NeedsAvatar, Sidebar


class _SpeechDrawing:
    bl_label = "Speech"

    def draw(self, context: bpy.types.Context) -> None:
        """Strip, seed, bake and strengths."""
        layout = self.layout
        layout.use_property_split = True
        layout.use_property_decorate = False
        obj = active_avatar(context)
        if obj is None:
            layout.label(text="Load or select an avatar first", icon="INFO")
            return
        settings = obj.gaussian_head
        scene = sequencer_scene(context)
        if sound_strips(scene):
            layout.prop_search(settings, "sound_strip", scene.sequence_editor, "strips_all")
            layout.prop(settings, "seed")
        else:
            layout.label(text="Add a sound in the Video Sequencer", icon="INFO")
        self._draw_bake(layout, obj)
        column = layout.column(align=True)
        column.use_property_decorate = True
        for part in (*LAYERS, "head"):
            column.prop(settings, f"strength_{part}", slider=True)

    def _draw_bake(self, layout: bpy.types.UILayout, obj: bpy.types.Object) -> None:
        job = running_job(obj)
        if job is None:
            layout.operator(GAUSSIAN_HEADS_OT_bake_speech.bl_idname, icon="REC")
            return
        row = layout.row(align=True)
        row.progress(factor=job.progress, text=f"Listening {job.progress:.0%}")
        row.operator(GAUSSIAN_HEADS_OT_cancel_bake.bl_idname, text="", icon="X")


class _MannerDrawing(NeedsAvatar):
    bl_label = "Manner"
    bl_options = {"DEFAULT_CLOSED"}

    def draw(self, context: bpy.types.Context) -> None:
        """How the head moves by itself, for the next bake."""
        layout = self.layout
        layout.use_property_split = True
        layout.use_property_decorate = False
        column = layout.column(align=True)
        for name in STYLE_FIELDS:
            column.prop(active_avatar(context).gaussian_head, f"style_{name}", slider=True)


class GAUSSIAN_HEADS_PT_speech(_SpeechDrawing, Sidebar, bpy.types.Panel):
    """From a sound strip to keys."""

    bl_idname = "GAUSSIAN_HEADS_PT_speech"


class GAUSSIAN_HEADS_PT_sequencer_speech(_SpeechDrawing, bpy.types.Panel):
    """The same beside the strips."""

    bl_idname = "GAUSSIAN_HEADS_PT_sequencer_speech"
    bl_space_type = "SEQUENCE_EDITOR"
    bl_region_type = "UI"
    bl_category = TAB


class GAUSSIAN_HEADS_PT_manner(_MannerDrawing, Sidebar, bpy.types.Panel):
    """How the next bake moves eyes, brows and head."""

    bl_idname = "GAUSSIAN_HEADS_PT_manner"
    bl_parent_id = "GAUSSIAN_HEADS_PT_speech"


class GAUSSIAN_HEADS_PT_sequencer_manner(_MannerDrawing, bpy.types.Panel):
    """The same beside the strips."""

    bl_idname = "GAUSSIAN_HEADS_PT_sequencer_manner"
    bl_parent_id = "GAUSSIAN_HEADS_PT_sequencer_speech"
    bl_space_type = "SEQUENCE_EDITOR"
    bl_region_type = "UI"
    bl_category = TAB


CLASSES = (
    GAUSSIAN_HEADS_PT_speech,
    GAUSSIAN_HEADS_PT_sequencer_speech,
    GAUSSIAN_HEADS_PT_manner,
    GAUSSIAN_HEADS_PT_sequencer_manner,
)
