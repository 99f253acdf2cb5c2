"""Recorded performances on an avatar: as the whole track, or as acting on top of the speech."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path
from typing import Literal

import bpy
import numpy as np

from ..core.errors import GaussianHeadsError, TrackError
from ..core.expression import ExpressionTrack
from ..core.importers.performance import read_performance
from ..core.retiming import retime_track
from ..core.spaces import ARKIT_BLENDSHAPES, ARKIT_SPACE
from ..core.spaces.conversion import arkit_track
from ..core.spaces.face_parts import FACE_PARTS, HEAD_PART, layer_indices, part_indices
from .animation import (
    FRAME_TOLERANCE,
    CurveAddress,
    Keys,
    ensure_channelbag,
    ensure_fcurve,
    find_channelbag,
    read_keys,
    replace_keys,
    write_keys,
)
from .avatars import object_avatar
from .bake import bake_track, require_editable
from .codes import BAKED_PATHS, HEAD_MOTION_PROPERTY, weights_property
from .destinations import Destination
from .keys import clean_keys
from .properties import LAYERS
from .sparse_keys import USUAL_TOLERANCE, kept_keys
from .strips import scene_rate

HEAD_ROTATION, HEAD_TRANSLATION = "gaussian_head.head_rotation", "gaussian_head.head_translation"
# All parts that move by themselves, without the head.
FACE_ONLY = tuple(part for part in FACE_PARTS if part != HEAD_PART)

Mode = Literal["TRACK", "ACTING"]


@dataclass(frozen=True)
class PerformanceOptions:
    """How a recording is put on an avatar.

    `mode`: "TRACK" writes the layers that a bake of speech writes, into `destination`; "ACTING" keys the
    ARKit controls and the head's pose, which add to the speech. The recording's first frame lies at
    `first_frame`. Only `parts` ("mouth", "eyes", "brows", "head") and frames within `frames` change.
    `strength` scales all of it. Over `blend_frames` at both ends it fades from and to what was there.
    Keys that straight lines give back within `tolerance` are left out; 0 keeps a key on every frame.
    """

    mode: Mode = "ACTING"
    first_frame: int = 1
    parts: tuple[str, ...] = FACE_PARTS
    frames: range | None = None
    strength: float = 1.0
    blend_frames: int = 0
    tolerance: float = USUAL_TOLERANCE
    destination: Destination = Destination()


@dataclass(frozen=True)
class PerformanceResult:
    """Where a recording went."""

    action: str
    num_curves: int
    num_keys: int
    first_frame: int
    last_frame: int


def import_performance(
    scene: bpy.types.Scene,
    obj: bpy.types.Object,
    path: Path,
    options: PerformanceOptions,
    fps: Fraction | None = None,
) -> PerformanceResult:
    """Read the recording at `path` and put it on the avatar `obj`; see `apply_performance`.

    `fps` counts before the rate that the file says it has.
    """
    return apply_performance(scene, obj, read_performance(path, fps), options)


def apply_performance(
    scene: bpy.types.Scene,
    obj: bpy.types.Object,
    track: ExpressionTrack,
    options: PerformanceOptions,
) -> PerformanceResult:
    """Key `track` on `obj` at the exact rate of `scene`, without drift; everything else stays as it was."""
    require_editable(obj)
    avatar = object_avatar(obj).avatar
    if not avatar.controls.arkit52.any():
        raise GaussianHeadsError(
            f"'{obj.name}' stands still: it has no ARKit controls that a recording could move."
        )
    part_indices(options.parts)
    if not options.parts:
        raise TrackError("No part of the face is chosen: choose what the recording should move.")
    track = scaled(retime_track(track, scene_rate(scene)), options)
    return _as_track(obj, track, options) if options.mode == "TRACK" else _act(obj, track, options)


def scaled(track: ExpressionTrack, options: PerformanceOptions) -> ExpressionTrack:
    """The track times the strength of `options`, without the head where that is not among its parts."""
    strength = np.float32(options.strength)
    pose = strength * track.head_pose * (HEAD_PART in options.parts)
    layers = {name: strength * codes for name, codes in track.layers.items()}
    return replace(track, layers=layers, head_pose=pose)


def _as_track(
    obj: bpy.types.Object, track: ExpressionTrack, options: PerformanceOptions
) -> PerformanceResult:
    """Bake the layers of the parts; curves of other parts keep their keys."""
    is_all = set(options.parts) >= set(FACE_ONLY)
    is_recording = track.code_space == ARKIT_SPACE and list(track.layers) == ["speech"]
    if is_recording or not is_all:
        track = _layered(arkit_track(track, object_avatar(obj).avatar), options.parts)
    kept = {address: keys for address, keys, _ in _baked(obj) if _is_other(address, options.parts)}
    first, last = frame_span(track, options)
    before = _sampled(obj, range(first, last + 1)) if options.blend_frames else {}
    result = bake_track(
        obj,
        track,
        options.first_frame,
        destination=options.destination,
        frames=options.frames,
    )
    if before and options.destination.kind == "ACTIVE":
        _fade_track(obj, before, first, options.blend_frames)
    if options.tolerance > 0:
        clean_keys(obj, first, last, options.tolerance)
    if options.destination.kind == "ACTIVE":
        for address, _, curve in _baked(obj):
            if address in kept:
                write_keys(curve, kept[address])
    num_keys = _count_keys(bpy.data.actions[result.action], first, last)
    return PerformanceResult(result.action, result.num_curves, num_keys, first, last)


def _count_keys(action: bpy.types.Action, first_frame: int, last_frame: int) -> int:
    """Baked keys of `action` on frames from first to last."""
    bags = [bag for layer in action.layers for s in layer.strips for bag in s.channelbags]
    curves = [curve for bag in bags for curve in bag.fcurves if curve.data_path in BAKED_PATHS]
    times = [read_keys(curve)["co"][:, 0] for curve in curves]
    return int(sum(((t >= first_frame) & (t <= last_frame)).sum() for t in times))


def _layered(track: ExpressionTrack, parts: tuple[str, ...]) -> ExpressionTrack:
    """An ARKit track as the layers of an avatar that `parts` move."""
    total, chosen = track.codes(), set(part_indices(parts))
    layers = {}
    for layer, indices in layer_indices().items():
        mine = [i for i in indices if i in chosen]
        if mine:
            layers[layer] = np.zeros_like(total)
            layers[layer][:, mine] = total[:, mine]
    # Bakes need a layer; the head alone moves none of them.
    return replace(track, layers=layers or {"gaze": np.zeros_like(total)})


def _is_other(address: tuple[str, int], parts: tuple[str, ...]) -> bool:
    """Whether a baked curve belongs to a part that is not among `parts`."""
    path, index = address
    if path == f'["{HEAD_MOTION_PROPERTY}"]':
        return HEAD_PART not in parts
    if path in {f'["{weights_property(layer)}"]' for layer in LAYERS}:
        return index not in part_indices(parts)
    # Codes of an avatar say everything at once; the mouth is what they are baked for.
    return "mouth" not in parts


def _baked(obj: bpy.types.Object) -> Iterator[tuple[tuple[str, int], Keys, bpy.types.FCurve]]:
    bag = find_channelbag(obj)
    for curve in bag.fcurves if bag else ():
        if curve.data_path in BAKED_PATHS:
            yield (curve.data_path, curve.array_index), read_keys(curve), curve


def _sampled(obj: bpy.types.Object, frames: range) -> dict[tuple[str, int], np.ndarray]:
    return {
        address: np.array([curve.evaluate(f) for f in frames], np.float32)
        for address, _, curve in _baked(obj)
    }


def _fade_track(
    obj: bpy.types.Object,
    before: dict[tuple[str, int], np.ndarray],
    first_frame: int,
    blend_frames: int,
) -> None:
    num_frames = len(next(iter(before.values())))
    after = _sampled(obj, range(first_frame, first_frame + num_frames))
    share = _fade(num_frames, blend_frames)
    for address, _, curve in _baked(obj):
        old = before.get(address, np.zeros(num_frames, np.float32))
        replace_keys(curve, first_frame, old + share * (after[address] - old))


def _fade(num_frames: int, blend_frames: int) -> np.ndarray:
    """How much of the recording counts on each of its frames: less at both ends."""
    steps = np.arange(1, num_frames + 1) / (blend_frames + 1)
    return np.minimum(np.minimum(steps, steps[::-1]), 1.0).astype(np.float32)


def frame_span(track: ExpressionTrack, options: PerformanceOptions) -> tuple[int, int]:
    """First and last frame that the recording changes; raises where there are none."""
    first, last = options.first_frame, options.first_frame + track.num_frames - 1
    if options.frames is not None:
        first, last = max(first, options.frames.start), min(last, options.frames.stop - 1)
    if first > last:
        raise TrackError(
            f"The recording lies on frames {options.first_frame} to "
            f"{options.first_frame + track.num_frames - 1}, outside the frames to change: move its start."
        )
    return first, last


def _act(
    obj: bpy.types.Object, track: ExpressionTrack, options: PerformanceOptions
) -> PerformanceResult:
    """Key the ARKit controls and the head's pose where the recording or earlier keys move them."""
    if options.destination.kind == "NLA":
        raise GaussianHeadsError(
            "Acting is keyed in the active Action or a new one: import the recording as a track to "
            "get an NLA strip."
        )
    avatar = object_avatar(obj).avatar
    weights = track if track.code_space == ARKIT_SPACE else arkit_track(track, avatar)
    first, last = frame_span(track, options)
    rows = slice(first - options.first_frame, last + 1 - options.first_frame)
    values = dict(_acted(weights.codes()[rows], track.head_pose[rows], options.parts))
    if options.destination.kind == "NEW":
        _new_action(obj, options.destination.name or f"{obj.name} Performance")
    bag = ensure_channelbag(obj)
    moves = list(_moves(obj, bag, values, range(first, last + 1), options.blend_frames))
    kept = kept_keys([move.values for move in moves], options.tolerance)
    for move, indices in zip(moves, kept, strict=True):
        _punch_in(ensure_fcurve(bag, move.address), first, move, indices)
    num_keys = sum(
        len(move.values if indices is None else indices)
        for move, indices in zip(moves, kept, strict=True)
    )
    obj.animation_data.action.update_tag()
    obj.update_tag()
    return PerformanceResult(obj.animation_data.action.name, len(moves), num_keys, first, last)


