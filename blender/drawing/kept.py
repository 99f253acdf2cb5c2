"""Things that are made on the GPU at first use and kept until the add-on goes."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

_makers: list[object] = []


def kept(make: Callable[..., object]) -> Callable[..., object]:
    """Decorator: call `make` once for the same arguments, until `forget_kept`."""
    cached = cache(make)
    _makers.append(cached)
    return cached


def forget_kept() -> None:
    """Let the driver have its memory back."""
    for cached in _makers:
        cached.cache_clear()
