"""The sidebar tab "Gaussian Heads" of the 3D View and the Sequencer."""

from __future__ import annotations

import bpy

from ..blender.avatars import builtin_names
from ..blender.jobs import running_job
from ..blender.native_splats import why_not_native
from ..blender.properties import CONTROL_SETS, LAYERS
from ..blender.strips import sequencer_scene, sound_strips
from ..blender.style_properties import STYLE_FIELDS
from ..operators.bake_speech import GAUSSIAN_HEADS_OT_bake_speech, GAUSSIAN_HEADS_OT_cancel_bake
from ..operators.base import active_avatar
from ..operators.import_avatar import GAUSSIAN_HEADS_OT_import_avatar
from ..operators.import_splats import GAUSSIAN_HEADS_OT_import_splats
from ..operators.show_native_splats import GAUSSIAN_HEADS_OT_show_native_splats
from .base import TAB, NeedsAvatar, Sidebar
from .rendering import (
    GAUSSIAN_HEADS_PT_engine,
    GAUSSIAN_HEADS_PT_look,
    GAUSSIAN_HEADS_PT_render,
)
from .viewport import GAUSSIAN_HEADS_PT_viewport


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


class GAUSSIAN_HEADS_PT_expression(NeedsAvatar, Sidebar, bpy.types.Panel):
    """What is added on top of the speech by hand."""

    bl_label = "Expression"
    bl_idname = "GAUSSIAN_HEADS_PT_expression"
    bl_options = {"DEFAULT_CLOSED"}

    def draw(self, context: bpy.types.Context) -> None:
        """The head's pose; the controls stand in panels of their own."""
        layout = self.layout
        layout.use_property_split = True
        settings = active_avatar(context).gaussian_head
        layout.column().prop(settings, "head_rotation")
        layout.column().prop(settings, "head_translation")


class _ControlsPanel(NeedsAvatar, Sidebar):
    bl_parent_id = "GAUSSIAN_HEADS_PT_expression"
    bl_options = {"DEFAULT_CLOSED"}
    control_set = CONTROL_SETS[0]

    def draw(self, context: bpy.types.Context) -> None:
        """A slider for each control."""
        layout = self.layout
        layout.use_property_split = True
        group = getattr(active_avatar(context).gaussian_head, self.control_set.attribute)
        column = layout.column(align=True)
        for name in self.control_set.names:
            column.prop(group, name, slider=True)


class GAUSSIAN_HEADS_PT_arkit(_ControlsPanel, bpy.types.Panel):
    """The 52 ARKit blendshapes."""

    bl_label = "ARKit"
    bl_idname = "GAUSSIAN_HEADS_PT_arkit"


class GAUSSIAN_HEADS_PT_action_units(_ControlsPanel, bpy.types.Panel):
    """FACS Action Units."""

    bl_label = "Action Units"
    bl_idname = "GAUSSIAN_HEADS_PT_action_units"
    control_set = CONTROL_SETS[1]


class GAUSSIAN_HEADS_PT_visemes(_ControlsPanel, bpy.types.Panel):
    """The 15 visemes."""

    bl_label = "Visemes"
    bl_idname = "GAUSSIAN_HEADS_PT_visemes"
    control_set = CONTROL_SETS[2]


CLASSES = (
    GAUSSIAN_HEADS_PT_avatar,
    GAUSSIAN_HEADS_PT_speech,
    GAUSSIAN_HEADS_PT_sequencer_speech,
    GAUSSIAN_HEADS_PT_manner,
    GAUSSIAN_HEADS_PT_sequencer_manner,
    GAUSSIAN_HEADS_PT_expression,
    GAUSSIAN_HEADS_PT_arkit,
    GAUSSIAN_HEADS_PT_action_units,
    GAUSSIAN_HEADS_PT_visemes,
    GAUSSIAN_HEADS_PT_look,
    GAUSSIAN_HEADS_PT_render,
    GAUSSIAN_HEADS_PT_engine,
    GAUSSIAN_HEADS_PT_viewport,
)
