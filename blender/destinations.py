"""Where a bake's keys go: the active Action, a new one, or an NLA strip under what is acted by hand."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal, get_args

import bpy
import numpy as np

from ..core.errors import GaussianHeadsError
from .animation import (
    action_channelbag,
    ensure_channelbag,
    find_channelbag,
    move_keys,
    remove_keys,
    require_local,
    slot_channelbag,
    suitable_slot,
)
from .codes import is_baked_path
from .direction.curves import copy_direction, direction_curves

DestinationKind = Literal["ACTIVE", "NEW", "NLA"]
DESTINATIONS: tuple[DestinationKind, ...] = get_args(DestinationKind)
NLA_TRACK = "Speech"
# Frames before and after the speech over which an NLA strip fades in and out of the resting face.
FADE_FRAMES = 8


@dataclass(frozen=True)
class Destination:
    """The active Action, a new Action, or an NLA strip; `name` is that of the last two.

    An NLA strip of that name that an earlier bake made is written again.
    """

    kind: DestinationKind = "ACTIVE"
    name: str = ""


@dataclass(frozen=True)
class Opened:
    """A destination that is ready for keys on frames from first to last."""

    action: bpy.types.Action
    slot: bpy.types.ActionSlot
    bag: bpy.types.ActionChannelbag
    nla_name: str
    first_frame: int
    last_frame: int


def open_destination(
    obj: bpy.types.Object, destination: Destination, first_frame: int, num_frames: int
) -> Opened:
    """Make or find what `destination` names on `obj`; refuses before anything is changed."""
    if destination.kind not in DESTINATIONS:
        raise GaussianHeadsError(
            f"'{destination.kind}' is no destination of a bake: choose {', '.join(DESTINATIONS)}."
        )
    last_frame = first_frame + num_frames - 1
    name = destination.name or f"{obj.name} Speech"
    if destination.kind == "NLA":
        _uncover(obj, first_frame, last_frame)
        action, slot = _nla_action(obj, name)
        bag = action_channelbag(action, slot)
        return Opened(action, slot, bag, name, first_frame, last_frame)
    if destination.kind == "NEW":
        start_action(obj, name)
    bag = ensure_channelbag(obj)
    animation = obj.animation_data
    return Opened(animation.action, animation.action_slot, bag, "", first_frame, last_frame)


def start_action(obj: bpy.types.Object, name: str) -> None:
    """Give `obj` a new Action, with the acting direction of the one played so far, which is kept."""
    animation = obj.animation_data or obj.animation_data_create()
    former = find_channelbag(obj)
    if animation.action is not None:
        # Nobody else may use it: it must outlive the next save all the same.
        animation.action.use_fake_user = True
    animation.action = bpy.data.actions.new(name)
    if direction_curves(former):
        copy_direction(former, ensure_channelbag(obj))


def close_destination(obj: bpy.types.Object, opened: Opened) -> str:
    """Show what was keyed: place the NLA strip around its keys; returns its name, empty without one."""
    if not opened.nla_name:
        return ""
    first, last = key_range(opened.bag)
    start, end = first - FADE_FRAMES, last + FADE_FRAMES
    for track, strip in speech_strips(obj):
        if strip.name == opened.nla_name:
            track.strips.remove(strip)
            if not track.strips:
                obj.animation_data.nla_tracks.remove(track)
            break
    track = _free_track(obj, start, end)
    strip = track.strips.new(opened.nla_name, math.floor(start), opened.action)
    strip.action_slot = opened.slot
    strip.use_sync_length = False
    strip.action_frame_start, strip.action_frame_end = start, end
    strip.frame_start, strip.frame_end = start, end
    strip.extrapolation, strip.blend_type = "NOTHING", "REPLACE"
    strip.blend_in = strip.blend_out = FADE_FRAMES
    strip.name = opened.nla_name
    return strip.name


def speech_strips(
    obj: bpy.types.Object,
) -> list[tuple[bpy.types.NlaTrack, bpy.types.NlaStrip]]:
    """NLA strips of `obj` whose Action holds baked speech, with their tracks."""
    tracks = obj.animation_data.nla_tracks if obj.animation_data else ()
    return [
        (track, strip)
        for track in tracks
        for strip in track.strips
        if strip.action is not None and baked_curves(strip_channelbag(strip))
    ]


def strip_channelbag(strip: bpy.types.NlaStrip) -> bpy.types.ActionChannelbag | None:
    """The f-curves that an NLA strip plays."""
    if strip.action is None or strip.action_slot is None:
        return None
    return slot_channelbag(strip.action, strip.action_slot)


def baked_curves(bag: bpy.types.ActionChannelbag | None) -> list[bpy.types.FCurve]:
    """The f-curves that bakes write."""
    return [curve for curve in bag.fcurves if is_baked_path(curve.data_path)] if bag else []


def has_baked(obj: bpy.types.Object) -> bool:
    """Whether `obj` plays baked speech, from its active Action or an NLA strip."""
    return bool(baked_curves(find_channelbag(obj)) or speech_strips(obj))


def key_range(bag: bpy.types.ActionChannelbag) -> tuple[float, float]:
    """First and last frame with a baked key; raises where there is none."""
    ends = [
        (points[0].co[0], points[len(points) - 1].co[0])
        for points in (curve.keyframe_points for curve in baked_curves(bag))
        if len(points)
    ]
    if not ends:
        raise GaussianHeadsError("There is no baked speech here: bake it first.")
    return min(first for first, _ in ends), max(last for _, last in ends)


def drop_curve(obj: bpy.types.Object, bag: bpy.types.ActionChannelbag, curve: object) -> None:
    """Remove an f-curve; what it moved goes back to rest."""
    name, index = curve.data_path[2:-2], curve.array_index
    bag.fcurves.remove(curve)
    if name in obj:
        obj[name][index] = 0.0


def _uncover(obj: bpy.types.Object, first_frame: int, last_frame: int) -> None:
    """Clear baked speech off the active Action, which would hide an NLA strip; refuse to lose other lines."""
    bag = find_channelbag(obj)
    curves = baked_curves(bag)
    if not curves:
        return
    action = obj.animation_data.action
    require_local(action, obj)
    begin, end = key_range(bag) if any(len(c.keyframe_points) for c in curves) else (0, -1)
    if begin < first_frame or end > last_frame:
        raise GaussianHeadsError(
            f"The active Action '{action.name}' holds other baked speech (frames {begin:.0f} to "
            f"{end:.0f}), which would hide the NLA strip: push that Action down in the NLA editor, or "
            "clear its speech, then bake again."
        )
    for curve in curves:
        drop_curve(obj, bag, curve)


def _nla_action(obj: bpy.types.Object, name: str) -> tuple[bpy.types.Action, bpy.types.ActionSlot]:
    """The Action of the NLA strip called `name`, brought back to the scene's own frames, or a new one."""
    for _, strip in speech_strips(obj):
        if strip.name != name or strip.action.library is not None:
            continue
        moved = strip.frame_start - strip.action_frame_start
        if moved:
            for curve in strip_channelbag(strip).fcurves:
                move_keys(curve, -np.inf, np.inf, moved)
        return strip.action, strip.action_slot
    if obj.animation_data is None:
        obj.animation_data_create()
    action = bpy.data.actions.new(name)
    return action, suitable_slot(action, obj)


def _free_track(obj: bpy.types.Object, start: float, end: float) -> bpy.types.NlaTrack:
    """One of our tracks with nothing on the frames from start to end, or a new one above them."""
    tracks = obj.animation_data.nla_tracks
    ours = [track for track in tracks if track.name.partition(".")[0] == NLA_TRACK]
    for track in ours:
        if all(strip.frame_end <= start or strip.frame_start >= end for strip in track.strips):
            return track
    track = tracks.new(prev=ours[-1]) if ours else tracks.new()
    track.name = NLA_TRACK
    return track


def clear_baked(
    obj: bpy.types.Object, bag: bpy.types.ActionChannelbag, first_frame: float, last_frame: float
) -> int:
    """Delete baked keys of `bag` on frames from first to last; curves without keys go. Returns how many."""
    num_removed = 0
    for curve in baked_curves(bag):
        num_removed += remove_keys(curve, first_frame, last_frame)
        if not len(curve.keyframe_points):
            drop_curve(obj, bag, curve)
    return num_removed
