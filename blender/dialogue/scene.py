"""All lines of a scene at once: which are not up to date, baking them, updating them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import bpy

from ...core.errors import GaussianHeadsError
from ..destinations import Destination
from ..jobs import Listening
from ..speech import Performance
from ..strips import is_muted, placement
from .bake import BakeOptions, follow_line, key_heard, listen_to, update_line
from .choice import by_start
from .keys import find_keyed
from .lines import Line, line_by_id, strips_by_line
from .state import LineState, LineStatus, line_status

_LEFT_ALONE = (LineState.MISSING, LineState.BAKING, LineState.MUTED, LineState.CURRENT)
MAX_PASSES = 3


@dataclass(frozen=True)
class DialogueResult:
    """How many lines of how many speakers were keyed, and a sentence for each that was not."""

    num_keyed: int
    num_speakers: int
    errors: tuple[str, ...] = ()


def statuses(scene: bpy.types.Scene) -> dict[str, LineStatus]:
    """How the keys of every line stand, by its id."""
    strips, directions = strips_by_line(scene), {}
    return {
        line.line_id: line_status(scene, line, strips, directions)
        for line in scene.gaussian_heads.lines
    }


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


def listen_to_lines(
    scene: bpy.types.Scene, scratch_folder: Path
) -> tuple[list[Listening], list[str]]:
    """The sounds of all lines to bake that must be listened to, and sentences on those that cannot be."""
    known = statuses(scene)
    listenings: list[Listening] = []
    errors: list[str] = []
    for line in lines_to_bake(scene):
        if known[line.line_id].can_update:
            continue
        try:
            listenings.append(listen_to(scene, line, scratch_folder))
        except GaussianHeadsError as error:
            errors.append(f"{line.name}: {error}")
    return listenings, errors


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
    work = _Work(scene)
    renewed: set[str] = set()

    def key(line: Line) -> None:
        speaker = line.speaker.name_full if line.speaker else ""
        is_first = destination.kind != "NEW" or speaker not in renewed
        renewed.add(speaker)
        options = BakeOptions(destination if is_first else Destination())
        _key(scene, line, fresh.pop(line.line_id, None), options)

    for line in by_start(scene, scene.gaussian_heads.lines):
        if line.line_id in fresh or _can_key(line_status(scene, line)):
            work.do(line.line_id, key)
    return _settled(work, set(work.keyed))


def update_lines(scene: bpy.types.Scene, lines: Iterable[Line] | None = None) -> DialogueResult:
    """Key those of `lines`, or of all, that are not up to date from what was heard of them."""
    chosen = scene.gaussian_heads.lines if lines is None else lines
    return _settled(_Work(scene), {line.line_id for line in chosen})


def follow_lines(scene: bpy.types.Scene, line_ids: Sequence[str]) -> int:
    """Let the keys of lines follow their strips; returns how many did.

    The line that is furthest in the direction of its move goes first, so that none runs into another.
    """
    strips = strips_by_line(scene)
    moves = []
    for line_id in line_ids:
        line = line_by_id(scene, line_id)
        keyed = find_keyed(line.speaker, line_id)
        if keyed is None or line_id not in strips or is_muted(strips[line_id]):
            continue
        by_frames = keyed.record.shift_to(placement(scene, strips[line_id]))
        if by_frames:
            is_right = by_frames > 0
            moves.append((is_right, -keyed.frames[0] if is_right else keyed.frames[0], line_id))
    work = _Work(scene)
    for *_, line_id in sorted(moves):
        work.do(line_id, lambda line: follow_line(scene, line))
    if work.keyed:
        _settled(work, set())
    return len(work.keyed)


class _Work:
    """Lines that are keyed one after another; a line that cannot be keeps the others from nothing."""

    def __init__(self, scene: bpy.types.Scene) -> None:
        self.scene = scene
        self.keyed: dict[str, str] = {}
        self.errors: dict[str, str] = {}

    def do(self, line_id: str, key: Callable[[Line], object]) -> None:
        """Key a line, or note why that fails."""
        line = line_by_id(self.scene, line_id)
        try:
            key(line)
            self.keyed[line_id] = line.speaker.name_full
        except GaussianHeadsError as error:
            self.errors[line_id] = f"{line.name}: {error}"

    def result(self) -> DialogueResult:
        """What was done."""
        speakers = set(self.keyed.values())
        return DialogueResult(len(self.keyed), len(speakers), tuple(self.errors.values()))


def _settled(work: _Work, line_ids: set[str]) -> DialogueResult:
    """Update lines until nothing is left to do: to key one may take keys from another that it met."""
    scene = work.scene
    speakers = {line_by_id(scene, line_id).speaker for line_id in (*line_ids, *work.keyed)}
    for _ in range(MAX_PASSES):
        due = [
            line.line_id
            for line in lines_to_update(scene)
            if line.line_id not in work.errors
            and (line.line_id in line_ids or (line.speaker in speakers and not _is_whole(line)))
        ]
        if not due:
            break
        for line_id in due:
            work.do(line_id, lambda line: follow_line(scene, line) or update_line(scene, line))
    return work.result()


def _is_whole(line: Line) -> bool:
    keyed = find_keyed(line.speaker, line.line_id)
    return keyed is None or keyed.record.is_whole


def _can_key(status: LineStatus) -> bool:
    return status.can_update and status.state not in _LEFT_ALONE


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
