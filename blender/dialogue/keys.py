"""The baked keys of lines: which Action holds them, on which frames, and clearing and moving them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import bpy

from ..destinations import Destination
from ..keys import clear_keys, shift_keys
from .lines import lines_of
from .records import KeyedRecord, from_text, to_text

KEYED_PREFIX = "gaussian_heads_line_"

Frames = tuple[int, int]
"""First and last frame."""


@dataclass(frozen=True)
class Keyed:
    """The Action that holds a line's keys, the NLA strip that plays it, and what is remembered of them."""

    action: bpy.types.Action
    nla_strip: str
    record: KeyedRecord

    @property
    def destination(self) -> Destination:
        """What to bake to so that the keys stay where they are."""
        return Destination("NLA", self.nla_strip) if self.nla_strip else Destination()

    @property
    def frames(self) -> Frames:
        """The first and last frame of the line."""
        return self.record.first_frame, self.record.last_frame


def find_keyed(obj: bpy.types.Object | None, line_id: str) -> Keyed | None:
    """Where `obj` has keys of a line, None where it has none."""
    name = KEYED_PREFIX + line_id
    for action, slot, nla_strip in _actions(obj):
        record = from_text(KeyedRecord, action.get(name))
        if record is not None and record.slot == slot:
            return Keyed(action, nla_strip, record)
    return None


def remember_keys(
    obj: bpy.types.Object, action: bpy.types.Action, line_id: str, record: KeyedRecord
) -> None:
    """Write down with the keys of `obj` what they were made from."""
    slot = next((slot for played, slot, _ in _actions(obj) if played == action), 0)
    action[KEYED_PREFIX + line_id] = to_text(replace(record, slot=slot))


def forget_keys(obj: bpy.types.Object, line_id: str) -> None:
    """Take a line's keys for those of nobody."""
    for action, *_ in _actions(obj):
        if KEYED_PREFIX + line_id in action:
            del action[KEYED_PREFIX + line_id]


def other_lines(
    scene: bpy.types.Scene, obj: bpy.types.Object, line_id: str
) -> Iterator[tuple[str, Keyed]]:
    """The other lines that `obj` has keys of, by their ids."""
    for line in lines_of(scene, obj):
        keyed = find_keyed(obj, line.line_id) if line.line_id != line_id else None
        if keyed is not None:
            yield line.line_id, keyed


def meets(one: Frames, other: Frames) -> bool:
    """Whether two ranges share a frame."""
    return one[0] <= other[1] and other[0] <= one[1]


def clear_line_keys(scene: bpy.types.Scene, obj: bpy.types.Object, line_id: str) -> int:
    """Delete a line's keys, but none on frames of other lines of `obj`; returns how many.

    Lines that shared frames with it are no longer whole.
    """
    keyed = find_keyed(obj, line_id)
    if keyed is None:
        return 0
    frames = keyed.frames
    others = list(other_lines(scene, obj, line_id))
    forget_keys(obj, line_id)
    num_cleared = sum(clear_keys(obj, *free) for free in _without(frames, others))
    _break(obj, [other for other, keyed in others if meets(frames, keyed.frames)])
    return num_cleared


def clear_frames(
    scene: bpy.types.Scene, obj: bpy.types.Object, first_frame: int, last_frame: int
) -> int:
    """Delete all baked keys of `obj` on frames from first to last; returns how many."""
    hit = [
        (line_id, keyed.frames)
        for line_id, keyed in other_lines(scene, obj, "")
        if meets(keyed.frames, (first_frame, last_frame))
    ]
    inside = [i for i, frames in hit if first_frame <= frames[0] and frames[1] <= last_frame]
    for line_id in inside:
        forget_keys(obj, line_id)
    num_cleared = clear_keys(obj, first_frame, last_frame)
    _break(obj, [line_id for line_id, _ in hit if line_id not in inside])
    return num_cleared


def overrule(scene: bpy.types.Scene, obj: bpy.types.Object, line_id: str) -> None:
    """Note which lines that start later lost keys to a line just keyed: where two are heard the later one wins."""
    keyed = find_keyed(obj, line_id)
    start = (keyed.record.left_frame, line_id)
    _break(
        obj,
        [
            other
            for other, its in other_lines(scene, obj, line_id)
            if meets(keyed.frames, its.frames) and (its.record.left_frame, other) > start
        ],
    )


def can_shift(
    scene: bpy.types.Scene, obj: bpy.types.Object, line_id: str, by_frames: float
) -> bool:
    """Whether keys of a line can be moved without touching those of other lines."""
    first, last = find_keyed(obj, line_id).frames
    moved = (first + round(by_frames), last + round(by_frames))
    return not any(
        meets(keyed.frames, (first, last)) or meets(keyed.frames, moved)
        for _, keyed in other_lines(scene, obj, line_id)
    )


def shift_line(obj: bpy.types.Object, line_id: str, by_frames: float) -> int:
    """Move a line's keys by whole frames, and what is remembered of them; returns how many keys moved."""
    keyed = find_keyed(obj, line_id)
    first, last = keyed.frames
    num_moved = shift_keys(obj, first, last, by_frames)
    record, by_whole = keyed.record, round(by_frames)
    moved = replace(
        record,
        first_frame=first + by_whole,
        last_frame=last + by_whole,
        **{
            name: getattr(record, name) + by_frames
            for name in ("content_start_frame", "left_frame", "right_frame")
        },
    )
    remember_keys(obj, keyed.action, line_id, moved)
    return num_moved


def _actions(obj: bpy.types.Object | None) -> Iterator[tuple[bpy.types.Action, int, str]]:
    """The Actions that `obj` plays, each with the handle of its slot and the name of its NLA strip."""
    animation = obj.animation_data if obj is not None else None
    if animation is None:
        return
    played = [(animation.action, animation.action_slot, "")]
    played += [(s.action, s.action_slot, s.name) for t in animation.nla_tracks for s in t.strips]
    for action, slot, nla_strip in played:
        if action is not None and slot is not None:
            yield action, slot.handle, nla_strip


def _break(obj: bpy.types.Object, line_ids: list[str]) -> None:
    for line_id in line_ids:
        keyed = find_keyed(obj, line_id)
        if keyed is not None and keyed.action.library is None:
            remember_keys(obj, keyed.action, line_id, replace(keyed.record, is_whole=False))


def _without(frames: Frames, others: list[tuple[str, Keyed]]) -> list[Frames]:
    """The parts of a range that no other line has keys on."""
    free = [frames]
    for _, keyed in others:
        first, last = keyed.frames
        free = [
            piece
            for a, b in free
            for piece in ((a, min(b, first - 1)), (max(a, last + 1), b))
            if piece[0] <= piece[1] and (meets((a, b), (first, last)) or piece == (a, b))
        ]
        free = list(dict.fromkeys(free))
    return free