@dataclass(frozen=True)
class _Move:
    """What a control is to do [T], and what it did just before and just after."""

    address: CurveAddress
    values: np.ndarray
    ends: tuple[float, float]


def _moves(
    obj: bpy.types.Object,
    bag: bpy.types.ActionChannelbag,
    values: dict[CurveAddress, np.ndarray],
    frames: range,
    blend_frames: int,
) -> Iterator[_Move]:
    """The controls that the recording or earlier keys move, faded into what was there."""
    share = _fade(len(frames), blend_frames)
    for address, new in values.items():
        curve = bag.fcurves.find(address.data_path, index=address.index)
        if curve is None and not new.any():
            continue
        old, ends = _before(curve, _current(obj, address), frames, is_needed=blend_frames > 0)
        yield _Move(address, old + share * (new - old), ends)


def _acted(
    weights: np.ndarray, pose: np.ndarray, parts: tuple[str, ...]
) -> Iterator[tuple[CurveAddress, np.ndarray]]:
    """Every control of the parts with its values [T]."""
    for index in part_indices(parts):
        name = ARKIT_BLENDSHAPES[index]
        yield CurveAddress(f"gaussian_head.arkit.{name}", 0, f"Acting · {name}"), weights[:, index]
    if HEAD_PART in parts:
        for column in range(6):
            path = HEAD_ROTATION if column < 3 else HEAD_TRANSLATION
            yield CurveAddress(path, column % 3, "Acting · Head"), pose[:, column]


