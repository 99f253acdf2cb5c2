"""The panels of speech, in the 3D View's sidebar and beside the strips: who speaks what, and baking it."""

from __future__ import annotations

import bpy

from ..blender.dialogue.state import LineState, LineStatus
from ..blender.strips import sequencer_scene, sound_strips
from ..operators.add_speech import GAUSSIAN_HEADS_OT_add_speech
from ..operators.bake_dialogue import GAUSSIAN_HEADS_OT_bake_dialogue
from ..operators.bake_speech import GAUSSIAN_HEADS_OT_bake_speech, GAUSSIAN_HEADS_OT_cancel_bake
from ..operators.base import active_avatar
from ..operators.link_speech import (
    GAUSSIAN_HEADS_OT_link_speech,
    GAUSSIAN_HEADS_OT_unlink_speech,
)
from ..operators.resolve_line import GAUSSIAN_HEADS_OT_resolve_line
from ..operators.update_keys import GAUSSIAN_HEADS_OT_update_keys
from .base import draw_sentence
from .speech_settings import SETTINGS_PANELS, both_sidebars

BADGES = {
    LineState.MISSING: "CANCEL",
    LineState.BAKING: "SORTTIME",
    LineState.MUTED: "HIDE_ON",
    LineState.NEW: "RADIOBUT_OFF",
    LineState.SOUND: "ERROR",
    LineState.MOVED: "ARROW_LEFTRIGHT",
    LineState.SETTINGS: "FILE_REFRESH",
    LineState.CURRENT: "CHECKMARK",
}
# Keys of these lines are made anew without listening.
NEEDS_UPDATE = {LineState.MOVED, LineState.SETTINGS}


class GAUSSIAN_HEADS_UL_lines(bpy.types.UIList):
    """Lines of the dialogue with a badge each; a click on it does what is left to do."""

    bl_idname = "GAUSSIAN_HEADS_UL_lines"

    known: dict[str, LineStatus] = {}

    def draw_item(
        self,
        _context: bpy.types.Context,
        layout: bpy.types.UILayout,
        _scene_settings: bpy.types.PropertyGroup,
        line: bpy.types.PropertyGroup,
        _icon: int,
        _active_data: bpy.types.PropertyGroup,
        _active_property: str,
    ) -> None:
        """Badge, strip, speaker, and whether keys follow."""
        status = GAUSSIAN_HEADS_UL_lines.known.get(line.line_id)
        row = layout.row(align=True)
        icon = BADGES[status.state] if status else "NONE"
        badge = row.operator(
            GAUSSIAN_HEADS_OT_resolve_line.bl_idname, text="", icon=icon, emboss=False
        )
        badge.line_id = line.line_id
        names = row.split(factor=0.6, align=True)
        names.label(text=line.name)
        names.label(text=line.speaker.name if line.speaker else "", icon="OUTLINER_OB_MESH")
        icon = "LINKED" if line.follow else "UNLINKED"
        row.prop(line, "follow", text="", icon=icon, emboss=False)

    def filter_items(
        self, _context: bpy.types.Context, settings: bpy.types.PropertyGroup, name: str
    ) -> tuple[list[int], list[int]]:
        """Lines whose names are searched for, in the order in which they are spoken."""
        from ..blender.dialogue.choice import by_start

        lines = getattr(settings, name)
        flags = []
        if self.filter_name:
            flags = bpy.types.UI_UL_list.filter_items_by_name(
                self.filter_name, self.bitflag_filter_item, lines, "name"
            )
        spoken = [line.line_id for line in by_start(settings.id_data, lines)]
        return flags, [spoken.index(line.line_id) for line in lines]


