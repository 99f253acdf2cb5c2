"""Expressions of the face that can be directed, as intensities of Action Units."""

from __future__ import annotations

import math

from ..errors import TrackError
from ..spaces import ACTION_UNITS
from ..spaces.expressions import EXPRESSIONS, Expression
from ..spaces.facs import MAX_INTENSITY, NEAREST_UNITS


def _is_one_sided(expression: Expression) -> bool:
    return any(unit[0] in "LR" for unit in expression.units)


# Directions have no sides: expressions of one half of the face are left out.
DIRECTED_EXPRESSIONS: tuple[str, ...] = tuple(
    name for name, expression in EXPRESSIONS.items() if not _is_one_sided(expression)
)


def direction_units(name: str, intensity: float | int = 1.0) -> dict[str, float]:
    """Intensities (0 to 5) by Action Unit of the expression `name`, times `intensity`.

    Units without a curve of their own count as the nearest one (the stronger of both holds) or, where the eyes
    turn and the lips pucker, not at all. Raises `TrackError` for names that are not in `DIRECTED_EXPRESSIONS`.
    """
    if name not in DIRECTED_EXPRESSIONS:
        known = ", ".join(DIRECTED_EXPRESSIONS)
        raise TrackError(f"No expression '{name}' can be directed: choose of {known}.")
    if not math.isfinite(intensity):
        raise TrackError(
            f"The intensity of '{name}' is {intensity}: give a number, 1 for all of it."
        )
    units: dict[str, float] = {}
    for number, amount in EXPRESSIONS[name].units.items():
        unit = f"AU{int(number):02d}"
        unit = NEAREST_UNITS.get(unit, unit)
        if unit in ACTION_UNITS:
            scaled = min(max(amount * intensity, 0.0), MAX_INTENSITY)
            units[unit] = max(units.get(unit, 0.0), scaled)
    return units
