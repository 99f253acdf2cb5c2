"""What panels show of the direction: Action Units by part of the face, and the expressions that can be directed."""

from __future__ import annotations

from dataclasses import dataclass

import bpy

from ...core.direction.expressions import DIRECTED_EXPRESSIONS
from ...core.spaces.expressions import EXPRESSION_GROUPS, EXPRESSIONS
from ...core.spaces.groups import CONTROL_LABELS, DIRECTION_GROUPS
from ..animation import find_channelbag
from .curves import direction_curves


@dataclass(frozen=True)
class ShownUnits:
    """A part of the face: names and labels of its units, and how many of them are set or keyed."""

    label: str
    units: tuple[tuple[str, str], ...]
    num_directed: int


def shown_units(obj: bpy.types.Object) -> list[ShownUnits]:
    """The parts of the face with their units."""
    keyed, group = direction_curves(find_channelbag(obj)), obj.gaussian_head.direction
    return [
        ShownUnits(
            part.label,
            tuple((name, CONTROL_LABELS[name]) for name in part.names),
            sum(name in keyed or getattr(group, name) > 0 for name in part.names),
        )
        for part in DIRECTION_GROUPS
    ]


def directed_expressions() -> list[list[tuple[str, str]]]:
    """Names and labels of the expressions that can be directed, those of a group together."""
    return [
        [(name, EXPRESSIONS[name].label) for name in names]
        for group in EXPRESSION_GROUPS
        if (names := [n for n in DIRECTED_EXPRESSIONS if EXPRESSIONS[n].group == group])
    ]
