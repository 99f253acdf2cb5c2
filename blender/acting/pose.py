"""The pose that is acted on an avatar object: its named controls and the head's own turn and shift.

A pose is a mapping from channel names ("AU12", "mouthSmileLeft", "viseme_PP", "head_rotation_x") to numbers;
what it does not name is zero.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Literal

import bpy

from ...core.errors import GaussianHeadsError
from ...core.spaces.expressions import mirrored
from ...core.spaces.groups import ARKIT_GROUPS, AU_GROUPS, VISEME_GROUPS, ControlGroup
from ..animation import find_channelbag

Pose = dict[str, float]
Mode = Literal["REPLACE", "ADD"]

HEAD_KIND = "head"
GROUPS: Mapping[str, tuple[ControlGroup, ...]] = {
    "arkit": ARKIT_GROUPS,
    "action_units": AU_GROUPS,
    "visemes": VISEME_GROUPS,
}
KIND_LABELS = {"arkit": "ARKit", "action_units": "Action Units", "visemes": "Visemes"}
# What changes sign when the head is mirrored.
_FLIPPED = {"head_rotation_y", "head_rotation_z", "head_translation_x"}
_SMALLEST = 1e-6


@dataclass(frozen=True)
class Channel:
    """Where a number of the pose is kept: its kind, data path, index (-1 for none) and group of curves."""

    kind: str
    path: str
    index: int
    group: str


def _control_channels() -> Iterator[tuple[str, Channel]]:
    for kind, groups in GROUPS.items():
        for group in groups:
            for name in group.names:
                label = f"{KIND_LABELS[kind]} · {group.label}"
                yield name, Channel(kind, f"gaussian_head.{kind}.{name}", -1, label)
    for attribute, label in (("head_rotation", "Rotation"), ("head_translation", "Translation")):
        for index, axis in enumerate("xyz"):
            path = f"gaussian_head.{attribute}"
            yield f"{attribute}_{axis}", Channel(HEAD_KIND, path, index, f"Head {label}")


CHANNELS: Mapping[str, Channel] = dict(_control_channels())
_BY_ADDRESS = {(c.path, max(c.index, 0)): name for name, c in CHANNELS.items()}
_paused: list[bool] = []


@contextmanager
def unlinked_sides() -> Iterator[None]:
    """While this lasts, setting a control does not set the other side's."""
    _paused.append(True)
    try:
        yield
    finally:
        _paused.pop()


def sides_are_linked(scene: bpy.types.Scene) -> bool:
    """Whether a control that is set now sets the one of the other side."""
    return not _paused and scene.gaussian_heads.acting_symmetric


def channel_at(path: str, index: int) -> str | None:
    """Name of the pose's channel that an f-curve moves, if it is one."""
    return _BY_ADDRESS.get((path, index))


def read_channel(obj: bpy.types.Object, name: str) -> float:
    """The value of a channel as it is set now."""
    channel = CHANNELS[name]
    if channel.kind == HEAD_KIND:
        return getattr(obj.gaussian_head, channel.path.rpartition(".")[2])[channel.index]
    return getattr(getattr(obj.gaussian_head, channel.kind), name)


def read_pose(obj: bpy.types.Object) -> Pose:
    """All channels that are not zero."""
    values = {name: read_channel(obj, name) for name in CHANNELS}
    return {name: value for name, value in values.items() if abs(value) > _SMALLEST}


def write_pose(obj: bpy.types.Object, pose: Mapping[str, float]) -> list[str]:
    """Set the channels that `pose` names, and no others; returns those that changed."""
    require_editable(obj)
    changed = []
    with unlinked_sides():
        for name, value in pose.items():
            if abs(read_channel(obj, name) - value) <= _SMALLEST:
                continue
            channel = CHANNELS[name]
            if channel.kind == HEAD_KIND:
                vector = getattr(obj.gaussian_head, channel.path.rpartition(".")[2])
                vector[channel.index] = value
            else:
                setattr(getattr(obj.gaussian_head, channel.kind), name, value)
            changed.append(name)
    obj.update_tag()
    return changed


def blend_pose(
    obj: bpy.types.Object, pose: Mapping[str, float], *, mode: Mode = "REPLACE", factor: float = 1.0
) -> list[str]:
    """Bring the object by `factor` from its pose towards `pose`, or add that part of it.

    Replacing resets what `pose` does not name among the ARKit and Action Unit controls, and of visemes and
    the head only when it names one of these. Returns the names of the channels that changed.
    """
    if mode == "ADD":
        wanted = {name: read_channel(obj, name) + factor * v for name, v in pose.items()}
    else:
        kinds = {"arkit", "action_units"} | {CHANNELS[name].kind for name in pose}
        wanted = {
            name: (1.0 - factor) * read_channel(obj, name) + factor * pose.get(name, 0.0)
            for name, channel in CHANNELS.items()
            if channel.kind in kinds
        }
    return write_pose(obj, wanted)


def reset_pose(obj: bpy.types.Object, names: Collection[str] = ()) -> list[str]:
    """Set `names`, or all channels, to zero; returns those that were not."""
    return write_pose(obj, dict.fromkeys(names or CHANNELS, 0.0))


def group_names(kind: str, label: str = "") -> tuple[str, ...]:
    """Channels of a kind ("arkit", "action_units", "visemes", "head", all when empty) and group."""
    if label:
        groups = {group.label: group.names for group in GROUPS.get(kind, ())}
        if label not in groups:
            raise GaussianHeadsError(
                f"There is no group '{label}' of '{kind}': choose one of {', '.join(groups)}."
            )
        return groups[label]
    names = tuple(name for name, channel in CHANNELS.items() if kind in ("", channel.kind))
    if not names:
        raise GaussianHeadsError(
            f"There are no controls '{kind}': choose one of {', '.join((*GROUPS, HEAD_KIND))}."
        )
    return names


def mirrored_pose(pose: Mapping[str, float]) -> Pose:
    """The pose with its sides swapped, the head's turn and shift among them."""
    return {n: -v if n in _FLIPPED else v for n, v in mirrored(pose).items()}


def keyed_channels(obj: bpy.types.Object) -> set[str]:
    """Names of the channels that have an f-curve in the object's Action."""
    bag = find_channelbag(obj)
    if bag is None:
        return set()
    found = (channel_at(curve.data_path, curve.array_index) for curve in bag.fcurves)
    return {name for name in found if name is not None}


def acted_channels(obj: bpy.types.Object) -> list[str]:
    """Names of the channels that are set or keyed, in the order they are shown."""
    touched = read_pose(obj).keys() | keyed_channels(obj)
    return [name for name in CHANNELS if name in touched]


def require_editable(obj: bpy.types.Object) -> None:
    """Refuse an object that belongs to a library."""
    if not obj.is_editable:
        raise GaussianHeadsError(
            f"'{obj.name}' is linked from a library: make it editable with "
            "Object > Library Override > Make first."
        )
