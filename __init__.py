"""Gaussian Heads: photoreal 3D Gaussian heads that speak, in Blender. Registration only."""

from __future__ import annotations


def register() -> None:
    """Make the add-on known to Blender; also works with the plain `bpy` package."""
    from . import operators, panels
    from .blender import registration

    registration.register()
    operators.register()
    panels.register()


def unregister() -> None:
    """Undo `register`, in reverse."""
    from . import operators, panels
    from .blender import registration

    panels.unregister()
    operators.unregister()
    registration.unregister()
