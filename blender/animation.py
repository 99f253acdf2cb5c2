"""Actions, slots and f-curves: where keys live in Blender 4.5 to 5.x, and writing them in bulk."""

from __future__ import annotations

from dataclasses import dataclass

import bpy
import numpy as np

from ..core.errors import GaussianHeadsError

LINEAR = 1
# Keys this near a frame count as lying on it.
FRAME_TOLERANCE = 1e-3
# (property, numbers per key, type) of everything a keyframe keeps.
_KEY_PROPERTIES = (
    ("co", 2, np.float32),
    ("handle_left", 2, np.float32),
    ("handle_right", 2, np.float32),
    ("interpolation", 1, np.int32),
    ("easing", 1, np.int32),
    ("handle_left_type", 1, np.int32),
    ("handle_right_type", 1, np.int32),
    ("type", 1, np.int32),
    ("amplitude", 1, np.float32),
    ("period", 1, np.float32),
    ("back", 1, np.float32),
)

Keys = dict[str, np.ndarray]
"""Properties of K keyframes by name, `[K]` or `[K, 2]`."""


@dataclass(frozen=True)
class CurveAddress:
    """One animated number of an object, with the group animators find it under."""

    data_path: str
    index: int
    group: str


def ensure_channelbag(obj: bpy.types.Object) -> bpy.types.ActionChannelbag:
    """The f-curves of `obj`, in its assigned Action and slot; both are made where they lack."""
    animation = obj.animation_data or obj.animation_data_create()
    action = animation.action
    if action is None:
        action = bpy.data.actions.new(f"{obj.name} Speech")
        animation.action = action
    else:
        require_local(action, obj)
    if animation.action_slot is None:
        animation.action_slot = suitable_slot(action, obj)
    return action_channelbag(action, animation.action_slot)


def require_local(action: bpy.types.Action, obj: bpy.types.Object) -> None:
    """Raise when the Action of `obj` belongs to a library."""
    if not action.is_editable:
        raise GaussianHeadsError(
            f"The Action '{action.name}' belongs to a library: give '{obj.name}' an Action of its own."
        )


def action_channelbag(
    action: bpy.types.Action, slot: bpy.types.ActionSlot
) -> bpy.types.ActionChannelbag:
    """The f-curves of a slot of `action`, made where it has none."""
    layer = action.layers[0] if action.layers else action.layers.new("Layer")
    strip = layer.strips[0] if layer.strips else layer.strips.new(type="KEYFRAME")
    return strip.channelbag(slot, ensure=True)


def find_channelbag(obj: bpy.types.Object) -> bpy.types.ActionChannelbag | None:
    """The f-curves of `obj` if it has any."""
    animation = obj.animation_data
    if animation is None or animation.action is None or animation.action_slot is None:
        return None
    return slot_channelbag(animation.action, animation.action_slot)


def slot_channelbag(
    action: bpy.types.Action, slot: bpy.types.ActionSlot
) -> bpy.types.ActionChannelbag | None:
    """The f-curves of a slot of `action` if it has any."""
    bags = (strip.channelbag(slot) for layer in action.layers for strip in layer.strips)
    return next((bag for bag in bags if bag is not None), None)


def ensure_fcurve(bag: bpy.types.ActionChannelbag, address: CurveAddress) -> bpy.types.FCurve:
    """The f-curve at `address`; a new one goes into its named group."""
    curve = bag.fcurves.find(address.data_path, index=address.index)
    if curve is None:
        curve = bag.fcurves.new(address.data_path, index=address.index)
        curve.group = bag.groups.get(address.group) or bag.groups.new(address.group)
    return curve


def replace_keys(
    curve: bpy.types.FCurve,
    first_frame: int,
    values: np.ndarray,
    kept: np.ndarray | None = None,
) -> None:
    """Put linear keys `values` [T] on frames from `first_frame`; keys outside that range stay as they are.

    With the indices `kept` only those of the frames get a key.
    """
    frames = np.arange(first_frame, first_frame + len(values), dtype=np.float32)
    co = np.stack([frames, np.asarray(values, np.float32)], axis=1)
    fresh = fresh_keys(co if kept is None else co[kept])
    before, after = _outside(read_keys(curve), first_frame, first_frame + len(values) - 1)
    write_keys(curve, _joined(before, fresh, after))


