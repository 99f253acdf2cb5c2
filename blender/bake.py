"""An expression track becomes keyframes on an avatar object."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import bpy
import numpy as np

from ..core.avatar import Avatar
from ..core.errors import GaussianHeadsError, TrackError
from ..core.expression import ExpressionTrack
from ..core.spaces.conversion import convert_track
from .animation import (
    CurveAddress,
    ensure_channelbag,
    ensure_fcurve,
    find_channelbag,
    replace_keys,
)
from .avatars import object_avatar
from .codes import (
    ACTION_SPACE_PROPERTY,
    HEAD_MOTION_PROPERTY,
    layer_property,
    require_code_space,
)
from .properties import LAYERS
from .proxy import ensure_head_motion, ensure_layer

LAYER_LABELS = {
    "speech": "Speech",
    "upper_face": "Upper Face",
    "blink": "Blink",
    "gaze": "Gaze",
}
HEAD_MOTION_LABEL = "Head Motion"


@dataclass(frozen=True)
class BakeResult:
    """What a bake wrote."""

    action: str
    num_curves: int
    first_frame: int
    last_frame: int


def bake_track(obj: bpy.types.Object, track: ExpressionTrack, first_frame: int) -> BakeResult:
    """Key `track` on `obj`, its first frame at `first_frame`, one frame of the scene each.

    A track of another code space is converted to the avatar's first. Only the keys of the track's own
    properties inside its range are replaced; all else stays.
    """
    _require_editable(obj)
    avatar = object_avatar(obj).avatar
    track = convert_track(track, avatar)
    require_code_space(obj, avatar)
    _check_layers(track, avatar)
    curves = list(_curves(obj, track, avatar))
    for layer in track.layers:
        ensure_layer(obj, layer, avatar)
    if track.head_pose.any():
        ensure_head_motion(obj)
    bag = ensure_channelbag(obj)
    for address, values in curves:
        replace_keys(ensure_fcurve(bag, address), first_frame, values)
    action = obj.animation_data.action
    action[ACTION_SPACE_PROPERTY] = track.code_space
    action.update_tag()
    obj.update_tag()
    return BakeResult(action.name, len(curves), first_frame, first_frame + track.num_frames - 1)


def _require_editable(obj: bpy.types.Object) -> None:
    if not obj.is_editable:
        raise GaussianHeadsError(
            f"'{obj.name}' is linked from a library: make it editable with "
            "Object > Library Override > Make, then bake again."
        )


def _check_layers(track: ExpressionTrack, avatar: Avatar) -> None:
    unknown = sorted(set(track.layers) - set(LAYERS))
    if unknown:
        raise TrackError(
            f"The track has a layer '{unknown[0]}' that scenes do not know "
            f"({', '.join(LAYERS)}): name it as one of these."
        )
    if track.code_dim != avatar.code_dim:
        raise TrackError(
            f"The track has {track.code_dim} channels, the avatar '{avatar.name}' "
            f"{avatar.code_dim}: make the track again for this avatar."
        )


def _curves(
    obj: bpy.types.Object, track: ExpressionTrack, avatar: Avatar
) -> Iterator[tuple[CurveAddress, np.ndarray]]:
    """Every curve to write with its values [T].

    Speech keeps a curve for each channel, so that animators find them all; other layers and the head
    pose only where something moves, or where an earlier bake left keys that must fall silent.
    """
    existing = _existing_curves(obj)
    silent = np.zeros((track.num_frames, track.code_dim), np.float32)
    for layer in LAYERS:
        codes = track.layers.get(layer, silent)
        path = f'["{layer_property(layer)}"]'
        for index, channel in enumerate(avatar.channel_names):
            is_wanted = layer == "speech" and layer in track.layers
            if is_wanted or codes[:, index].any() or (path, index) in existing:
                group = f"{LAYER_LABELS[layer]} · {channel}"
                yield CurveAddress(path, index, group), codes[:, index]
    path = f'["{HEAD_MOTION_PROPERTY}"]'
    for index, values in enumerate(track.head_pose.T):
        # A turn or a shift is keyed whole, so that the graph editor shows its three axes.
        half = track.head_pose[:, index // 3 * 3 : index // 3 * 3 + 3]
        if half.any() or (path, index) in existing:
            yield CurveAddress(path, index, HEAD_MOTION_LABEL), values


def _existing_curves(obj: bpy.types.Object) -> set[tuple[str, int]]:
    bag = find_channelbag(obj)
    return {(curve.data_path, curve.array_index) for curve in bag.fcurves} if bag else set()
