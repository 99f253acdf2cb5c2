"""Whether a render is under way; Blender's own answer leaves out renders of the command line."""

from __future__ import annotations

from bpy.app.handlers import persistent

from .listeners import add_listeners, remove_listeners

_is_under_way = False


def is_rendering() -> bool:
    """Whether Blender renders at this moment, a still or an animation."""
    return _is_under_way


@persistent
def _on_begin(*_: object) -> None:
    global _is_under_way
    _is_under_way = True


@persistent
def _on_end(*_: object) -> None:
    global _is_under_way
    _is_under_way = False


_HANDLERS = (
    ("render_init", _on_begin),
    ("render_complete", _on_end),
    ("render_cancel", _on_end),
    ("load_post", _on_end),
)


def attach() -> None:
    """Start listening."""
    add_listeners(_HANDLERS)


def detach() -> None:
    """Stop listening; harmless when not attached."""
    remove_listeners(_HANDLERS)