def punch_in(
    curve: bpy.types.FCurve,
    first_frame: int,
    values: np.ndarray,
    ends: tuple[float, float],
    kept: np.ndarray | None = None,
) -> None:
    """`replace_keys`, with keys on the frames just outside that hold what was there: `ends` before and after."""
    outside = first_frame - 1, first_frame + len(values)
    times = read_keys(curve)["co"][:, 0]
    for frame, value in zip(outside, ends, strict=True):
        if not (np.abs(times - frame) < FRAME_TOLERANCE).any():
            curve.keyframe_points.insert(frame, value).interpolation = "LINEAR"
    replace_keys(curve, first_frame, values, kept)


def turning_points(values: np.ndarray) -> np.ndarray:
    """Indices [K] of `values` [T] without those inside a stretch of equal ones, which need no keys."""
    is_changing = np.ones(len(values) + 1, bool)
    is_changing[1:-1] = values[1:] != values[:-1]
    return np.flatnonzero(is_changing[:-1] | is_changing[1:])


def remove_keys(curve: bpy.types.FCurve, first_frame: float, last_frame: float) -> int:
    """Delete the keys on frames from first to last; returns how many went."""
    keys = read_keys(curve)
    before, after = _outside(keys, first_frame, last_frame)
    num_removed = len(keys["co"]) - len(before["co"]) - len(after["co"])
    if num_removed:
        write_keys(curve, _joined(before, after))
    return num_removed


def move_keys(
    curve: bpy.types.FCurve, first_frame: float, last_frame: float, by_frames: float
) -> int:
    """Shift the keys on frames from first to last; keys that lie where they come to go. Returns how many."""
    keys = read_keys(curve)
    times = keys["co"][:, 0]
    is_moved = _is_within(times, first_frame, last_frame)
    if not is_moved.any():
        return 0
    moved = {name: values[is_moved].copy() for name, values in keys.items()}
    for name in ("co", "handle_left", "handle_right"):
        moved[name][:, 0] += by_frames
    rest = {name: values[~is_moved] for name, values in keys.items()}
    before, after = _outside(rest, first_frame + by_frames, last_frame + by_frames)
    write_keys(curve, _joined(before, moved, after))
    return int(is_moved.sum())


def suitable_slot(action: bpy.types.Action, obj: bpy.types.Object) -> bpy.types.ActionSlot:
    """The slot of `action` that is named after `obj`, made where there is none."""
    for slot in action.slots:
        if slot.target_id_type == obj.id_type and slot.name_display == obj.name:
            return slot
    return action.slots.new(id_type=obj.id_type, name=obj.name)


def _is_within(times: np.ndarray, first_frame: float, last_frame: float) -> np.ndarray:
    return (times >= first_frame - FRAME_TOLERANCE) & (times <= last_frame + FRAME_TOLERANCE)


def _outside(keys: Keys, first_frame: float, last_frame: float) -> tuple[Keys, Keys]:
    """Keys before and keys after the frames from first to last."""
    times = keys["co"][:, 0]
    is_before = times < first_frame - FRAME_TOLERANCE
    is_after = times > last_frame + FRAME_TOLERANCE
    return (
        {name: values[is_before] for name, values in keys.items()},
        {name: values[is_after] for name, values in keys.items()},
    )


def _joined(*parts: Keys) -> Keys:
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


def fresh_keys(co: np.ndarray) -> Keys:
    """Every property of new keys at `co` [T, 2]; what is not said here is 0 as in a new key."""
    keys = {
        name: np.zeros((len(co), size) if size > 1 else len(co), dtype)
        for name, size, dtype in _KEY_PROPERTIES
    }
    keys["co"] = keys["handle_left"] = keys["handle_right"] = co
    keys["interpolation"][:] = LINEAR
    return keys


def read_keys(curve: bpy.types.FCurve) -> Keys:
    """Everything that a curve keeps of its keys, by property."""
    points = curve.keyframe_points
    keys = {}
    for name, size, dtype in _KEY_PROPERTIES:
        flat = np.zeros(len(points) * size, dtype)
        points.foreach_get(name, flat)
        keys[name] = flat.reshape(-1, size) if size > 1 else flat
    return keys


def write_keys(curve: bpy.types.FCurve, keys: Keys) -> None:
    """Make `keys` all that a curve has."""
    points = curve.keyframe_points
    points.clear()
    points.add(len(keys["co"]))
    for name, values in keys.items():
        points.foreach_set(name, np.ascontiguousarray(values).ravel())
    curve.update()