class _SpeechDrawing:
    bl_label = "Speech"

    def draw(self, context: bpy.types.Context) -> None:
        """Strips and speakers, and the buttons that bake."""
        layout = self.layout
        obj = active_avatar(context)
        scene = sequencer_scene(context)
        lines = scene.gaussian_heads.lines
        if obj is None and not len(lines):
            layout.label(text="Load or select an avatar first", icon="INFO")
            return
        if not sound_strips(scene):
            draw_sentence(layout, "Drop a sound file onto the head, or add one here")
            layout.operator(GAUSSIAN_HEADS_OT_add_speech.bl_idname, icon="SPEAKER")
            return
        self._draw_lines(layout, scene)
        if obj is not None:
            self._draw_strip(layout, scene, obj)
        self._draw_bake(layout, scene)

    def _draw_lines(self, layout: bpy.types.UILayout, scene: bpy.types.Scene) -> None:
        from ..blender.dialogue.scene import statuses

        settings = scene.gaussian_heads
        if not len(settings.lines):
            return
        known = statuses(scene)
        GAUSSIAN_HEADS_UL_lines.known = known
        row = layout.row()
        row.template_list(
            GAUSSIAN_HEADS_UL_lines.bl_idname,
            "",
            settings,
            "lines",
            settings,
            "active_line",
            rows=3,
        )
        column = row.column(align=True)
        column.operator(GAUSSIAN_HEADS_OT_link_speech.bl_idname, text="", icon="ADD")
        column.operator(GAUSSIAN_HEADS_OT_unlink_speech.bl_idname, text="", icon="REMOVE")
        if settings.active_line < len(settings.lines):
            line = settings.lines[settings.active_line]
            status = known[line.line_id]
            draw_sentence(layout, status.sentence, BADGES[status.state])
            column = layout.column()
            column.use_property_split = True
            column.use_property_decorate = False
            column.prop(line, "speaker")

    def _draw_strip(
        self, layout: bpy.types.UILayout, scene: bpy.types.Scene, obj: bpy.types.Object
    ) -> None:
        has_lines = bool(len(scene.gaussian_heads.lines))
        if obj.gaussian_head.sound_strip or not has_lines:
            column = layout.column()
            column.use_property_split = True
            column.use_property_decorate = False
            strips = scene.sequence_editor
            column.prop_search(obj.gaussian_head, "sound_strip", strips, "strips_all")
        if not has_lines:
            link = GAUSSIAN_HEADS_OT_link_speech.bl_idname
            layout.operator(link, text="Link Selected Strips", icon="LINKED")

    def _draw_bake(self, layout: bpy.types.UILayout, scene: bpy.types.Scene) -> None:
        from ..blender.jobs import describe_job, running_jobs

        for job in running_jobs():
            row = layout.row(align=True)
            row.progress(factor=job.progress, text=describe_job(job))
            row.operator(GAUSSIAN_HEADS_OT_cancel_bake.bl_idname, text="", icon="X")
        column = layout.column(align=True)
        column.scale_y = 1.3
        bake = column.operator(GAUSSIAN_HEADS_OT_bake_speech.bl_idname, icon="REC")
        settings = scene.gaussian_heads
        if settings.active_line < len(settings.lines):
            line = settings.lines[settings.active_line]
            bake.strip = line.name
            bake.speaker = line.speaker.name if line.speaker else ""
            if len(settings.lines) > 1:
                column.operator(GAUSSIAN_HEADS_OT_bake_dialogue.bl_idname, icon="SPEAKER")
            states = {status.state for status in GAUSSIAN_HEADS_UL_lines.known.values()}
            if states & NEEDS_UPDATE:
                column.operator(GAUSSIAN_HEADS_OT_update_keys.bl_idname, icon="FILE_REFRESH")


GAUSSIAN_HEADS_PT_speech, GAUSSIAN_HEADS_PT_sequencer_speech = both_sidebars(
    _SpeechDrawing, "speech", __name__
)

CLASSES = (
    GAUSSIAN_HEADS_UL_lines,
    GAUSSIAN_HEADS_PT_speech,
    GAUSSIAN_HEADS_PT_sequencer_speech,
    *SETTINGS_PANELS,
)
