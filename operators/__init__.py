"""Operators: one verb per file; collect, call, report."""

from __future__ import annotations


def register() -> None:
    """Make the operators known to Blender."""


def unregister() -> None:
    """Undo `register`."""
