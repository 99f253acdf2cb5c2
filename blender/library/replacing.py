"""Another avatar for a head that is there already: keys, strips, place and settings stay."""

from __future__ import annotations

import re
from dataclasses import dataclass
from fractions import Fraction

import bpy
import numpy as np

from ...core.avatar import Avatar
from ...core.errors import AvatarError, CodeSpaceError
from ...core.expression import ExpressionTrack
from ...core.spaces.conversion import arkit_track, convert_track
from ..animation import CurveAddress, ensure_fcurve, find_channelbag, replace_keys
from ..avatars import LoadedAvatar, home_library, object_avatar
from ..bake import LAYER_LABELS, require_editable
from ..codes import ACTION_SPACE_PROPERTY, layer_property
from ..properties import LAYERS
from ..proxy import ensure_layer, guide_mesh, set_avatar
from .status import forget_status

# Only how far frames are from each other counts here, not how long they last.
_ANY_RATE = Fraction(24)
_PATHS = {layer: f'["{layer_property(layer)}"]' for layer in LAYERS}


@dataclass(frozen=True)
class _CodeKeys:
    """The keys of codes in an Action, sampled on every frame from the first key to the last."""

    track: ExpressionTrack
    first_frame: int


def replace_avatar(obj: bpy.types.Object, reference: str, loaded: LoadedAvatar) -> str:
    """Make `obj` the head `reference`, and say in a sentence what became of its keys.

    Keys of another code space are converted through ARKit-52; where that cannot be, nothing changes
    and a `CodeSpaceError` says so. Keys of controls and of the acting layers fit every avatar.
    """
    require_editable(obj)
    avatar = loaded.avatar
    keys = _foreign_keys(obj, avatar)
    converted = None if keys is None else _converted(keys.track, obj, avatar)
    _rename(obj, avatar)
    if keys is not None:
        _remove_code_curves(obj)
    _change_mesh(obj, avatar)
    set_avatar(obj, reference, loaded)
    for layer in LAYERS:
        if layer_property(layer) in obj:
            ensure_layer(obj, layer, avatar)
    if converted is not None:
        _write_code_keys(obj, converted, keys.first_frame, avatar)
    obj.update_tag()
    forget_status()
    if converted is None:
        return f"'{obj.name}' is now {avatar.name}; its keys stay as they are."
    last_frame = keys.first_frame + converted.num_frames - 1
    return (
        f"'{obj.name}' is now {avatar.name}; its speech was converted to '{avatar.code_space}' on "
        f"frames {keys.first_frame} to {last_frame}: bake it again for all that the new face can do."
    )


def update_avatar(obj: bpy.types.Object) -> str:
    """Take the avatar file of `obj` as it is now: another shape, other channels, another hash."""
    return replace_avatar(obj, obj.gaussian_head.avatar, object_avatar(obj))


def _foreign_keys(obj: bpy.types.Object, avatar: Avatar) -> _CodeKeys | None:
    """Keys of codes that do not fit `avatar`; None where there are none or all of them fit."""
    animation = obj.animation_data
    if animation is None:
        return None
    _refuse_strips(obj, avatar)
    action = animation.action
    space = action.get(ACTION_SPACE_PROPERTY) if action else None
    if space is None or space == avatar.code_space:
        return None
    if not action.is_editable or action.users - action.use_fake_user > 1:
        raise CodeSpaceError(
            f"The Action '{action.name}' is shared or linked and holds codes of '{space}', '{avatar.name}' "
            f"needs '{avatar.code_space}': give '{obj.name}' an Action of its own first."
        )
    return _sampled(obj, space)


def _refuse_strips(obj: bpy.types.Object, avatar: Avatar) -> None:
    for track in obj.animation_data.nla_tracks:
        for strip in track.strips:
            space = strip.action.get(ACTION_SPACE_PROPERTY) if strip.action else None
            if space is not None and space != avatar.code_space:
                raise CodeSpaceError(
                    f"The NLA strip '{strip.name}' holds codes of '{space}', '{avatar.name}' needs "
                    f"'{avatar.code_space}': delete the strip and bake the speech again afterwards."
                )


def _code_curves(obj: bpy.types.Object) -> dict[str, list[bpy.types.FCurve]]:
    """The curves of every layer that is keyed as codes."""
    bag = find_channelbag(obj)
    curves = list(bag.fcurves) if bag is not None else []
    found = {
        layer: [curve for curve in curves if curve.data_path == path]
        for layer, path in _PATHS.items()
    }
    return {layer: curves for layer, curves in found.items() if curves}


def _sampled(obj: bpy.types.Object, space: str) -> _CodeKeys | None:
    layers = _code_curves(obj)
    every = (curve for curves in layers.values() for curve in curves)
    ends = [curve.range() for curve in every if len(curve.keyframe_points)]
    if not ends:
        return None
    first = int(np.floor(min(low for low, _ in ends)))
    last = int(np.ceil(max(high for _, high in ends)))
    frames = range(first, last + 1)
    codes = {}
    for layer, curves in layers.items():
        codes[layer] = np.zeros((len(frames), len(obj[layer_property(layer)])), np.float32)
        for curve in curves:
            codes[layer][:, curve.array_index] = [curve.evaluate(frame) for frame in frames]
    pose = np.zeros((len(frames), 6), np.float32)
    return _CodeKeys(ExpressionTrack(codes, pose, space, _ANY_RATE), first)


def _converted(track: ExpressionTrack, obj: bpy.types.Object, avatar: Avatar) -> ExpressionTrack:
    try:
        source = object_avatar(obj).avatar
    except AvatarError:
        # Its file is gone; an avatar that ships may know the same codes.
        source = None
    return convert_track(arkit_track(track, source), avatar)


def _remove_code_curves(obj: bpy.types.Object) -> None:
    """Curves of the old space go, with the note of which space they were of."""
    bag = find_channelbag(obj)
    for curves in _code_curves(obj).values():
        for curve in curves:
            bag.fcurves.remove(curve)
    del obj.animation_data.action[ACTION_SPACE_PROPERTY]


def _write_code_keys(
    obj: bpy.types.Object, track: ExpressionTrack, first_frame: int, avatar: Avatar
) -> None:
    bag = find_channelbag(obj)
    for layer, codes in track.layers.items():
        for index, channel in enumerate(avatar.channel_names):
            group = f"{LAYER_LABELS[layer]} · {channel}"
            address = CurveAddress(_PATHS[layer], index, group)
            replace_keys(ensure_fcurve(bag, address), first_frame, codes[:, index])
    obj.animation_data.action[ACTION_SPACE_PROPERTY] = track.code_space
    obj.animation_data.action.update_tag()


def _change_mesh(obj: bpy.types.Object, avatar: Avatar) -> None:
    if obj.override_library is not None:
        # An override keeps its library's mesh; it is only what is clicked at.
        return
    old = obj.data
    obj.data = guide_mesh(avatar)
    for material in old.materials:
        obj.data.materials.append(material)
    if old.users == 0:
        bpy.data.meshes.remove(old)


def _rename(obj: bpy.types.Object, avatar: Avatar) -> None:
    """A head that still bears its avatar's name gets the new one's; a name of the user's stays."""
    stem = re.sub(r"\.\d{3,}$", "", obj.name)
    if obj.data.name.startswith(f"{stem} Proxy") and home_library(obj) is None:
        obj.name = avatar.name
