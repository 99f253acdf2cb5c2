"""Baking the lines of a dialogue: what to listen to, keys from what was heard, and keys made anew from it."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from pathlib import Path

import bpy

from ...core.errors import AudioError, GaussianHeadsError
from ...core.expression import ExpressionTrack
from ...core.speech import HeardSpeech
from ...core.timing import SoundPlacement
from ..bake import BakeResult, bake_track, require_editable
from ..destinations import Destination
from ..direction.sampling import direction_digest, sample_direction
from ..jobs import Listening
from ..speech import Performance, perform_on, request_strip
from ..strips import is_muted, placement
from ..style_properties import speech_style
from .keys import Keyed, can_shift, clear_line_keys, find_keyed, overrule, remember_keys, shift_line
from .lines import (
    Line,
    heard_record,
    line_by_id,
    link_strip,
    store_heard,
    stored_heard,
    strips_by_line,
)
from .records import (
    HeardRecord,
    KeyedRecord,
    SoundState,
    heard_span_sec,
    placement_values,
    sound_state,
)
from .state import is_heard, style_values


@dataclass(frozen=True)
class BakeOptions:
    """Where keys go, and on which frames; without a destination they stay where a line has its keys."""

    destination: Destination | None = None
    frames: range | None = None


@dataclass(frozen=True)
class _Place:
    """A line's strip as it is now."""

    strip: bpy.types.Strip
    placement: SoundPlacement
    sound: SoundState


def listen_to(scene: bpy.types.Scene, line: Line, scratch_folder: Path) -> Listening:
    """Collect what listening to a line needs, and refuse early what cannot work."""
    place, speaker = _place(scene, line), _speaker(line)
    require_editable(speaker)
    folder = scratch_folder / line.line_id
    folder.mkdir()
    request = request_strip(scene, place.strip, speaker, folder)
    record = HeardRecord(
        place.sound.digest,
        place.sound.speed,
        *heard_span_sec(place.placement),
        float(request.style.effort),
    )
    return Listening(request, speaker.session_uid, line.line_id, place.placement, record)


def require_strip(scene: bpy.types.Scene, line: Line) -> bpy.types.Strip:
    """The strip of a line; raises where it is gone or not heard."""
    strip = strips_by_line(scene).get(line.line_id)
    if strip is None:
        raise AudioError(
            f"The sound strip '{line.name}' was deleted: undo that, or unlink the line."
        )
    if is_muted(strip):
        raise AudioError(
            f"The sound strip '{strip.name}' is muted and not heard: unmute it or its channel."
        )
    return strip


def key_heard(
    scene: bpy.types.Scene,
    listening: Listening,
    performance: Performance,
    options: BakeOptions = BakeOptions(),
) -> BakeResult:
    """Keep what was just heard of a line and key it, as strip and settings are by now."""
    line = line_by_id(scene, listening.line_id)
    if line is None:
        raise AudioError("The line was unlinked while its sound was listened to: link it again.")
    store_heard(scene, line, listening.record, performance.heard)
    place, settings = _place(scene, line), _speaker(line).gaussian_head
    request = listening.request
    directed = request.direction.digest if request.direction is not None else ""
    asked = (listening.placement, request.seed, request.style, directed)
    wanted = (place.placement, settings.seed, speech_style(settings), _directed(line, place))
    if asked == wanted:
        return _key(scene, line, place, performance.track, options)
    return update_line(scene, line, options)


def update_line(
    scene: bpy.types.Scene, line: Line, options: BakeOptions = BakeOptions()
) -> BakeResult:
    """Key a line from what was heard of it, with the settings and the strip as they are now."""
    place, record = _place(scene, line), heard_record(scene, line)
    if not is_heard(record, place.sound, place.placement, _effort(line)):
        raise AudioError(
            f"'{line.name}' must be listened to again, because its sound, speed, length or Effort "
            "changed: bake it."
        )
    track = _performed(line, stored_heard(scene, line), record, place)
    return _key(scene, line, place, track, options)


def follow_line(scene: bpy.types.Scene, line: Line) -> bool:
    """Bring a line's keys to where its strip is now; returns whether something changed.

    A strip that moved as a whole takes its keys along as they are. Where keys of other lines lie in the way
    they are made anew from what was heard.
    """
    keyed = find_keyed(line.speaker, line.line_id)
    if keyed is None:
        return False
    place = placement(scene, require_strip(scene, line))
    by_frames = keyed.record.shift_to(place)
    if not by_frames:
        return False
    if can_shift(scene, line.speaker, line.line_id, by_frames):
        shift_line(line.speaker, line.line_id, by_frames)
    else:
        update_line(scene, line)
    return True


def clear_line(scene: bpy.types.Scene, line: Line) -> int:
    """Delete the keys of a line; returns how many. What was heard is kept."""
    return clear_line_keys(scene, line.speaker, line.line_id)


