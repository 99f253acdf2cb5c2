"""Registers the Blender layer: properties, engine, handlers and the command."""

from __future__ import annotations

import bpy

from . import (
    engine,
    handlers,
    marks,
    native_splats,
    overlay,
    preferences,
    presets,
    properties,
    rasterisers,
    render_jobs,
)
from .dialogue import follow as dialogue_follow
from .library import properties as library_properties

_register_classes, _unregister_classes = bpy.utils.register_classes_factory(
    (*properties.CLASSES, *preferences.CLASSES, *library_properties.CLASSES, *engine.CLASSES)
)
_commands: list[object] = []


def register() -> None:
    """Make the add-on's data, engine and command known to Blender."""
    engine.allow_graphics()
    _register_classes()
    properties.attach()
    library_properties.attach()
    presets.attach()
    for panel in engine.compatible_panels():
        panel.COMPAT_ENGINES.add(engine.ENGINE_ID)
    handlers.attach()
    dialogue_follow.attach()
    render_jobs.attach()
    marks.attach()
    native_splats.attach()
    overlay.attach()
    rasterisers.attach()
    _commands.append(bpy.utils.register_cli_command("gaussian_heads", _run_command))


def ensure_registered() -> None:
    """Register the add-on unless it is done: a script with the plain `bpy` package has none enabled."""
    from .. import register as register_all

    if not hasattr(bpy.types.Object, "gaussian_head"):
        register_all()


def unregister() -> None:
    """Undo `register`, in reverse."""
    bpy.utils.unregister_cli_command(_commands.pop())
    rasterisers.detach()
    overlay.detach()
    native_splats.detach()
    marks.detach()
    render_jobs.detach()
    dialogue_follow.detach()
    handlers.detach()
    for panel in engine.compatible_panels():
        panel.COMPAT_ENGINES.discard(engine.ENGINE_ID)
    presets.detach()
    library_properties.detach()
    properties.detach()
    _unregister_classes()


def _run_command(arguments: list[str]) -> int:
    from .cli import main

    return main(arguments)
