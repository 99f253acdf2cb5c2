"""What an avatar's direction is on given frames: its Action and NLA strips, evaluated without changing the frame."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import bpy
import numpy as np
from jaxtyping import Float64

from ...core.spaces import ACTION_UNITS
from ..animation import find_channelbag, slot_channelbag
from .curves import direction_curves, is_played

Frames = Float64[np.ndarray, " T"]


@dataclass(frozen=True)
class Played:
    """Curves by unit that play at once, and how they join what lies below; without `strip` they take its place."""

    curves: Mapping[str, bpy.types.FCurve]
    blend_type: str = "REPLACE"
    strip: bpy.types.NlaStrip | None = None
    # How strongly they count outside of a strip; inside of one the strip says it.
    influence: float = 1.0
    # Frames on which they count, beyond which they are not held.
    first_frame: float = -np.inf
    last_frame: float = np.inf

    def shares(self, frames: Frames) -> Float64[np.ndarray, " T"]:
        """How strongly the curves count on `frames`, 0 to 1."""
        is_within = (frames >= self.first_frame) & (frames <= self.last_frame)
        if self.strip is None:
            return self.influence * is_within
        return np.where(is_within, _influence(self.strip, _clamped(self.strip, frames)), 0.0)

    def values(self, curve: bpy.types.FCurve, frames: Frames) -> Float64[np.ndarray, " T"]:
        """The curve on `frames` of the scene."""
        times = frames if self.strip is None else _action_frames(self.strip, frames)
        return np.array([curve.evaluate(time) for time in times.tolist()], np.float64)


def played_direction(obj: bpy.types.Object) -> tuple[Played, ...]:
    """All that plays on the direction of `obj`, the lowest first."""
    animation = obj.animation_data
    if animation is None:
        return ()
    tracks = [t for t in animation.nla_tracks if not t.mute] if animation.use_nla else []
    solo = [track for track in tracks if track.is_solo]
    found = [played for track in solo or tracks for played in _of_track(track)]
    if not animation.use_tweak_mode and not solo:
        found += _of_action(obj, has_tracks=animation.use_nla and len(animation.nla_tracks) > 0)
    return tuple(found)


def evaluated(
    played: tuple[Played, ...], rest: Mapping[str, float], frames: Frames
) -> Float64[np.ndarray, "T 18"]:
    """Intensities on `frames`; a unit that nothing plays on keeps its value of `rest`."""
    values = np.zeros((len(frames), len(ACTION_UNITS)))
    touched: set[str] = set()
    for each in played:
        shares = each.shares(frames)
        for name, curve in each.curves.items():
            touched.add(name)
            column = values[:, ACTION_UNITS.index(name)]
            counts = shares > 0
            if counts.any():
                above = each.values(curve, frames[counts])
                column[counts] = _blended(each.blend_type, column[counts], above, shares[counts])
    for index, name in enumerate(ACTION_UNITS):
        if name not in touched:
            values[:, index] = rest.get(name, 0.0)
    return values


def _of_action(obj: bpy.types.Object, *, has_tracks: bool) -> Iterator[Played]:
    """The active Action, which lies above all strips."""
    curves = _playing(find_channelbag(obj))
    if not curves:
        return
    if not has_tracks:
        yield Played(curves)
        return
    animation = obj.animation_data
    is_held = animation.action_extrapolation != "NOTHING"
    first, last = (-np.inf, np.inf) if is_held else animation.action.frame_range
    yield Played(
        curves,
        animation.action_blend_type,
        influence=animation.action_influence,
        first_frame=first,
        last_frame=last,
    )


def _of_track(track: bpy.types.NlaTrack) -> Iterator[Played]:
    """The strips of a track, each with the frames up to its neighbours on which it is held."""
    strips = sorted(track.strips, key=lambda strip: strip.frame_start)
    for number, strip in enumerate(strips):
        if strip.mute or strip.type != "CLIP" or strip.action is None or strip.action_slot is None:
            continue
        curves = _playing(slot_channelbag(strip.action, strip.action_slot))
        if not curves:
            continue
        first, last = strip.frame_start, strip.frame_end
        if strip.extrapolation == "HOLD" and number == 0:
            first = -np.inf
        if strip.extrapolation != "NOTHING":
            is_last = number + 1 == len(strips)
            last = np.inf if is_last else np.nextafter(strips[number + 1].frame_start, -np.inf)
        elif number + 1 < len(strips) and strips[number + 1].frame_start == last:
            last = np.nextafter(last, -np.inf)
        yield Played(curves, strip.blend_type, strip, first_frame=first, last_frame=last)


def _playing(bag: bpy.types.ActionChannelbag | None) -> dict[str, bpy.types.FCurve]:
    return {name: curve for name, curve in direction_curves(bag).items() if is_played(curve)}


def _clamped(strip: bpy.types.NlaStrip, frames: Frames) -> Frames:
    return np.clip(frames, strip.frame_start, strip.frame_end)


def _influence(strip: bpy.types.NlaStrip, frames: Frames) -> Float64[np.ndarray, " T"]:
    """As Blender has it: keyed, or fading in and out at the ends."""
    if strip.use_animated_influence:
        curve = strip.fcurves.find("influence")
        if curve is None or not len(curve.keyframe_points):
            return np.full(len(frames), strip.influence)
        return np.array([curve.evaluate(frame) for frame in frames.tolist()])
    share = np.ones(len(frames))
    if strip.blend_out:
        is_out = frames >= strip.frame_end - strip.blend_out
        share = np.where(is_out, (strip.frame_end - frames) / strip.blend_out, share)
    if strip.blend_in:
        is_in = frames <= strip.frame_start + strip.blend_in
        share = np.where(is_in, (frames - strip.frame_start) / strip.blend_in, share)
    return np.clip(share, 0.0, 1.0)


def _action_frames(strip: bpy.types.NlaStrip, frames: Frames) -> Frames:
    """Frames of the strip's Action that are shown on `frames` of the scene."""
    frames = _clamped(strip, frames)
    curve = strip.fcurves.find("strip_time") if strip.use_animated_time else None
    if curve is not None and len(curve.keyframe_points):
        return np.array([curve.evaluate(frame) for frame in frames.tolist()])
    length = strip.action_frame_end - strip.action_frame_start
    scale = abs(strip.scale) or 1.0
    if length <= 0:
        return np.full(len(frames), strip.action_frame_start)
    elapsed = (frames - strip.frame_start) / scale
    cycled = np.fmod(elapsed, length)
    # The very end of the last cycle is no beginning of another.
    is_end = (frames == strip.frame_end) & float(strip.repeat).is_integer()
    cycled = np.where(is_end, length, cycled)
    if strip.use_reverse:
        return strip.action_frame_end - cycled
    return strip.action_frame_start + cycled


def _blended(kind: str, below: Frames, above: Frames, shares: Frames) -> Frames:
    if kind in ("ADD", "COMBINE"):
        return below + shares * above
    if kind == "SUBTRACT":
        return below - shares * above
    if kind == "MULTIPLY":
        return (1.0 - shares) * below + shares * below * above
    return (1.0 - shares) * below + shares * above
