"""A direction in words, as commands take it: the name of an expression, or a table of Action Units."""

from __future__ import annotations

from pathlib import Path

from ..errors import TrackError
from ..importers.action_units import read_action_units
from .direction import ActingDirection
from .expressions import DIRECTED_EXPRESSIONS, direction_units

TABLE_SUFFIXES = (".csv", ".tsv", ".txt")


def table_of(words: str) -> Path | None:
    """The file that `words` name, None where they name an expression."""
    path = Path(words)
    return path if path.suffix.lower() in TABLE_SUFFIXES else None


def read_direction(words: str) -> ActingDirection:
    """The direction that `words` ask for: "joy", "joy:0.8" (0.8 times as strong), or a path of a table.

    An expression is held all along; second 0 of a table is the beginning of the sound. Raises `TrackError`.
    """
    table = table_of(words)
    if table is not None:
        return read_action_units(table).direction()
    name, _, amount = words.partition(":")
    try:
        intensity = float(amount) if amount else 1.0
    except ValueError:
        raise TrackError(
            f"'{amount}' is no intensity of '{name}': give a number, as in '{name}:0.8'."
        ) from None
    if name not in DIRECTED_EXPRESSIONS:
        known = ", ".join(DIRECTED_EXPRESSIONS)
        raise TrackError(
            f"'{name}' is neither an expression ({known}) nor a table that ends in .csv: choose one."
        )
    return ActingDirection.constant(**direction_units(name, intensity))
