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
    # Classes that are still registered crash or hang the `bpy` package of 4.5 when a script ends. Blender itself has
    # freed them by then, and to touch them fails or crashes.
    if bpy.app.module:
        atexit.register(unregister)


def unregister() -> None:
    """Undo `register`, in reverse; nothing where it is undone already, as when a script ends."""
    import atexit

    import bpy

    if not hasattr(bpy.types.Object, "gaussian_head"):
        return
    from . import operators, panels
    from .blender import registration

    atexit.unregister(unregister)
    panels.unregister()
    operators.unregister()
    registration.unregister()
