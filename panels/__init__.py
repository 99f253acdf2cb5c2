"""Panels: drawing only; sidebar tab "Gaussian Heads"."""

from __future__ import annotations


def register() -> None:
    """Make the panels known to Blender."""


def unregister() -> None:
    """Undo `register`."""
