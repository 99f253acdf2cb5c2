"""Keys of the acting direction: expressions over a range of frames, recordings, and taking them away again."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Literal

import bpy
import numpy as np

from ...core.direction import ActingDirection
from ...core.errors import GaussianHeadsError
from ...core.spaces import ACTION_UNITS
from ...core.spaces.facs import MAX_INTENSITY
from ..acting.pose import require_editable
from ..animation import (
    ensure_channelbag,
    ensure_fcurve,
    find_channelbag,
    punch_in,
    read_keys,
    remove_keys,
    require_local,
)
from ..defaults import DIRECTION_TOLERANCE
from ..dialogue.properties import one_style_change, style_changed
from ..sparse_keys import kept_keys
from .curves import ADDRESSES, direction_curves

Mode = Literal["REPLACE", "ADD"]


@dataclass(frozen=True)
class Hold:
    """What is held from `first_frame` to `last_frame`, coming and going over so many frames at both ends."""

    first_frame: int
    last_frame: int
    onset_frames: int = 8
    offset_frames: int = 12

    def __post_init__(self) -> None:
        if self.last_frame < self.first_frame:
            raise GaussianHeadsError(
                f"The direction ends on frame {self.last_frame}, before it begins on {self.first_frame}: "
                "let the last frame come after the first."
            )
        if min(self.onset_frames, self.offset_frames) < 0:
            raise GaussianHeadsError("A direction cannot come or go in less than 0 frames.")

    @property
    def corners(self) -> tuple[int, int, int, int]:
        """Frames on which it begins to come, is there, begins to go and is gone; both ways share short ranges."""
        length = self.last_frame - self.first_frame
        both = self.onset_frames + self.offset_frames
        shrink = min(1.0, length / both) if both else 1.0
        onset, offset = (math.floor(shrink * n) for n in (self.onset_frames, self.offset_frames))
        # Without a way to come there must be a frame before it that holds what was there.
        begin = self.first_frame if onset else self.first_frame - 1
        end = self.last_frame if offset else self.last_frame + 1
        return begin, self.first_frame + onset, self.last_frame - offset, end

    def shares(self, frames: np.ndarray) -> np.ndarray:
        """How much of it is there on `frames`, 0 to 1, as Bezier keys at the corners give it."""
        share = np.interp(frames, self.corners, (0.0, 1.0, 1.0, 0.0))
        return share * share * (3.0 - 2.0 * share)


def direct_units(
    obj: bpy.types.Object, units: Mapping[str, float], hold: Hold, *, mode: Mode = "REPLACE"
) -> int:
    """Key `units` (0 to 5 by name) over a range of frames in the active Action; returns how many units.

    "REPLACE" puts them in the place of what was directed there, "ADD" on top of it. Outside of the range
    nothing changes.
    """
    _require_units(units)
    require_editable(obj)
    bag = ensure_channelbag(obj)
    known = direction_curves(bag)
    num_keyed = 0
    for name in ACTION_UNITS:
        target = float(units.get(name, 0.0))
        curve, rest = known.get(name), getattr(obj.gaussian_head.direction, name)
        if not target and (mode == "ADD" or (curve is None and not rest)):
            continue
        if curve is None:
            curve = ensure_fcurve(bag, ADDRESSES[name])
        _hold(curve, target, rest, hold, mode)
        num_keyed += 1
    _tell(obj)
    return num_keyed


def write_direction(
    obj: bpy.types.Object,
    intensities: np.ndarray,
    first_frame: int,
    units: Collection[str] = ACTION_UNITS,
    tolerance: float = DIRECTION_TOLERANCE,
) -> int:
    """Key a recording `[T, 18]` (0 to 5), a row for each frame from `first_frame` on; returns the number of keys.

    Only `units` change, and only on these frames. Keys are left out that straight lines between the others
    give back within `tolerance`.
    """
    _require_units(units)
    require_editable(obj)
    bag = ensure_channelbag(obj)
    known = direction_curves(bag)
    values = {name: intensities[:, ACTION_UNITS.index(name)] for name in units}
    group = obj.gaussian_head.direction
    moving = [n for n in values if values[n].any() or n in known or getattr(group, n)]
    columns = [np.clip(values[name], 0.0, MAX_INTENSITY) for name in moving]
    ends = first_frame - 1, first_frame + len(intensities)
    num_keys = 0
    for name, column, kept in zip(moving, columns, kept_keys(columns, tolerance), strict=True):
        curve = known.get(name) or ensure_fcurve(bag, ADDRESSES[name])
        outside = tuple(_value(curve, getattr(group, name), frame) for frame in ends)
        punch_in(curve, first_frame, column, outside, kept)
        num_keys += len(column) if kept is None else len(kept)
    _tell(obj)
    return num_keys


def set_direction(obj: bpy.types.Object, units: Mapping[str, float]) -> None:
    """Set `units` (0 to 5 by name) as they are to be held wherever they have no keys."""
    _require_units(units)
    require_editable(obj)
    with one_style_change():
        for name, value in units.items():
            setattr(obj.gaussian_head.direction, name, value)


def apply_direction(
    obj: bpy.types.Object, direction: ActingDirection, frames: range, fps: Fraction
) -> None:
    """Direct `obj` on `frames` at `fps`, the first of which is second 0, and as nothing else says.

    What is held all along needs no keys.
    """
    with one_style_change():
        clear_direction(obj)
        obj.gaussian_head.use_direction = True
        if len(direction.intensities) == 1:
            row = direction.intensities[0].tolist()
            set_direction(obj, dict(zip(ACTION_UNITS, row, strict=True)))
        else:
            times_sec = np.arange(len(frames)) / float(fps)
            write_direction(obj, direction.at(times_sec), frames.start)


def key_direction(obj: bpy.types.Object, frame: float) -> None:
    """Key every unit as it is now at `frame`, in the way of the preferences."""
    require_editable(obj)
    animation = obj.animation_data
    if animation is not None and animation.action is not None:
        require_local(animation.action, obj)
    preferences = bpy.context.preferences.edit
    for name in ACTION_UNITS:
        address = ADDRESSES[name]
        obj.keyframe_insert(address.data_path, frame=frame, group=address.group)
    for curve in direction_curves(find_channelbag(obj)).values():
        for key in curve.keyframe_points:
            if abs(key.co.x - frame) < 1e-3:
                key.interpolation = preferences.keyframe_new_interpolation_type
                key.handle_left_type = preferences.keyframe_new_handle_type
                key.handle_right_type = preferences.keyframe_new_handle_type
        curve.update()
    _tell(obj)


def clear_direction(obj: bpy.types.Object, frames: range | None = None) -> int:
    """Delete keys of the direction in the active Action, all or those on `frames`; returns how many.

    A unit without keys goes back to rest.
    """
    require_editable(obj)
    bag = find_channelbag(obj)
    first, last = (-np.inf, np.inf) if frames is None else (frames.start, frames.stop - 1)
    num_removed = 0
    curves = direction_curves(bag)
    if curves:
        require_local(obj.animation_data.action, obj)
    resting = set(ACTION_UNITS if frames is None else ())
    for name, curve in curves.items():
        num_removed += remove_keys(curve, first, last)
        if not len(curve.keyframe_points):
            bag.fcurves.remove(curve)
            resting.add(name)
    with one_style_change():
        set_direction(obj, dict.fromkeys(resting, 0.0))
        _tell(obj)
    return num_removed


def has_direction(obj: bpy.types.Object) -> bool:
    """Whether the active Action has keys of the direction, or a unit is set."""
    group = obj.gaussian_head.direction
    return bool(direction_curves(find_channelbag(obj))) or any(
        getattr(group, name) for name in ACTION_UNITS
    )


def _hold(curve: bpy.types.FCurve, target: float, rest: float, hold: Hold, mode: Mode) -> None:
    corners = hold.corners
    frames = set(corners)
    if mode == "ADD":
        times = read_keys(curve)["co"][:, 0].tolist()
        frames |= {time for time in times if corners[0] <= time <= corners[3]}
    at = np.array(sorted(frames), np.float64)
    before = np.array([_value(curve, rest, frame) for frame in at.tolist()])
    if mode == "ADD":
        values = before + target * hold.shares(at)
    else:
        values = np.where((at >= corners[1]) & (at <= corners[2]), target, before)
        remove_keys(curve, corners[0], corners[3])
    for frame, value in zip(at.tolist(), np.clip(values, 0.0, MAX_INTENSITY).tolist(), strict=True):
        key = curve.keyframe_points.insert(frame, value)
        key.interpolation = "BEZIER"
        key.handle_left_type = key.handle_right_type = "AUTO_CLAMPED"
    curve.update()


def _value(curve: bpy.types.FCurve, rest: float, frame: float) -> float:
    return curve.evaluate(frame) if len(curve.keyframe_points) else rest


def _require_units(names: Collection[str]) -> None:
    unknown = sorted(set(names) - set(ACTION_UNITS))
    if unknown:
        raise GaussianHeadsError(
            f"There is no Action Unit '{unknown[0]}': choose of {', '.join(ACTION_UNITS)}."
        )


def _tell(obj: bpy.types.Object) -> None:
    """Let Blender evaluate the new keys, and the lines of `obj` follow where they do so by themselves."""
    action = obj.animation_data.action if obj.animation_data else None
    if action is not None:
        action.update_tag()
    obj.update_tag()
    style_changed(obj.gaussian_head, bpy.context)
