"""Recorded performances on an avatar: as the whole track, or as acting on top of the speech."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import bpy
import numpy as np

from ...core.errors import GaussianHeadsError, TrackError
from ...core.expression import ExpressionTrack
from ...core.importers.performance import read_performance
from ...core.retiming import retime_track
from ...core.spaces import ARKIT_SPACE
from ...core.spaces.conversion import arkit_track
from ...core.spaces.face_parts import FACE_PARTS, HEAD_PART, layer_indices, part_indices
from ..animation import Keys, find_channelbag, read_keys, replace_keys, write_keys
from ..avatars import object_avatar
from ..bake import bake_track, require_editable
from ..codes import HEAD_MOTION_PROPERTY, is_baked_path, weights_property
from ..keys import clean_keys
from ..properties import LAYERS
from ..strips import scene_rate
from .acting import act
from .options import PerformanceOptions, PerformanceResult, fade_shares, frame_span, scaled

# All parts that move by themselves, without the head.
FACE_ONLY = tuple(part for part in FACE_PARTS if part != HEAD_PART)


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
    return _as_track(obj, track, options) if options.mode == "TRACK" else act(obj, track, options)


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
    curves = [curve for bag in bags for curve in bag.fcurves if is_baked_path(curve.data_path)]
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
        if is_baked_path(curve.data_path):
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
    share = fade_shares(num_frames, blend_frames)
    for address, _, curve in _baked(obj):
        old = before.get(address, np.zeros(num_frames, np.float32))
        replace_keys(curve, first_frame, old + share * (after[address] - old))
