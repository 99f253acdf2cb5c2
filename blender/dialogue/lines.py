"""Lines of a dialogue: a sound strip of the sequencer and the avatar that speaks it.

The strip carries the ids of its lines as a custom property, so that it is found when it was renamed or moved.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterator

import bpy

from ...core.errors import AudioError, GaussianHeadsError
from ...core.speech import HeardSpeech
from ..heads import is_avatar
from ..strips import sound_strips
from .records import HeardRecord, from_text, to_text

STRIP_PROPERTY = "gaussian_heads_line"
HEARD_PREFIX = "gaussian_heads_heard_"
# Lines whose unpacked speech is kept at hand, so that sliders answer at once.
MAX_OPENED = 32

Line = bpy.types.PropertyGroup


def link_strip(scene: bpy.types.Scene, strip: bpy.types.Strip, speaker: bpy.types.Object) -> Line:
    """The line of `strip` that `speaker` speaks, made where there is none yet.

    Several avatars may speak one strip; each has a line of its own.
    """
    if not is_avatar(speaker):
        raise GaussianHeadsError("Strips are spoken by avatars: choose one as the speaker.")
    if not scene.is_editable:
        raise GaussianHeadsError(
            f"The scene '{scene.name}' with the sound is linked from a library: its strips cannot be "
            "given speakers here."
        )
    adopt_duplicates(scene)
    found = find_line(scene, strip, speaker)
    if found is not None:
        return found
    line = scene.gaussian_heads.lines.add()
    line.line_id = uuid.uuid4().hex[:12]
    line.name, line.speaker = strip.name, speaker
    line.follow = scene.gaussian_heads.follow_strips
    strip[STRIP_PROPERTY] = " ".join((*line_ids(strip), line.line_id))
    return line


def unlink_line(scene: bpy.types.Scene, line_id: str) -> None:
    """Forget a line and what was heard of it; its keys stay."""
    strip = strips_by_line(scene).get(line_id)
    if strip is not None:
        left = [each for each in line_ids(strip) if each != line_id]
        if left:
            strip[STRIP_PROPERTY] = " ".join(left)
        else:
            del strip[STRIP_PROPERTY]
    lines = scene.gaussian_heads.lines
    for index, line in enumerate(lines):
        if line.line_id == line_id:
            lines.remove(index)
            break
    scene.gaussian_heads.active_line = max(min(scene.gaussian_heads.active_line, len(lines) - 1), 0)
    if HEARD_PREFIX + line_id in scene:
        del scene[HEARD_PREFIX + line_id]


def line_ids(strip: bpy.types.Strip) -> tuple[str, ...]:
    """The ids of the lines that `strip` carries."""
    stored = strip.get(STRIP_PROPERTY, "")
    return tuple(stored.split()) if isinstance(stored, str) else ()


def strips_by_line(scene: bpy.types.Scene) -> dict[str, bpy.types.Strip]:
    """The sound strip of every line by its id; of copies the one that the line was made for."""
    found: dict[str, bpy.types.Strip] = {}
    names = {line.line_id: line.name for line in scene.gaussian_heads.lines}
    for strip in sound_strips(scene):
        for line_id in line_ids(strip):
            if line_id not in found or strip.name == names.get(line_id):
                found[line_id] = strip
    return found


def line_by_id(scene: bpy.types.Scene, line_id: str) -> Line | None:
    """The line of that id."""
    return next((line for line in scene.gaussian_heads.lines if line.line_id == line_id), None)


def find_line(
    scene: bpy.types.Scene, strip: bpy.types.Strip, speaker: bpy.types.Object | None = None
) -> Line | None:
    """The line of `strip` that `speaker` speaks, or the first of any speaker."""
    ids = line_ids(strip)
    for line in scene.gaussian_heads.lines:
        if line.line_id in ids and speaker in (None, line.speaker):
            return line
    return None


def lines_of(scene: bpy.types.Scene, speaker: bpy.types.Object) -> Iterator[Line]:
    """The lines that `speaker` speaks."""
    return (line for line in scene.gaussian_heads.lines if line.speaker == speaker)


def has_speaker(line: Line) -> bool:
    """Whether somebody in a scene speaks the line."""
    return is_avatar(line.speaker) and bool(line.speaker.users_scene)


def adopt_duplicates(scene: bpy.types.Scene) -> int:
    """Make lines of their own of strips that were duplicated; returns how many strips.

    A copy of a strip carries the ids of the original. It gets new ones, the same speakers, and what was
    heard; keys it has none yet. Lines also take over the names of their strips.
    """
    if not scene.is_editable or not len(scene.gaussian_heads.lines):
        return 0
    strips, owned, num_adopted = strips_by_line(scene), {}, 0
    for line_id, strip in strips.items():
        owned.setdefault(strip.name, set()).add(line_id)
        line = line_by_id(scene, line_id)
        if line is not None and line.name != strip.name:
            line.name = strip.name
    for strip in sound_strips(scene):
        ids = line_ids(strip)
        foreign = [line_id for line_id in ids if line_id not in owned.get(strip.name, ())]
        if foreign:
            fresh = [_copied(scene, line_id, strip.name) for line_id in foreign]
            kept = [line_id for line_id in ids if line_id not in foreign]
            strip[STRIP_PROPERTY] = " ".join((*kept, *filter(None, fresh)))
            num_adopted += 1
    return num_adopted


def _copied(scene: bpy.types.Scene, line_id: str, name: str) -> str:
    """The id of a new line like the one of `line_id`; empty where that is gone."""
    original = line_by_id(scene, line_id)
    if original is None:
        return ""
    speaker, follow, heard = original.speaker, original.follow, original.heard
    line = scene.gaussian_heads.lines.add()
    line.line_id, line.name = uuid.uuid4().hex[:12], name
    line.speaker, line.follow, line.heard = speaker, follow, heard
    if HEARD_PREFIX + line_id in scene:
        scene[HEARD_PREFIX + line.line_id] = scene[HEARD_PREFIX + line_id]
    return line.line_id


def store_heard(
    scene: bpy.types.Scene, line: Line, record: HeardRecord, heard: HeardSpeech
) -> None:
    """Keep what was heard of a line with the scene."""
    name = HEARD_PREFIX + line.line_id
    if name in scene:
        # Blender ends bytes that replace others at their first zero.
        del scene[name]
    scene[name] = heard.to_bytes()
    line.heard = to_text(record)


def heard_record(scene: bpy.types.Scene, line: Line) -> HeardRecord | None:
    """What was listened to for a line, None where nothing is kept of it."""
    if HEARD_PREFIX + line.line_id not in scene:
        return None
    return from_text(HeardRecord, line.heard)


def stored_heard(scene: bpy.types.Scene, line: Line) -> HeardSpeech:
    """What is kept of a line; raises with the reason where it cannot be used."""
    data = scene.get(HEARD_PREFIX + line.line_id)
    if not isinstance(data, bytes):
        raise AudioError(f"Nothing was heard of '{line.name}' yet: bake it.")
    key = (line.line_id, hash(data))
    if key not in _opened:
        if len(_opened) >= MAX_OPENED:
            _opened.clear()
        _opened[key] = HeardSpeech.from_bytes(data)
    return _opened[key]


_opened: dict[tuple[str, int], HeardSpeech] = {}
