"""The panel below Speech that directs the acting: Action Units before a bake, and where offsets after it are."""

from __future__ import annotations

from typing import TYPE_CHECKING

import bpy

from ..blender.dialogue.state import line_status
from ..blender.strips import sequencer_scene
from ..operators.base import active_avatar
from ..operators.clear_direction import GAUSSIAN_HEADS_OT_clear_direction
from ..operators.direct_expression import GAUSSIAN_HEADS_OT_direct_expression
from ..operators.direction_from_file import GAUSSIAN_HEADS_OT_direction_from_file
from ..operators.direction_from_video import GAUSSIAN_HEADS_OT_direction_from_video
from ..operators.key_direction import GAUSSIAN_HEADS_OT_key_direction
from ..operators.update_keys import GAUSSIAN_HEADS_OT_update_keys
from .base import NeedsAvatar, draw_sentence
from .speech import NEEDS_UPDATE
from .speech_settings import both_sidebars

if TYPE_CHECKING:
    from ..blender.direction.lists import ShownUnits

BEFORE = "Before the bake: direction"
AFTER = "After the bake: offsets"
WHEN_BEFORE = (
    "For strong expressions while the mouth keeps speaking clearly, and for natural motion that varies: "
    "Action Units here make new keys."
)
WHEN_AFTER = (
    "For exact changes that show at once without a bake: the sliders of the panel Acting add to the keys, and "
    "may open lips on p, b and m."
)


class GAUSSIAN_HEADS_MT_direct_expression(bpy.types.Menu):
    """Expressions that can be directed."""

    bl_label = "Direct Expression"
    bl_idname = "GAUSSIAN_HEADS_MT_direct_expression"

    def draw(self, _context: bpy.types.Context) -> None:
        """A verb for each expression, by group."""
        from ..blender.direction.lists import directed_expressions

        layout = self.layout
        for number, group in enumerate(directed_expressions()):
            if number:
                layout.separator()
            for name, label in group:
                verb = GAUSSIAN_HEADS_OT_direct_expression.bl_idname
                layout.operator(verb, text=label).name = name


class _DirectionDrawing(NeedsAvatar):
    """What is acted beside the speech: two ways, and when to take which."""

    parent = "speech"
    bl_label = "Acting Direction"
    bl_options = {"DEFAULT_CLOSED"}

    def draw_header(self, context: bpy.types.Context) -> None:
        """Whether the direction counts."""
        self.layout.prop(active_avatar(context).gaussian_head, "use_direction", text="")

    def draw(self, context: bpy.types.Context) -> None:
        """Both ways, one after the other."""
        obj = active_avatar(context)
        self._draw_before(self.layout, context, obj)
        self.layout.separator()
        self._draw_after(self.layout)

    def _draw_before(
        self, layout: bpy.types.UILayout, context: bpy.types.Context, obj: bpy.types.Object
    ) -> None:
        from ..blender.direction.lists import shown_units

        layout.label(text=BEFORE, icon="DECORATE_KEYFRAME")
        draw_sentence(layout, WHEN_BEFORE)
        settings = obj.gaussian_head
        column = layout.column(align=True)
        column.active = settings.use_direction
        column.menu(GAUSSIAN_HEADS_MT_direct_expression.bl_idname, icon="DOWNARROW_HLT")
        row = column.row(align=True)
        row.operator(
            GAUSSIAN_HEADS_OT_direction_from_video.bl_idname, text="From Video", icon="FILE_MOVIE"
        )
        row.operator(
            GAUSSIAN_HEADS_OT_direction_from_file.bl_idname, text="From File", icon="FILE_TEXT"
        )
        row = column.row(align=True)
        row.operator(GAUSSIAN_HEADS_OT_key_direction.bl_idname, icon="KEY_HLT")
        row.operator(GAUSSIAN_HEADS_OT_clear_direction.bl_idname, text="Clear", icon="TRASH")
        for part in shown_units(obj):
            self._draw_units(layout, settings.direction, part)
        column = layout.column()
        column.use_property_split = True
        column.prop(settings, "direction_temperature", slider=True)
        if self._is_stale(context, obj):
            layout.operator(GAUSSIAN_HEADS_OT_update_keys.bl_idname, icon="FILE_REFRESH")

    def _draw_units(
        self, layout: bpy.types.UILayout, direction: bpy.types.PropertyGroup, part: ShownUnits
    ) -> None:
        name = f"gaussian_heads_direction_{part.label}"
        header, body = layout.panel(name, default_closed=not part.num_directed)
        number = f" ({part.num_directed})" if part.num_directed else ""
        header.label(text=f"{part.label}{number}")
        if body is None:
            return
        column = body.column(align=True)
        for unit, label in part.units:
            row = column.row(align=True)
            row.prop(direction, unit, text=label, slider=True)
            row.prop_decorator(direction, unit)

    def _is_stale(self, context: bpy.types.Context, obj: bpy.types.Object) -> bool:
        """Whether a line of the avatar has keys that can be made anew without listening."""
        from ..blender.dialogue.lines import lines_of, strips_by_line

        scene = sequencer_scene(context)
        strips, directions = strips_by_line(scene), {}
        known = (line_status(scene, line, strips, directions) for line in lines_of(scene, obj))
        return any(status.state in NEEDS_UPDATE and status.can_update for status in known)

    def _draw_after(self, layout: bpy.types.UILayout) -> None:
        layout.label(text=AFTER, icon="DECORATE_OVERRIDE")
        draw_sentence(layout, WHEN_AFTER)


CLASSES = (
    GAUSSIAN_HEADS_MT_direct_expression,
    *both_sidebars(_DirectionDrawing, "direction", __name__),
)
