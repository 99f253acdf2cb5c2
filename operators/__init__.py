"""Operators: one verb per file; collect, call, report."""

from __future__ import annotations


def register() -> None:
    """Make the operators known to Blender."""
    import bpy

    for cls in _classes():
        bpy.utils.register_class(cls)


def unregister() -> None:
    """Undo `register`, in reverse; analyses in work are stopped."""
    import bpy

    from ..blender.jobs import cancel_all

    cancel_all()
    for cls in reversed(_classes()):
        bpy.utils.unregister_class(cls)


def _classes() -> tuple[type, ...]:
    from . import bake_speech, import_avatar, setup_render

    return (*import_avatar.CLASSES, *bake_speech.CLASSES, *setup_render.CLASSES)
