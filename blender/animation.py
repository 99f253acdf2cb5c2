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
    elif not action.is_editable:
        raise GaussianHeadsError(
            f"The Action '{action.name}' belongs to a library: give '{obj.name}' an Action of its own."
        )
    if animation.action_slot is None:
        animation.action_slot = _suitable_slot(action, obj)
    layer = action.layers[0] if action.layers else action.layers.new("Layer")
    strip = layer.strips[0] if layer.strips else layer.strips.new(type="KEYFRAME")
    return strip.channelbag(animation.action_slot, ensure=True)


def find_channelbag(obj: bpy.types.Object) -> bpy.types.ActionChannelbag | None:
    """The f-curves of `obj` if it has any."""
    animation = obj.animation_data
    if animation is None or animation.action is None or animation.action_slot is None:
        return None
    for layer in animation.action.layers:
        for strip in layer.strips:
            bag = strip.channelbag(animation.action_slot)
            if bag is not None:
                return bag
    return None


def ensure_fcurve(bag: bpy.types.ActionChannelbag, address: CurveAddress) -> bpy.types.FCurve:
    """The f-curve at `address`; a new one goes into its named group."""
    curve = bag.fcurves.find(address.data_path, index=address.index)
    if curve is None:
        curve = bag.fcurves.new(address.data_path, index=address.index)
        curve.group = bag.groups.get(address.group) or bag.groups.new(address.group)
    return curve


def replace_keys(curve: bpy.types.FCurve, first_frame: int, values: np.ndarray) -> None:
    """Put linear keys `values` [T] on frames from `first_frame`; keys outside that range stay as they are."""
    frames = np.arange(first_frame, first_frame + len(values), dtype=np.float32)
    fresh = _fresh_keys(np.stack([frames, np.asarray(values, np.float32)], axis=1))
    kept = _read_keys(curve)
    times = kept["co"][:, 0]
    is_before = times < frames[0] - FRAME_TOLERANCE
    is_after = times > frames[-1] + FRAME_TOLERANCE
    _write_keys(
        curve,
        {
            name: np.concatenate([kept[name][is_before], fresh[name], kept[name][is_after]])
            for name in fresh
        },
    )


def _suitable_slot(action: bpy.types.Action, obj: bpy.types.Object) -> bpy.types.ActionSlot:
    for slot in action.slots:
        if slot.target_id_type == "OBJECT" and slot.name_display == obj.name:
            return slot
    return action.slots.new(id_type="OBJECT", name=obj.name)


def _fresh_keys(co: np.ndarray) -> dict[str, np.ndarray]:
    """Every property of new keys at `co` [T, 2]; what is not said here is 0 as in a new key."""
    keys = {
        name: np.zeros((len(co), size) if size > 1 else len(co), dtype)
        for name, size, dtype in _KEY_PROPERTIES
    }
    keys["co"] = keys["handle_left"] = keys["handle_right"] = co
    keys["interpolation"][:] = LINEAR
    return keys


def _read_keys(curve: bpy.types.FCurve) -> dict[str, np.ndarray]:
    points = curve.keyframe_points
    keys = {}
    for name, size, dtype in _KEY_PROPERTIES:
        flat = np.zeros(len(points) * size, dtype)
        points.foreach_get(name, flat)
        keys[name] = flat.reshape(-1, size) if size > 1 else flat
    return keys


def _write_keys(curve: bpy.types.FCurve, keys: dict[str, np.ndarray]) -> None:
    points = curve.keyframe_points
    points.clear()
    points.add(len(keys["co"]))
    for name, values in keys.items():
        points.foreach_set(name, np.ascontiguousarray(values).ravel())
    curve.update()
