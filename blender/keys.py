"""What can be done with baked keys afterwards: clear, move and clean them; nobody else's are touched."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import groupby

import bpy
import numpy as np

from ..core.decimation import needed_keys
from ..core.errors import GaussianHeadsError
from .animation import (
    LINEAR,
    Keys,
    find_channelbag,
    move_keys,
    read_keys,
    require_local,
    write_keys,
)
from .bake import require_editable
from .defaults import MAX_TOLERANCE
from .destinations import (
    FADE_FRAMES,
    baked_curves,
    clear_baked,
    key_range,
    speech_strips,
    strip_channelbag,
)


def clear_keys(obj: bpy.types.Object, first_frame: float, last_frame: float) -> int:
    """Delete the baked keys of `obj` on frames from first to last; returns how many.

    What they moved goes back to rest once no keys are left. NLA strips that hold nothing more go too.
    """
    require_editable(obj)
    num_removed = 0
    bag = find_channelbag(obj)
    if baked_curves(bag):
        require_local(obj.animation_data.action, obj)
        num_removed += clear_baked(obj, bag, first_frame, last_frame)
    for track, strip in speech_strips(obj):
        if strip.action.library is not None:
            continue
        bag, moved = strip_channelbag(strip), strip.frame_start - strip.action_frame_start
        num_removed += clear_baked(obj, bag, first_frame - moved, last_frame - moved)
        if not len(bag.fcurves):
            action = strip.action
            track.strips.remove(strip)
            if not track.strips:
                obj.animation_data.nla_tracks.remove(track)
            if not action.users:
                bpy.data.actions.remove(action)
    obj.update_tag()
    return num_removed


def shift_keys(
    obj: bpy.types.Object, first_frame: float, last_frame: float, by_frames: float
) -> int:
    """Move the baked keys of `obj` on frames from first to last; returns how many moved.

    Baked keys that lie where they come to are replaced. An NLA strip that begins and ends within the frames
    is moved whole.
    """
    require_editable(obj)
    num_moved = 0
    bag = find_channelbag(obj)
    curves = baked_curves(bag)
    if curves:
        require_local(obj.animation_data.action, obj)
        num_moved += sum(move_keys(curve, first_frame, last_frame, by_frames) for curve in curves)
        obj.animation_data.action.update_tag()
    for _, strip in speech_strips(obj):
        begin, end = strip.frame_start + FADE_FRAMES, strip.frame_end - FADE_FRAMES
        if begin >= first_frame - 0.5 and end <= last_frame + 0.5:
            num_moved += _num_keys(strip_channelbag(strip))
            _move_strip(strip, by_frames)
    obj.update_tag()
    return num_moved


def clean_keys(
    obj: bpy.types.Object, first_frame: float, last_frame: float, tolerance: float
) -> tuple[int, int]:
    """Drop baked keys that straight lines between their neighbours give back within `tolerance`.

    Works on frames from first to last; keys of another interpolation than linear stay. Returns how many
    baked keys there were and how many are left.
    """
    if not 0 < tolerance <= MAX_TOLERANCE:
        raise GaussianHeadsError(
            f"The error bound is {tolerance:g}: give more than 0, at most {MAX_TOLERANCE:g}."
        )
    require_editable(obj)
    before = after = 0
    for bag, moved in _bags(obj):
        require_local(bag.id_data, obj)
        before += _num_keys(bag)
        _clean(baked_curves(bag), (first_frame - moved, last_frame - moved), tolerance)
        after += _num_keys(bag)
    obj.update_tag()
    return before, after


def baked_range(obj: bpy.types.Object) -> tuple[float, float] | None:
    """First and last frame with a baked key in the scene's own frames; None without any."""
    ends = []
    for bag, moved in _bags(obj):
        first, last = key_range(bag)
        ends.append((first + moved, last + moved))
    return (min(first for first, _ in ends), max(last for _, last in ends)) if ends else None


def _bags(obj: bpy.types.Object) -> Iterator[tuple[bpy.types.ActionChannelbag, float]]:
    """Every set of f-curves with baked keys, and how many frames later than in it they are seen."""
    bag = find_channelbag(obj)
    if _num_keys(bag):
        yield bag, 0.0
    for _, strip in speech_strips(obj):
        bag = strip_channelbag(strip)
        if _num_keys(bag):
            yield bag, strip.frame_start - strip.action_frame_start


def _num_keys(bag: bpy.types.ActionChannelbag | None) -> int:
    return sum(len(curve.keyframe_points) for curve in baked_curves(bag))


def _move_strip(strip: bpy.types.NlaStrip, by_frames: float) -> None:
    start, end = strip.frame_start + by_frames, strip.frame_end + by_frames
    # Blender keeps the start before the end at every single step.
    for name, value in (("frame_end", end), ("frame_start", start))[:: 1 if by_frames > 0 else -1]:
        setattr(strip, name, value)


def _clean(curves: list[bpy.types.FCurve], frames: tuple[float, float], tolerance: float) -> None:
    """Clean curves; those with keys on the same frames together, which is what a bake leaves."""
    known = [(curve, read_keys(curve)) for curve in curves]
    known.sort(key=lambda pair: pair[1]["co"][:, 0].tobytes())
    for _, same in groupby(known, key=lambda pair: _timing(pair[1])):
        group = list(same)
        keys = group[0][1]
        times = keys["co"][:, 0].astype(np.float64)
        if len(times) < 3:
            continue
        fixed = (times < frames[0]) | (times > frames[1]) | (keys["interpolation"] != LINEAR)
        # A line begins at a key and takes its interpolation.
        fixed[1:] |= keys["interpolation"][:-1] != LINEAR
        values = np.stack([k["co"][:, 1] for _, k in group], 1).astype(np.float64)
        needed = needed_keys(times, values, tolerance, fixed)
        for (curve, keys), kept in zip(group, needed.T, strict=True):
            if not kept.all():
                write_keys(curve, {name: values[kept] for name, values in keys.items()})


def _timing(keys: Keys) -> tuple[bytes, bytes]:
    return keys["co"][:, 0].tobytes(), keys["interpolation"].tobytes()