def remember_bake(
    scene: bpy.types.Scene,
    strip: bpy.types.Strip,
    obj: bpy.types.Object,
    heard: HeardSpeech,
    result: BakeResult,
    *,
    start_sec: float | None = None,
) -> None:
    """Make a line of a strip that was listened to and keyed on `obj` by other means.

    What was heard begins at `start_sec` of the sound's file, by default where the strip begins.
    """
    line = link_strip(scene, strip, obj)
    place = _place(scene, line)
    begin = heard_span_sec(place.placement)[0] if start_sec is None else start_sec
    end = begin + float(heard.duration_sec)
    sound = place.sound
    record = HeardRecord(sound.digest, sound.speed, begin, end, float(heard.effort))
    store_heard(scene, line, record, heard)
    line.keyed_speaker = obj
    action = bpy.data.actions[result.action]
    remember_keys(obj, action, line.line_id, _keyed_record(line, place))


def _performed(
    line: Line, heard: HeardSpeech, record: HeardRecord, place: _Place
) -> ExpressionTrack:
    spot, settings = place.placement, line.speaker.gaussian_head
    start_sec = spot.file_sec(spot.first_frame) - record.start_sec
    return perform_on(
        heard,
        spot,
        seed=settings.seed,
        style=speech_style(settings),
        direction=sample_direction(line.speaker, spot, start_sec),
        start_sec=start_sec,
    )


def _directed(line: Line, place: _Place) -> str:
    return direction_digest(line.speaker, place.placement)


def _key(
    scene: bpy.types.Scene, line: Line, place: _Place, track: ExpressionTrack, options: BakeOptions
) -> BakeResult:
    obj, line_id = _speaker(line), line.line_id
    before = find_keyed(obj, line_id)
    destination = _destination(options, before, place.strip)
    if options.frames is None:
        _leave_former_speaker(scene, line)
        if before is not None and destination.kind != "NEW":
            _clear_stale(scene, obj, line_id, before, destination, place.placement)
    spot = place.placement
    result = bake_track(
        obj, track, spot.first_frame, destination=destination, frames=options.frames
    )
    record = _keyed_record(line, place)
    if (result.first_frame, result.last_frame) != (spot.first_frame, spot.last_frame):
        record = _partly(record, result, before)
    remember_keys(obj, bpy.data.actions[result.action], line_id, record)
    overrule(scene, obj, line_id)
    return result


def _destination(options: BakeOptions, before: Keyed | None, strip: bpy.types.Strip) -> Destination:
    destination = options.destination
    if destination is None:
        return before.destination if before is not None else Destination()
    if destination.kind == "NLA" and not destination.name:
        has_strip = before is not None and before.nla_strip
        return Destination("NLA", before.nla_strip if has_strip else strip.name)
    return destination


def _clear_stale(
    scene: bpy.types.Scene,
    obj: bpy.types.Object,
    line_id: str,
    before: Keyed,
    destination: Destination,
    spot: SoundPlacement,
) -> None:
    """Clear what an earlier bake left outside of the new frames, or in another place."""
    first, last = before.frames
    is_inside = spot.first_frame <= first and last <= spot.last_frame
    if not is_inside or before.destination.kind != destination.kind:
        clear_line_keys(scene, obj, line_id)


def _leave_former_speaker(scene: bpy.types.Scene, line: Line) -> None:
    """A line that was given to another speaker leaves its former one."""
    former = line.keyed_speaker
    if former is not None and former != line.speaker and former.is_editable:
        clear_line_keys(scene, former, line.line_id)
    line.keyed_speaker = line.speaker


def _keyed_record(line: Line, place: _Place) -> KeyedRecord:
    spot = place.placement
    return KeyedRecord(
        digest=place.sound.digest,
        speed=place.sound.speed,
        seed=line.speaker.gaussian_head.seed,
        style=style_values(line.speaker),
        direction=_directed(line, place),
        first_frame=spot.first_frame,
        last_frame=spot.last_frame,
        **placement_values(spot),
    )


def _partly(record: KeyedRecord, result: BakeResult, before: Keyed | None) -> KeyedRecord:
    """What is remembered once some frames of a line were keyed; a line that was whole and alike stays so."""
    old = before.record if before is not None else None
    fresh = asdict(record)
    alike = old is not None and all(
        getattr(old, name) == fresh[name]
        for name in fresh
        if name not in ("seed", "style", "slot", "direction")
    )
    if alike:
        return old
    first, last = result.first_frame, result.last_frame
    if old is not None and before.action.name == result.action:
        first, last = min(first, old.first_frame), max(last, old.last_frame)
    return replace(record, first_frame=first, last_frame=last, is_whole=False)


def _place(scene: bpy.types.Scene, line: Line) -> _Place:
    strip = require_strip(scene, line)
    spot = placement(scene, strip)
    return _Place(strip, spot, sound_state(strip, spot.content_start_frame))


def _speaker(line: Line) -> bpy.types.Object:
    if line.speaker is None or not line.speaker.gaussian_head.avatar:
        raise GaussianHeadsError(f"'{line.name}' has no speaker: choose the avatar that speaks it.")
    return line.speaker


def _effort(line: Line) -> float:
    return _speaker(line).gaussian_head.style_effort
