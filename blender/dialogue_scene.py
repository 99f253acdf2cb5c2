"""All lines of a scene at once: which are not up to date, baking them, updating them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import bpy

from ..core.errors import GaussianHeadsError
from .destinations import Destination
from .dialogue import Line, line_by_id, strips_by_line
from .dialogue_bake import BakeOptions, follow_line, key_heard, listen_to, update_line
from .dialogue_choice import by_start
from .dialogue_state import LineState, LineStatus, line_status
from .jobs import Listening
from .speech import Performance

_LEFT_ALONE = (LineState.MISSING, LineState.BAKING, LineState.MUTED, LineState.CURRENT)


@dataclass(frozen=True)
class DialogueResult:
    """How many lines of how many speakers were keyed, and a sentence for each that was not."""

    num_keyed: int
    num_speakers: int
    errors: tuple[str, ...] = ()


def statuses(scene: bpy.types.Scene) -> dict[str, LineStatus]:
    """How the keys of every line stand, by its id."""
    strips = strips_by_line(scene)
    return {line.line_id: line_status(scene, line, strips) for line in scene.gaussian_heads.lines}


def lines_to_bake(scene: bpy.types.Scene) -> list[Line]:
    """The lines that are not up to date and can be baked, by their start."""
    known = statuses(scene)
    return by_start(
        scene,
        [
            line
            for line in scene.gaussian_heads.lines
            if known[line.line_id].state not in _LEFT_ALONE
        ],
    )


def lines_to_update(scene: bpy.types.Scene) -> list[Line]:
    """The lines with keys that are not up to date and need no listening, by their start."""
    known = statuses(scene)
    return [
        line
        for line in lines_to_bake(scene)
        if known[line.line_id].can_update and known[line.line_id].state is not LineState.NEW
    ]


def listen_to_lines(scene: bpy.types.Scene, scratch_folder: Path) -> list[Listening]:
    """The sounds of all lines to bake that must be listened to."""
    known = statuses(scene)
    return [
        listen_to(scene, line, scratch_folder)
        for line in lines_to_bake(scene)
        if not known[line.line_id].can_update
    ]


def key_dialogue(
    scene: bpy.types.Scene,
    heard: Iterable[tuple[Listening, Performance | GaussianHeadsError]],
    destination: Destination,
) -> DialogueResult:
    """Key lines that were just listened to, and all others that need no listening.

    In the order of their starts, so that where two lines of a speaker overlap the later one is heard. A new
    Action is made once for a speaker.
    """
    fresh = {listening.line_id: (listening, outcome) for listening, outcome in heard}
    ids = [line.line_id for line in by_start(scene, scene.gaussian_heads.lines)]
    errors: list[str] = []
    speakers: dict[str, int] = {}
    for line_id in ids:
        line = line_by_id(scene, line_id)
        status = line_status(scene, line)
        is_due = status.can_update and status.state not in _LEFT_ALONE
        if line_id not in fresh and not is_due:
            continue
        name = line.speaker.name_full if line.speaker else ""
        is_first = destination.kind != "NEW" or name not in speakers
        options = BakeOptions(destination if is_first else Destination())
        try:
            _key(scene, line, fresh.get(line_id), options)
            speakers[name] = speakers.get(name, 0) + 1
        except GaussianHeadsError as error:
            errors.append(f"{line_by_id(scene, line_id).name}: {error}")
    return DialogueResult(sum(speakers.values()), len(speakers), tuple(errors))


def update_lines(scene: bpy.types.Scene, lines: Iterable[Line] | None = None) -> DialogueResult:
    """Key those of `lines`, or of all, that are not up to date from what was heard of them."""
    wanted = None if lines is None else {line.line_id for line in lines}
    errors: list[str] = []
    speakers: list[str] = []
    # An update may put another line out of date that starts later: each is looked at when it is due.
    for line_id in [line.line_id for line in by_start(scene, scene.gaussian_heads.lines)]:
        if wanted is not None and line_id not in wanted:
            continue
        line = line_by_id(scene, line_id)
        status = line_status(scene, line)
        if not status.can_update or status.state in (*_LEFT_ALONE, LineState.NEW):
            continue
        try:
            follow_line(scene, line)
            if line_status(scene, line).state is not LineState.CURRENT:
                update_line(scene, line)
            speakers.append(line.speaker.name_full)
        except GaussianHeadsError as error:
            errors.append(f"{line.name}: {error}")
    return DialogueResult(len(speakers), len(set(speakers)), tuple(errors))


def _key(
    scene: bpy.types.Scene,
    line: Line,
    fresh: tuple[Listening, Performance | GaussianHeadsError] | None,
    options: BakeOptions,
) -> None:
    if fresh is None:
        update_line(scene, line, options)
        return
    listening, outcome = fresh
    if isinstance(outcome, GaussianHeadsError):
        raise outcome
    key_heard(scene, listening, outcome, options)
