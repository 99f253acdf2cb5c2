"""The sidebar's panel of new people: how far the one is that is being made, and what to do where nobody can be."""

from __future__ import annotations

import bpy

from ..operators.import_avatar import GAUSSIAN_HEADS_OT_import_avatar
from ..operators.personalize import (
    GAUSSIAN_HEADS_OT_cancel_personalize,
    GAUSSIAN_HEADS_OT_personalize,
)
from .base import Sidebar, draw_sentence

PREVIEW_SCALE = 8.0


class GAUSSIAN_HEADS_PT_people(Sidebar, bpy.types.Panel):
    """A new person from a video."""

    bl_label = "New Person"
    bl_idname = "GAUSSIAN_HEADS_PT_people"
    bl_options = {"DEFAULT_CLOSED"}

    def draw(self, context: bpy.types.Context) -> None:
        """Progress, or the button and why it is grey."""
        from ..blender import people

        layout = self.layout
        process = people.current_process()
        if process is not None:
            self._draw_progress(layout, process)
            return
        reason = people.why_not_personalize()
        if reason:
            draw_sentence(layout, reason)
            layout.operator(
                "preferences.addon_show", text="Preferences", icon="PREFERENCES"
            ).module = people.preferences.PACKAGE
        idname = GAUSSIAN_HEADS_OT_personalize.bl_idname
        layout.operator(idname, text="From Video or Photos…", icon="FILEBROWSER")
        sentence, is_fault = people.last_word()
        avatar = people.last_avatar()
        if sentence:
            draw_sentence(
                layout, sentence, "ERROR" if is_fault else "CHECKMARK" if avatar else "INFO"
            )
        if avatar is not None:
            row = layout.row(align=True)
            button = row.operator(GAUSSIAN_HEADS_OT_import_avatar.bl_idname, text="Add", icon="ADD")
            button.filepath = str(avatar)
            report = people.report_of(avatar)
            if report is not None:
                button = row.operator("wm.path_open", text="Report", icon="TEXT")
                button.filepath = str(report)

    def _draw_progress(self, layout: bpy.types.UILayout, process: object) -> None:
        from ..blender import people

        standing = process.standing
        if people.preview_icon():
            layout.template_icon(people.preview_icon(), scale=PREVIEW_SCALE)
        row = layout.row(align=True)
        text = "Stopping" if process.is_cancelled else standing.doing
        row.progress(factor=standing.share, text=text)
        row.operator(GAUSSIAN_HEADS_OT_cancel_personalize.bl_idname, text="", icon="X")


CLASSES = (GAUSSIAN_HEADS_PT_people,)
