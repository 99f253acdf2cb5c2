"""Recordings as acting: keys on the ARKit controls and the head's pose, which add to the speech."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import bpy
import numpy as np

from ...core.errors import GaussianHeadsError
from ...core.expression import ExpressionTrack
from ...core.spaces import ARKIT_BLENDSHAPES, ARKIT_SPACE
from ...core.spaces.conversion import arkit_track
from ...core.spaces.face_parts import HEAD_PART, part_indices
from ..animation import (
    CurveAddress,
    ensure_channelbag,
    ensure_fcurve,
    punch_in,
)
from ..avatars import object_avatar
from ..destinations import start_action
from ..sparse_keys import kept_keys
from .options import PerformanceOptions, PerformanceResult, fade_shares, frame_span

HEAD_ROTATION, HEAD_TRANSLATION = "gaussian_head.head_rotation", "gaussian_head.head_translation"


def act(
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
        start_action(obj, options.destination.name or f"{obj.name} Performance")
    bag = ensure_channelbag(obj)
    moves = list(_moves(obj, bag, values, range(first, last + 1), options.blend_frames))
    kept = kept_keys([move.values for move in moves], options.tolerance)
    for move, indices in zip(moves, kept, strict=True):
        curve = ensure_fcurve(bag, move.address)
        punch_in(curve, first, move.values, move.ends, indices)
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
    share = fade_shares(len(frames), blend_frames)
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
