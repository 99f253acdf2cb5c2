"""An expression track becomes keyframes on an avatar object."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import bpy
import numpy as np

from ..core.avatar import Avatar
from ..core.avatar.motion import track_motion
from ..core.errors import GaussianHeadsError, TrackError
from ..core.expression import ExpressionTrack
from ..core.spaces import ARKIT_BLENDSHAPES, ARKIT_SPACE
from ..core.spaces.conversion import convert_track
from .animation import CurveAddress, ensure_fcurve, read_keys, replace_keys, turning_points
from .avatars import object_avatar
from .codes import (
    ACTION_SPACE_PROPERTY,
    HEAD_MOTION_PROPERTY,
    layer_property,
    motion_property,
    require_code_space,
    weights_property,
)
from .destinations import Destination, Opened, close_destination, open_destination
from .properties import LAYERS
from .proxy import ensure_head_motion, ensure_layer, ensure_motion, ensure_weights

LAYER_LABELS = {
    "speech": "Speech",
    "acting": "Directed Acting",
    "upper_face": "Upper Face",
    "blink": "Blink",
    "gaze": "Gaze",
}
HEAD_MOTION_LABEL = "Head Motion"
MOTION_LABEL = "Personal Motion"
SPEECH_LAYER = "speech"


@dataclass(frozen=True)
class BakeResult:
    """What a bake wrote: the Action, and the NLA strip where it went into one."""

    action: str
    num_curves: int
    first_frame: int
    last_frame: int
    nla_strip: str = ""


@dataclass(frozen=True)
class _Curve:
    """A curve to write; a sparse one keeps only the keys at which it turns."""

    address: CurveAddress
    values: np.ndarray
    is_sparse: bool = False


@dataclass(frozen=True)
class _Around:
    """What surrounds the frames of a bake: the nearest keys of other speech, and whether it is a part of a track."""

    before: float | None
    after: float | None
    begins_inside: bool
    ends_inside: bool

    def held_frames(self, first_frame: int, last_frame: int) -> Iterator[float]:
        """Frames that a curve keeps as it was, or at rest where it is new, so that lines lead nowhere else."""
        if self.begins_inside:
            yield first_frame - 1
        elif self.before is not None:
            yield self.before
        if self.ends_inside:
            yield last_frame + 1
        elif self.after is not None:
            yield self.after


def bake_track(
    obj: bpy.types.Object,
    track: ExpressionTrack,
    first_frame: int,
    *,
    destination: Destination | None = None,
    frames: range | None = None,
) -> BakeResult:
    """Key `track` on `obj`, its first frame at `first_frame`, one frame of the scene each.

    The speech layer is keyed as codes of the avatar, after conversion where the track has others; the acting
    layers of an ARKit track as ARKit weights, whose curves are few and have names. Only the keys of the
    track's own properties inside its range, and inside `frames` where that is given, are replaced; all else
    stays. By default the keys go into the active Action. Heard speech also keys the avatar's personal motion.
    """
    require_editable(obj)
    avatar = object_avatar(obj).avatar
    _check_layers(track)
    motion = track_motion(track, avatar.motion)
    whole_first, whole_last = first_frame, first_frame + track.num_frames - 1
    first_frame, track = _within(track, first_frame, frames)
    last_frame = first_frame + track.num_frames - 1
    if motion is not None:
        motion = motion[first_frame - whole_first :][: track.num_frames]
    coded, named = _split(track, avatar)
    require_code_space(obj, avatar)
    opened = open_destination(obj, destination or Destination(), first_frame, track.num_frames)
    curves = list(_curves(track, coded, named, avatar, opened))
    curves += _motion_curves(motion, track.num_frames, avatar, opened)
    for layer in coded.layers if coded else ():
        ensure_layer(obj, layer, avatar)
    for layer in named:
        ensure_weights(obj, layer)
    if motion is not None:
        ensure_motion(obj, avatar)
    if track.head_pose.any():
        ensure_head_motion(obj)
    around = _Around(
        *_neighbours(opened.bag, first_frame, last_frame),
        begins_inside=first_frame > whole_first,
        ends_inside=last_frame < whole_last,
    )
    for curve in curves:
        _write(curve, opened.bag, first_frame, around)
    opened.action[ACTION_SPACE_PROPERTY] = avatar.code_space
    nla_strip = close_destination(obj, opened)
    opened.action.update_tag()
    obj.update_tag()
    return BakeResult(opened.action.name, len(curves), first_frame, last_frame, nla_strip)


def require_editable(obj: bpy.types.Object) -> None:
    """Raise when `obj` belongs to a library."""
    if not obj.is_editable:
        raise GaussianHeadsError(
            f"'{obj.name}' is linked from a library: make it editable with "
            "Object > Library Override > Make, then bake again."
        )


def _neighbours(
    bag: bpy.types.ActionChannelbag, first_frame: int, last_frame: int
) -> tuple[float | None, float | None]:
    """The nearest frames before and after that have keys of speech, which has one on every frame."""
    curve = bag.fcurves.find(f'["{layer_property(SPEECH_LAYER)}"]', index=0)
    times = read_keys(curve)["co"][:, 0] if curve is not None else np.empty(0)
    before, after = times[times < first_frame], times[times > last_frame]
    return (
        float(before.max()) if before.size else None,
        float(after.min()) if after.size else None,
    )


def _write(
    curve: _Curve, bag: bpy.types.ActionChannelbag, first_frame: int, around: _Around
) -> None:
    """Put the keys of a curve in place of those on its frames."""
    fcurve = ensure_fcurve(bag, curve.address)
    if not curve.is_sparse:
        replace_keys(fcurve, first_frame, curve.values)
        return
    last_frame = first_frame + len(curve.values) - 1
    is_new = not len(fcurve.keyframe_points)
    held = [
        (frame, 0.0 if is_new else fcurve.evaluate(frame))
        for frame in around.held_frames(first_frame, last_frame)
        if is_new or first_frame - 1 <= frame <= last_frame + 1
    ]
    for frame, value in held:
        fcurve.keyframe_points.insert(frame, value).interpolation = "LINEAR"
    replace_keys(fcurve, first_frame, curve.values, turning_points(curve.values))


def _within(
    track: ExpressionTrack, first_frame: int, frames: range | None
) -> tuple[int, ExpressionTrack]:
    """The part of the track that lies on `frames`, and its first frame."""
    if frames is None:
        return first_frame, track
    begin = max(frames.start, first_frame)
    end = min(frames.stop, first_frame + track.num_frames)
    if begin >= end:
        last = first_frame + track.num_frames - 1
        raise TrackError(
            f"The speech lies on frames {first_frame} to {last}, none of it within "
            f"{frames.start} to {frames.stop - 1}: choose a range that it reaches."
        )
    rows = slice(begin - first_frame, end - first_frame)
    layers = {name: codes[rows] for name, codes in track.layers.items()}
    return begin, replace(track, layers=layers, head_pose=track.head_pose[rows])


def _split(
    track: ExpressionTrack, avatar: Avatar
) -> tuple[ExpressionTrack | None, dict[str, np.ndarray]]:
    """Layers to key as the avatar's codes, and layers `[T, 52]` to key as ARKit weights."""
    if track.code_space != ARKIT_SPACE:
        coded, named = track.layers, {}
    else:
        coded = {name: v for name, v in track.layers.items() if name == SPEECH_LAYER}
        named = {name: v for name, v in track.layers.items() if name != SPEECH_LAYER}
    for name, weights in named.items():
        if weights.shape[1] != len(ARKIT_BLENDSHAPES):
            raise TrackError(
                f"The layer '{name}' has {weights.shape[1]} channels, ARKit weights have "
                f"{len(ARKIT_BLENDSHAPES)}: make the track again."
            )
    if not coded:
        return None, named
    converted = convert_track(replace(track, layers=coded), avatar)
    if converted.code_dim != avatar.code_dim:
        raise TrackError(
            f"The track has {converted.code_dim} channels, the avatar '{avatar.name}' "
            f"{avatar.code_dim}: make the track again for this avatar."
        )
    return converted, named


