"""Functions of ours in Blender's lists of handlers."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import bpy

Listener = tuple[str, Callable[..., None]]
"""Name of a list in `bpy.app.handlers` and what to call."""


def add_listeners(listeners: Iterable[Listener]) -> None:
    """Be called from now on."""
    for name, function in listeners:
        getattr(bpy.app.handlers, name).append(function)


def remove_listeners(listeners: Iterable[Listener]) -> None:
    """Undo `add_listeners`; harmless for those that are not there."""
    for name, function in listeners:
        functions = getattr(bpy.app.handlers, name)
        if function in functions:
            functions.remove(function)
