"""What panels show of the named controls: groups narrowed by search and filter, sides in pairs, expressions."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import bpy

from ...core.spaces.expressions import EXPRESSION_GROUPS, EXPRESSIONS
from ...core.spaces.groups import CONTROL_LABELS, matches, other_side, side_of
from .keys import keyed_channels
from .pose import GROUPS, read_pose

# Words that labels of a group need not say again.
_SPOKEN = {"Jaw": "Jaw ", "Mouth": "Mouth ", "Eyes": "Eye ", "Brows": "Brow "}


@dataclass(frozen=True)
class Row:
    """One line of a list: a control, or both sides of one with the words they share."""

    label: str
    names: tuple[str, ...]

    @property
    def sides(self) -> tuple[str, ...]:
        """ "Left" and "Right" for the names, nothing for a control of both sides."""
        return tuple(side_of(name) for name in self.names)


@dataclass(frozen=True)
class ShownGroup:
    """A group with the rows to show and the number of its controls that are set or keyed."""

    label: str
    rows: tuple[Row, ...]
    num_acted: int


def shown_groups(obj: bpy.types.Object, scene: bpy.types.Scene, kind: str) -> list[ShownGroup]:
    """The groups of a kind that have anything to show by the scene's search and filter."""
    settings = scene.gaussian_heads
    acted = read_pose(obj).keys() | keyed_channels(obj)
    shown = []
    for group in GROUPS[kind]:
        names = [
            name
            for name in group.names
            if matches(name, settings.acting_filter)
            and (name in acted or not settings.acting_changed_only)
        ]
        if names:
            shown.append(
                ShownGroup(
                    group.label,
                    tuple(_rows(names, _SPOKEN.get(group.label, ""))),
                    len(acted & set(group.names)),
                )
            )
    return shown


def is_narrowed(scene: bpy.types.Scene) -> bool:
    """Whether the lists show a part of the controls only."""
    settings = scene.gaussian_heads
    return bool(settings.acting_filter.strip()) or settings.acting_changed_only


def why_empty(scene: bpy.types.Scene) -> str:
    """What a list says that shows no control."""
    if scene.gaussian_heads.acting_filter.strip():
        return "No control is called so"
    return "Nothing is set or keyed yet"


def expression_labels() -> dict[str, list[tuple[str, str]]]:
    """Names and labels of the expressions, by group."""
    return {
        group: [(name, e.label) for name, e in EXPRESSIONS.items() if e.group == group]
        for group in EXPRESSION_GROUPS
    }


def _rows(names: list[str], spoken: str) -> Iterator[Row]:
    """Rows of the names, without the word that the group's own name says."""
    waiting = list(names)
    while waiting:
        name = waiting.pop(0)
        other = other_side(name)
        if other in waiting:
            waiting.remove(other)
            shared = CONTROL_LABELS[name].removesuffix(f" {side_of(name)}")
            # What moves the whole jaw or mouth has no other word.
            is_whole = shared == spoken.strip()
            yield Row("Aside" if is_whole else shared.removeprefix(spoken), (name, other))
        else:
            yield Row(CONTROL_LABELS[name].removeprefix(spoken), (name,))
