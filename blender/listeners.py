"""Functions of ours in Blender's lists of handlers."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import bpy

_forgetters: list[Callable[[], None]] = []
_stoppers: list[Callable[[], None]] = []

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


def forgets_on_load(function: Callable[[], None]) -> Callable[[], None]:
    """Decorator: call `function` whenever another file was opened, to drop what was kept of the last one."""
    _forgetters.append(function)
    return function


def forget_last_file() -> None:
    """Call everything that drops what was kept of the last file; modules that were never needed kept nothing."""
    for forget in _forgetters:
        forget()


def stops_with_add_on(function: Callable[[], None]) -> Callable[[], None]:
    """Decorator: call `function` when the add-on is switched off, to stop what works beside the interface."""
    _stoppers.append(function)
    return function


def stop_work() -> None:
    """Call everything that stops work; modules that were never needed have none."""
    for stop in _stoppers:
        stop()
