"""The f-curves of the acting direction: where they are, and keeping them where an Action gives way to another."""

from __future__ import annotations

from collections.abc import Mapping

import bpy

from ...core.spaces import ACTION_UNITS
from ...core.spaces.groups import DIRECTION_GROUPS
from ..animation import CurveAddress, ensure_fcurve, read_keys, write_keys

ADDRESSES: Mapping[str, CurveAddress] = {
    name: CurveAddress(f"gaussian_head.direction.{name}", 0, f"Direction · {group.label}")
    for group in DIRECTION_GROUPS
    for name in group.names
}
assert set(ADDRESSES) == set(ACTION_UNITS)


def direction_curves(bag: bpy.types.ActionChannelbag | None) -> dict[str, bpy.types.FCurve]:
    """The curves of Action Units in `bag`, by the name of the unit."""
    found = (
        {name: bag.fcurves.find(each.data_path) for name, each in ADDRESSES.items()} if bag else {}
    )
    return {name: curve for name, curve in found.items() if curve is not None}


def is_played(curve: bpy.types.FCurve) -> bool:
    """Whether Blender evaluates the curve."""
    is_muted = curve.mute or (curve.group is not None and curve.group.mute)
    return not is_muted and bool(len(curve.keyframe_points) or len(curve.modifiers))


def copy_direction(
    source: bpy.types.ActionChannelbag | None, target: bpy.types.ActionChannelbag
) -> None:
    """Give `target` the direction that `source` has; modifiers of curves are left behind."""
    for name, curve in direction_curves(source).items():
        copied = ensure_fcurve(target, ADDRESSES[name])
        write_keys(copied, read_keys(curve))
        copied.extrapolation, copied.mute = curve.extrapolation, curve.mute
