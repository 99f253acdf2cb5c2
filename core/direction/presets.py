"""Expressions of the face as acting directions: what is held while speaking, with an onset and an end."""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np

from ..errors import TrackError
from ..spaces import ACTION_UNITS
from ..spaces.expressions import EXPRESSIONS, Expression
from ..spaces.facs import MAX_INTENSITY, NEAREST_UNITS
from ..speech.curves import ease
from .direction import ActingDirection


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


def expression_direction(
    name: str,
    duration_sec: float | int,
    fps: Fraction,
    *,
    intensity: float | int = 1.0,
    onset_sec: float | int = 0.4,
    offset_sec: float | int = 0.5,
) -> ActingDirection:
    """The expression `name` from second 0 on: it comes in `onset_sec`, holds, and is gone at `duration_sec`.

    Both ways follow the path of least jerk; where the time is too short for them, they share it in proportion.
    """
    if not (math.isfinite(duration_sec) and duration_sec > 0):
        raise TrackError(
            f"The expression '{name}' lasts {duration_sec} s: give it a positive duration."
        )
    if min(onset_sec, offset_sec) < 0:
        raise TrackError(
            f"The expression '{name}' comes in {onset_sec} s and goes in {offset_sec} s: "
            "neither may be negative."
        )
    shrink = min(1.0, duration_sec / max(onset_sec + offset_sec, 1e-9))
    onset_sec, offset_sec = max(onset_sec * shrink, 1e-9), max(offset_sec * shrink, 1e-9)
    times_sec = np.arange(math.ceil(duration_sec * fps) + 1) / float(fps)
    envelope = ease(times_sec / onset_sec) * ease((duration_sec - times_sec) / offset_sec)
    units = direction_units(name, intensity)
    row = np.array([units.get(unit, 0.0) for unit in ACTION_UNITS])
    return ActingDirection((envelope[:, None] * row).astype(np.float32), fps)