def _new_action(obj: bpy.types.Object, name: str) -> None:
    animation = obj.animation_data or obj.animation_data_create()
    if animation.action is not None:
        # Nobody else may use it: it must outlive the next save all the same.
        animation.action.use_fake_user = True
    animation.action = bpy.data.actions.new(name)


def _current(obj: bpy.types.Object, address: CurveAddress) -> float:
    value = obj.path_resolve(address.data_path)
    return float(value if isinstance(value, float) else value[address.index])


def _before(
    curve: bpy.types.FCurve | None, rest: float, frames: range, *, is_needed: bool
) -> tuple[np.ndarray, tuple[float, float]]:
    """What a control did on `frames`, where that is needed, and on the frames just before and after them."""
    if curve is None or not len(curve.keyframe_points):
        return np.full(len(frames), rest, np.float32), (rest, rest)
    ends = curve.evaluate(frames.start - 1), curve.evaluate(frames.stop)
    inside = [curve.evaluate(frame) for frame in frames] if is_needed else np.zeros(len(frames))
    return np.array(inside, np.float32), ends


def _punch_in(
    curve: bpy.types.FCurve, first_frame: int, move: _Move, kept: np.ndarray | None
) -> None:
    """Write the values with keys just outside that hold what was there."""
    last_frame = first_frame + len(move.values) - 1
    times = read_keys(curve)["co"][:, 0]
    for frame, value in zip((first_frame - 1, last_frame + 1), move.ends, strict=True):
        if not (np.abs(times - frame) < FRAME_TOLERANCE).any():
            curve.keyframe_points.insert(frame, value).interpolation = "LINEAR"
    replace_keys(curve, first_frame, move.values, kept)
