"""How a list of named controls is drawn: groups that fold, both sides of a control in one row, search."""

from __future__ import annotations

from collections.abc import Iterable

import bpy

from ..blender.acting import GROUPS, read_pose
from ..blender.acting_keys import keyed_channels
from ..core.spaces.groups import CONTROL_LABELS, matches, other_side, side_of
from ..operators.reset_pose import GAUSSIAN_HEADS_OT_reset_pose

NOTHING_FOUND = "No control is called so"
NOTHING_CHANGED = "Nothing is set or keyed yet"


def draw_controls(
    layout: bpy.types.UILayout, obj: bpy.types.Object, scene: bpy.types.Scene, kind: str
) -> None:
    """The controls of a kind that the scene's search and filter let through, group by group."""
    settings = scene.gaussian_heads
    acted = read_pose(obj).keys() | keyed_channels(obj)
    is_narrowed = bool(settings.acting_filter.strip()) or settings.acting_changed_only
    is_empty = True
    for group in GROUPS[kind]:
        names = [
            name
            for name in group.names
            if matches(name, settings.acting_filter)
            and (name in acted or not settings.acting_changed_only)
        ]
        if not names:
            continue
        is_empty = False
        num_set = len(acted & set(group.names))
        body = _group_body(layout, kind, group.label, num_set, is_open=is_narrowed)
        if body is not None:
            _draw_names(body, getattr(obj.gaussian_head, kind), names)
    if is_empty:
        changed = settings.acting_changed_only and not settings.acting_filter.strip()
        layout.label(text=NOTHING_CHANGED if changed else NOTHING_FOUND, icon="INFO")


def _group_body(
    layout: bpy.types.UILayout, kind: str, label: str, num_set: int, *, is_open: bool
) -> bpy.types.UILayout | None:
    """A folding heading with its reset button; what is found by a search is always open."""
    text = f"{label} ({num_set})" if num_set else label
    if is_open:
        header, body = layout.row(), layout.column(align=True)
    else:
        header, body = layout.panel(f"gaussian_heads_{kind}_{label}", default_closed=num_set == 0)
    header.label(text=text)
    reset = header.row()
    reset.active = num_set > 0
    button = reset.operator(
        GAUSSIAN_HEADS_OT_reset_pose.bl_idname, text="", icon="LOOP_BACK", emboss=False
    )
    button.kind, button.group = kind, label
    return body


def _draw_names(
    layout: bpy.types.UILayout, group: bpy.types.PropertyGroup, names: Iterable[str]
) -> None:
    column = layout.column(align=True)
    waiting = list(names)
    while waiting:
        name = waiting.pop(0)
        other = other_side(name)
        if other in waiting:
            waiting.remove(other)
            _draw_pair(column, group, name, other)
        else:
            column.prop(group, name, slider=True)


def _draw_pair(
    column: bpy.types.UILayout, group: bpy.types.PropertyGroup, name: str, other: str
) -> None:
    """Both sides in one row, which the shared words name."""
    words = CONTROL_LABELS[name].removesuffix(f" {side_of(name)}")
    row = column.row(heading=words, align=True)
    for side in (name, other):
        part = row.row(align=True)
        part.use_property_split = False
        part.prop(group, side, text=side_of(side), slider=True)
        part.prop_decorator(group, side)
