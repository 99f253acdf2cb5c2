"""How a list of named controls is drawn: groups that fold, both sides of a control in one row."""

from __future__ import annotations

import bpy

from ..blender.acting.lists import ShownGroup, shown_groups, why_empty
from ..blender.acting.pose import GROUPS
from ..operators.reset_pose import GAUSSIAN_HEADS_OT_reset_pose

LABEL_PART = 0.34


def draw_controls(
    layout: bpy.types.UILayout, obj: bpy.types.Object, scene: bpy.types.Scene, kind: str
) -> None:
    """All controls of a kind in groups that fold."""
    for group in shown_groups(obj, scene, kind):
        name = f"gaussian_heads_{kind}_{group.label}"
        header, body = layout.panel(name, default_closed=group.num_acted == 0)
        _draw_heading(header, kind, group)
        if body is not None:
            _draw_rows(body, getattr(obj.gaussian_head, kind), group)


def draw_found(layout: bpy.types.UILayout, obj: bpy.types.Object, scene: bpy.types.Scene) -> None:
    """What the scene's search and filter let through, of all kinds."""
    is_empty = True
    for kind in GROUPS:
        for group in shown_groups(obj, scene, kind):
            is_empty = False
            _draw_heading(layout.row(), kind, group)
            _draw_rows(layout, getattr(obj.gaussian_head, kind), group)
    if is_empty:
        layout.label(text=why_empty(scene), icon="INFO")


def _draw_heading(header: bpy.types.UILayout, kind: str, group: ShownGroup) -> None:
    """The group's name, how many of its controls are set or keyed, and a button that resets them."""
    header.label(text=f"{group.label} ({group.num_acted})" if group.num_acted else group.label)
    reset = header.row()
    reset.active = group.num_acted > 0
    button = reset.operator(
        GAUSSIAN_HEADS_OT_reset_pose.bl_idname, text="", icon="LOOP_BACK", emboss=False
    )
    button.kind, button.group = kind, group.label


def _draw_rows(
    layout: bpy.types.UILayout, controls: bpy.types.PropertyGroup, group: ShownGroup
) -> None:
    column = layout.column(align=True)
    has_sides = False
    for row in group.rows:
        if len(row.names) == 1:
            _draw_sliders(column.row(align=True), controls, row.names, (row.label,))
            continue
        if not has_sides:
            has_sides = True
            sides = _split(column, "")
            for side in row.sides:
                sides.label(text=side)
        _draw_sliders(_split(column, row.label), controls, row.names, ("", ""))


def _split(column: bpy.types.UILayout, text: str) -> bpy.types.UILayout:
    """The place beside a label."""
    line = column.split(factor=LABEL_PART)
    line.label(text=text)
    return line.row(align=True)


def _draw_sliders(
    line: bpy.types.UILayout,
    controls: bpy.types.PropertyGroup,
    names: tuple[str, ...],
    texts: tuple[str, ...],
) -> None:
    for name, text in zip(names, texts, strict=True):
        line.prop(controls, name, text=text, slider=True)
        line.prop_decorator(controls, name)
