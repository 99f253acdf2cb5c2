"""Panels: drawing only; the sidebar tab "Gaussian Heads"."""

from __future__ import annotations


def register() -> None:
    """Make the panels known to Blender."""
    import bpy

    from . import sidebar

    for cls in sidebar.CLASSES:
        bpy.utils.register_class(cls)


def unregister() -> None:
    """Undo `register`, in reverse."""
    import bpy

    from . import sidebar

    for cls in reversed(sidebar.CLASSES):
        bpy.utils.unregister_class(cls)
