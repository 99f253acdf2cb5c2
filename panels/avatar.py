"""The sidebar's panels of choosing heads and of what is known about them."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING

import bpy

from ..blender.avatars import is_builtin
from ..blender.heads import scene_avatars
from ..blender.native_splats import why_not_native
from ..operators.base import active_avatar
from ..operators.find_missing_avatar import GAUSSIAN_HEADS_OT_find_missing_avatar
from ..operators.import_avatar import GAUSSIAN_HEADS_OT_import_avatar, use_reference
from ..operators.import_lam import GAUSSIAN_HEADS_OT_import_lam
from ..operators.import_splats import GAUSSIAN_HEADS_OT_import_splats
from ..operators.previz import GAUSSIAN_HEADS_OT_previz, running_previz
from ..operators.replace_avatar import (
    GAUSSIAN_HEADS_OT_check_avatars,
    GAUSSIAN_HEADS_OT_replace_avatar,
    GAUSSIAN_HEADS_OT_update_avatar,
)
from ..operators.show_native_splats import GAUSSIAN_HEADS_OT_show_native_splats
from .base import LINE, NeedsAvatar, Sidebar, draw_sentence

if TYPE_CHECKING:
    from ..blender.library.status import AvatarStatus

# Longer texts of a manifest are cut after so many lines.
MAX_LINES = 4


class GAUSSIAN_HEADS_PT_avatar(Sidebar, bpy.types.Panel):
    """Choosing a head."""

    bl_label = "Avatar"
    bl_idname = "GAUSSIAN_HEADS_PT_avatar"

    def draw(self, context: bpy.types.Context) -> None:
        """The list with portraits, and what can be done with its choice."""
        from ..blender.library.status import avatar_status

        layout = self.layout
        chosen = context.window_manager.gaussian_heads_library
        obj = active_avatar(context)
        if obj is None:
            draw_sentence(layout, why_no_head(context))
        else:
            draw_fault(layout, avatar_status(obj))
        layout.template_icon_view(chosen, "avatar", show_labels=True, scale=6.0, scale_popup=5.0)
        layout.prop(chosen, "avatar", text="")
        row = layout.row(align=True)
        button = row.operator(GAUSSIAN_HEADS_OT_import_avatar.bl_idname, text="Add", icon="ADD")
        use_reference(button, chosen.avatar)
        button = row.operator(
            GAUSSIAN_HEADS_OT_replace_avatar.bl_idname, text="Replace", icon="UV_SYNC_SELECT"
        )
        button.reference = chosen.avatar
        draw_previz(layout)
        column = layout.column(align=True)
        column.operator(
            GAUSSIAN_HEADS_OT_import_avatar.bl_idname, text="Open .uhap File", icon="FILE_FOLDER"
        )
        column.operator(
            GAUSSIAN_HEADS_OT_import_lam.bl_idname, text="Import LAM Head (.zip)", icon="IMPORT"
        )
        column.operator(
            GAUSSIAN_HEADS_OT_import_splats.bl_idname,
            text="Open Splats (.ply)",
            icon="POINTCLOUD_DATA",
        )
        if not why_not_native():
            column.operator(GAUSSIAN_HEADS_OT_show_native_splats.bl_idname)


class GAUSSIAN_HEADS_PT_head(NeedsAvatar, Sidebar, bpy.types.Panel):
    """The head that the buttons work on."""

    bl_label = "Head"
    bl_idname = "GAUSSIAN_HEADS_PT_head"
    bl_parent_id = "GAUSSIAN_HEADS_PT_avatar"
    bl_options = {"DEFAULT_CLOSED"}

    def draw(self, context: bpy.types.Context) -> None:
        """Its name and what its maker states."""
        from ..blender.library.status import avatar_status

        layout = self.layout
        obj = active_avatar(context)
        layout.prop(obj, "name", text="", icon="OUTLINER_OB_MESH")
        status = avatar_status(obj)
        column = layout.column(align=True)
        for text in facts(obj, status):
            column.label(text=text)
        layout.operator(GAUSSIAN_HEADS_OT_check_avatars.bl_idname, icon="FILE_REFRESH")


def draw_previz(layout: bpy.types.UILayout) -> None:
    """The button, or how far the previz is that is being made."""
    work = running_previz()
    if work is None:
        layout.operator(GAUSSIAN_HEADS_OT_previz.bl_idname, icon="OUTLINER_OB_CAMERA")
    else:
        text = f"Previz: Listening {work.progress:.0%}   Esc: Cancel"
        layout.progress(factor=work.progress, text=text)


def why_no_head(context: bpy.types.Context) -> str:
    """What to do where no head is active."""
    if scene_avatars(context.scene):
        return "Select one of the scene's heads, or add another"
    return "Choose a head and press Add, or drop a .uhap file into the view"


def draw_fault(layout: bpy.types.UILayout, status: AvatarStatus) -> None:
    """What is wrong with a head's file, and the button that helps."""
    from ..blender.library.status import CHANGED, MISSING, UNREADABLE

    if not status.sentence:
        return
    box = layout.box()
    draw_sentence(box, status.sentence, "ERROR")
    if status.kind in (MISSING, UNREADABLE):
        box.operator(GAUSSIAN_HEADS_OT_find_missing_avatar.bl_idname, icon="VIEWZOOM")
    if status.kind == CHANGED:
        box.operator(GAUSSIAN_HEADS_OT_update_avatar.bl_idname, icon="FILE_REFRESH")


def facts(obj: bpy.types.Object, status: AvatarStatus) -> list[str]:
    """Name, licence, consent, size and file of a head, in lines for the sidebar."""
    reference = obj.gaussian_head.avatar
    lines = ["Ships with the add-on" if is_builtin(reference) else f"File: {reference}"]
    if status.manifest is None:
        return _wrapped(lines)
    info = status.manifest.info
    person = "a synthetic person" if info.provenance.is_synthetic else "a real person"
    lines = [
        f"{info.name}, {person}",
        f"Licence: {info.licence}",
        f"{status.manifest.num_gaussians:,} Gaussians",
        *lines,
    ]
    if info.author:
        lines.insert(1, f"By {info.author}")
    if not info.provenance.is_synthetic:
        lines.insert(2, f"Consent: {info.provenance.consent or 'not stated'}")
    return _wrapped(lines)


def _wrapped(lines: list[str]) -> list[str]:
    return [part for line in lines for part in textwrap.wrap(line, LINE, max_lines=MAX_LINES)]


CLASSES = (GAUSSIAN_HEADS_PT_avatar, GAUSSIAN_HEADS_PT_head)
