"""Rasterisers that others add to those of core; to add one loads nothing."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

Draw = Callable[..., object]
"""`draw(gaussians, camera, background, depth_limits)` gives a `RenderOutput`; see `core.render.render`."""


@dataclass(frozen=True)
class Backend:
    """A rasteriser: what draws, and whether "auto" should try it now."""

    draw: Draw
    is_automatic: Callable[[], bool]


_registered: dict[str, Backend] = {}


def register_backend(name: str, draw: Draw, is_automatic: Callable[[], bool]) -> None:
    """Add the backend `name`, one of BACKENDS that core itself does not have.

    `draw(gaussians, camera, background, depth_limits)` raises BackendUnavailable where another backend
    may do better; `is_automatic()` says whether "auto" should try it now.
    """
    _registered[name] = Backend(draw, is_automatic)


def unregister_backend(name: str) -> None:
    """Take a registered backend away again."""
    _registered.pop(name, None)


def registered_backend(name: str) -> Backend | None:
    """The backend that was registered as `name`."""
    return _registered.get(name)