def _check_layers(track: ExpressionTrack) -> None:
    unknown = sorted(set(track.layers) - set(LAYERS))
    if unknown:
        raise TrackError(
            f"The track has a layer '{unknown[0]}' that scenes do not know "
            f"({', '.join(LAYERS)}): name it as one of these."
        )


def _curves(
    track: ExpressionTrack,
    coded: ExpressionTrack | None,
    named: dict[str, np.ndarray],
    avatar: Avatar,
    opened: Opened,
) -> Iterator[_Curve]:
    """Every curve to write.

    Speech keeps a curve for each channel, so that animators find them all; other layers and the head
    pose only where something moves, or where an earlier bake left keys that must fall silent.
    """
    existing = {(curve.data_path, curve.array_index) for curve in opened.bag.fcurves}
    layers = coded.layers if coded else {}
    for layer in LAYERS:
        path = f'["{layer_property(layer)}"]'
        is_wanted = layer == SPEECH_LAYER and layer in layers
        silent = np.zeros((track.num_frames, avatar.code_dim), np.float32)
        for index, values in enumerate(layers.get(layer, silent).T):
            if is_wanted or values.any() or (path, index) in existing:
                group = f"{LAYER_LABELS[layer]} · {avatar.channel_names[index]}"
                yield _Curve(CurveAddress(path, index, group), values)
        path = f'["{weights_property(layer)}"]'
        silent = np.zeros((track.num_frames, len(ARKIT_BLENDSHAPES)), np.float32)
        for index, values in enumerate(named.get(layer, silent).T):
            if values.any() or (path, index) in existing:
                group = f"{LAYER_LABELS[layer]} · {ARKIT_BLENDSHAPES[index]}"
                yield _Curve(CurveAddress(path, index, group), values, is_sparse=True)
    path = f'["{HEAD_MOTION_PROPERTY}"]'
    for index, values in enumerate(track.head_pose.T):
        # A turn or a shift is keyed whole, so that the graph editor shows its three axes.
        half = track.head_pose[:, index // 3 * 3 : index // 3 * 3 + 3]
        if half.any() or (path, index) in existing:
            yield _Curve(CurveAddress(path, index, HEAD_MOTION_LABEL), values)


def _motion_curves(
    motion: np.ndarray | None, num_frames: int, avatar: Avatar, opened: Opened
) -> Iterator[_Curve]:
    """Curves of the avatar's personal motion; without any, those of an earlier bake fall silent."""
    if not avatar.motion_dim:
        return
    path = f'["{motion_property(avatar)}"]'
    existing = {curve.array_index for curve in opened.bag.fcurves if curve.data_path == path}
    silent = np.zeros((num_frames, avatar.motion_dim), np.float32)
    for index, values in enumerate((silent if motion is None else motion).T):
        if motion is not None or index in existing:
            yield _Curve(CurveAddress(path, index, f"{MOTION_LABEL} · {index:02d}"), values)
