"""Gaussian Heads: photoreal 3D Gaussian heads that speak, in Blender. Registration only."""

from __future__ import annotations


def register() -> None:
    """Make the add-on known to Blender; also works with the plain `bpy` package."""
    import atexit

    import bpy

    from . import operators, panels
    from .blender import registration

    registration.register()
    operators.register()
    panels.register()
    # Classes that are still registered crash or hang Blender 4.5 when a script ends. A Blender with a window has
    # freed them by then, and to touch them crashes it.
    if bpy.app.background:
        atexit.register(unregister)


def unregister() -> None:
    """Undo `register`, in reverse."""
    import atexit

    from . import operators, panels
    from .blender import registration

    atexit.unregister(unregister)
    panels.unregister()
    operators.unregister()
    registration.unregister()
