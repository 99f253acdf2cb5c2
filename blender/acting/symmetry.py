"""Symmetric editing: a slider of one side sets the other one."""

from __future__ import annotations

from collections.abc import Callable

import bpy

from ...core.spaces.groups import symmetric_partner


def on_control(name: str) -> Callable[[bpy.types.PropertyGroup, bpy.types.Context], None]:
    """What Blender calls when the control `name` was set by hand or by a script, never by a curve."""
    other = symmetric_partner(name)

    def follow(group: bpy.types.PropertyGroup, context: bpy.types.Context) -> None:
        from . import keys as acting_keys
        from . import pose as acting

        scene = context.scene
        if not other or scene is None or not acting.sides_are_linked(scene):
            return
        with acting.unlinked_sides():
            setattr(group, other, getattr(group, name))
        obj = group.id_data
        if acting_keys.is_auto_keying(scene) and {name, other} & acting.keyed_channels(obj):
            # Blender itself keys the slider that is dragged, and only where it is keyed already.
            acting_keys.key_channels(obj, (name, other))

    return follow
