"""How a list of named controls is drawn: groups that fold, both sides of a control in one row."""

from __future__ import annotations

import bpy

from ..blender.acting_lists import Row, ShownGroup, is_narrowed, shown_groups, why_empty
from ..operators.reset_pose import GAUSSIAN_HEADS_OT_reset_pose


def draw_controls(
    layout: bpy.types.UILayout, obj: bpy.types.Object, scene: bpy.types.Scene, kind: str
) -> None:
    """The controls of a kind that the scene's search and filter let through, group by group."""
    groups = shown_groups(obj, scene, kind)
    if not groups:
        layout.label(text=why_empty(scene), icon="INFO")
    for group in groups:
        body = _group_body(layout, kind, group, is_open=is_narrowed(scene))
        if body is None:
            continue
        column = body.column(align=True)
        for row in group.rows:
            _draw_row(column, getattr(obj.gaussian_head, kind), row)


def _group_body(
    layout: bpy.types.UILayout, kind: str, group: ShownGroup, *, is_open: bool
) -> bpy.types.UILayout | None:
    """A folding heading with its reset button; what is found by a search is always open."""
    if is_open:
        header, body = layout.row(), layout.column(align=True)
    else:
        name = f"gaussian_heads_{kind}_{group.label}"
        header, body = layout.panel(name, default_closed=group.num_acted == 0)
    header.label(text=f"{group.label} ({group.num_acted})" if group.num_acted else group.label)
    reset = header.row()
    reset.active = group.num_acted > 0
    button = reset.operator(
        GAUSSIAN_HEADS_OT_reset_pose.bl_idname, text="", icon="LOOP_BACK", emboss=False
    )
    button.kind, button.group = kind, group.label
    return body


def _draw_row(column: bpy.types.UILayout, controls: bpy.types.PropertyGroup, row: Row) -> None:
    if len(row.names) == 1:
        column.prop(controls, row.names[0], slider=True)
        return
    line = column.row(heading=row.label, align=True)
    for name, side in zip(row.names, row.sides, strict=True):
        part = line.row(align=True)
        part.use_property_split = False
        part.prop(controls, name, text=side, slider=True)
        part.prop_decorator(controls, name)
