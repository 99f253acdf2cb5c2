"""How the keys of a line stand to its strip and settings: the badge in the list of lines, and why."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING

import bpy

from ...core.errors import TimingError
from ..strips import is_muted, placement
from ..style_properties import STYLE_FIELDS

if TYPE_CHECKING:
    from ...core.timing import SoundPlacement
    from ..direction.sampling import PlayedDirection
    from .lines import Line
    from .records import HeardRecord, KeyedRecord, SoundState


class LineState(Enum):
    """States from the most to the least that is left to do."""

    MISSING = "Strip or speaker is gone"
    BAKING = "Being listened to"
    MUTED = "Not heard"
    NEW = "Not baked yet"
    SOUND = "Must be listened to again"
    MOVED = "Strip was moved or cut"
    SETTINGS = "Settings changed"
    CURRENT = "Up to date"


@dataclass(frozen=True)
class LineStatus:
    """A state and the sentence that explains it; `can_update` where no listening is needed."""

    state: LineState
    sentence: str
    can_update: bool = False


def line_status(
    scene: bpy.types.Scene,
    line: Line,
    strips: dict[str, bpy.types.Strip] | None = None,
    directions: dict[int, PlayedDirection] | None = None,
) -> LineStatus:
    """How the keys of `line` stand; `strips` are those of `strips_by_line` where they are known.

    `directions` is what `direction_digest` keeps from line to line.
    """
    from .keys import find_keyed
    from .lines import heard_record, strips_by_line
    from .records import sound_state

    strip = (strips_by_line(scene) if strips is None else strips).get(line.line_id)
    hindrance = _hindrance(line, strip)
    if hindrance is not None:
        return hindrance
    try:
        place = placement(scene, strip)
    except TimingError as error:
        return LineStatus(LineState.MISSING, str(error))
    sound = sound_state(strip, place.content_start_frame)
    effort = line.speaker.gaussian_head.style_effort
    can_update = is_heard(heard_record(scene, line), sound, place, effort)
    found = find_keyed(line.speaker, line.line_id)
    if found is None:
        sentence = "Press Bake Speech"
        return LineStatus(LineState.NEW, sentence, can_update)
    state, sentence = _compared(line, found.record, place, sound, directions)
    if state is not LineState.CURRENT and not can_update:
        state, sentence = LineState.SOUND, _why_listen(scene, line, place, sound)
    return LineStatus(state, sentence, can_update)


def is_heard(
    record: HeardRecord | None, sound: SoundState, place: SoundPlacement, effort: float
) -> bool:
    """Whether keys can be made from what was heard; a sound that cannot be read now counts as unchanged."""
    return (
        record is not None
        and sound.digest in ("", record.digest)
        and record.speed == sound.speed
        and record.effort == effort
        and record.covers(place)
    )


def style_values(speaker: bpy.types.Object) -> dict[str, float]:
    """The style of a speaker as records keep it."""
    settings = speaker.gaussian_head
    return {name: getattr(settings, f"style_{name}") for name in STYLE_FIELDS}


def _hindrance(line: Line, strip: bpy.types.Strip | None) -> LineStatus | None:
    from ..jobs import job_of_line
    from .lines import has_speaker

    if strip is None:
        sentence = f"The sound strip '{line.name}' was deleted: unlink the line, its keys stay"
        return LineStatus(LineState.MISSING, sentence)
    if not has_speaker(line):
        return LineStatus(
            LineState.MISSING, "The speaker is gone: choose another or unlink the line"
        )
    if job_of_line(line.line_id) is not None:
        return LineStatus(LineState.BAKING, "The sound is being listened to")
    if is_muted(strip):
        sentence = "The strip or its channel is muted and left out of bakes; keys it has stay"
        return LineStatus(LineState.MUTED, sentence)
    return None


def _compared(
    line: Line,
    keyed: KeyedRecord,
    place: SoundPlacement,
    sound: SoundState,
    directions: dict[int, PlayedDirection] | None,
) -> tuple[LineState, str]:
    from ..direction.sampling import direction_digest
    from .records import placement_values

    if sound.digest not in ("", keyed.digest) or keyed.speed != sound.speed:
        return LineState.SETTINGS, "The sound was changed and heard since: update the keys"
    values = placement_values(place)
    if any(getattr(keyed, name) != value for name, value in values.items()):
        return LineState.MOVED, "The strip was moved or cut since: update the keys"
    if not keyed.is_whole:
        return LineState.SETTINGS, "Not all of its frames are keyed: update the keys"
    if keyed.seed != line.speaker.gaussian_head.seed or keyed.style != style_values(line.speaker):
        return LineState.SETTINGS, "Manner, timing or seed changed since: update the keys"
    if keyed.direction != direction_digest(line.speaker, place, directions):
        return LineState.SETTINGS, "The acting direction changed since: update the keys"
    return LineState.CURRENT, f"Keyed on frames {keyed.first_frame} to {keyed.last_frame}"


def _why_listen(
    scene: bpy.types.Scene, line: Line, place: SoundPlacement, sound: SoundState
) -> str:
    from .lines import heard_record
    from .records import heard_span_sec

    record = heard_record(scene, line)
    if record is None:
        return "Nothing is kept of what it says: bake it again"
    if sound.digest not in ("", record.digest):
        return "The sound file is another than the one that was heard: bake it again"
    if record.speed != sound.speed:
        return "The speed of the strip changed: bake it again"
    if record.effort != line.speaker.gaussian_head.style_effort:
        return "Effort changed, which is part of listening: bake it again"
    start, end = heard_span_sec(place)
    return (
        f"The strip plays {start:.2f} to {end:.2f} s of the sound, heard were {record.start_sec:.2f} to "
        f"{record.end_sec:.2f} s: bake it again"
    )
