"""Panels: drawing only; the tab "Gaussian Heads", in the order of the work."""

from __future__ import annotations


def register() -> None:
    """Make the panels known to Blender."""
    import bpy

    for cls in _classes():
        bpy.utils.register_class(cls)


def unregister() -> None:
    """Undo `register`, in reverse."""
    import bpy

    for cls in reversed(_classes()):
        bpy.utils.unregister_class(cls)


def _classes() -> tuple[type, ...]:
    from . import (
        acting,
        avatar,
        direction,
        exchange,
        expression_shelf,
        people,
        portrait,
        rendering,
        speech,
        targets,
        video,
        viewport,
    )

    modules = (avatar, people, speech, direction, video, acting, targets, expression_shelf)
    modules += (exchange, rendering, portrait, viewport)
    return tuple(cls for module in modules for cls in module.CLASSES)
