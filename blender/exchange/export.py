"""What an avatar really does on a scene's frames, as a track and as files for other programs."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import bpy
import numpy as np

from ...core.errors import GaussianHeadsError, TrackError
from ...core.expression import MAX_FRAMES, ExpressionTrack
from ...core.livelink import write_livelink_csv
from ...core.progress import Progress
from ...core.retiming import retime_track
from ...core.spaces import ARKIT_BLENDSHAPES, ARKIT_SPACE
from ..avatars import object_avatar
from ..batch import open_scene, parse_frames
from ..codes import expression_code, head_pose, require_code_space
from ..registration import ensure_registered
from ..staging import named_avatar, view_layer_with
from ..strips import scene_rate

TRACK_SUFFIXES = (".csv", ".npz")


@dataclass(frozen=True)
class PerformanceExport:
    """What to write: a `.csv` or `.npz` file, a range of frames (the scene's without one), a rate.

    `fps` is the scene's own rate where it is not given. Without `has_head` the head stays at rest.
    """

    path: Path
    frames: range | None = None
    fps: Fraction | None = None
    has_head: bool = True


def export_performance(
    scene: bpy.types.Scene,
    obj: bpy.types.Object,
    export: PerformanceExport,
    progress: Progress | None = None,
) -> ExpressionTrack:
    """Write what the avatar `obj` does as ARKit weights and return it; see `sample_performance`."""
    if export.path.suffix.lower() not in TRACK_SUFFIXES:
        raise TrackError(
            f"A performance is written as {' or '.join(TRACK_SUFFIXES)}, not '{export.path.name}': "
            "change the name's ending."
        )
    track = sample_performance(scene, obj, export.frames, progress)
    if not export.has_head:
        track.head_pose[:] = 0.0
    track = retime_track(track, export.fps or track.fps)
    if export.path.suffix.lower() == ".csv":
        write_livelink_csv(track, export.path)
    else:
        track.save(export.path)
    return track


def sample_performance(
    scene: bpy.types.Scene,
    obj: bpy.types.Object,
    frames: range | None = None,
    progress: Progress | None = None,
) -> ExpressionTrack:
    """Evaluated ARKit weights and head pose of the avatar `obj` on `frames` of `scene` (its range without).

    All that moves the head counts: every layer times its strength, the controls, gaze and head targets,
    NLA strips and drivers, read through the avatar's own read-out. Weights lie in 0 to 1. The track's first
    frame is named by its start: `frames.start / fps` seconds. The scene's frame is restored.
    """
    frames = range(scene.frame_start, scene.frame_end + 1) if frames is None else frames
    if not len(frames):
        raise GaussianHeadsError("The range of frames is empty: let its end come after its start.")
    if len(frames) > MAX_FRAMES:
        raise GaussianHeadsError(f"The range has more than {MAX_FRAMES:,} frames: shorten it.")
    weights = np.zeros((len(frames), len(ARKIT_BLENDSHAPES)), np.float32)
    poses = np.zeros((len(frames), 6), np.float32)
    for row, (arkit, pose) in enumerate(_evaluated(scene, obj, frames)):
        weights[row], poses[row] = arkit, pose
        if progress is not None and progress((row + 1) / len(frames)) is False:
            raise GaussianHeadsError("The export was stopped; nothing was written.")
    rate = scene_rate(scene)
    start_sec = float(max(frames.start, 0) / rate)
    return ExpressionTrack({"speech": weights}, poses, ARKIT_SPACE, rate, start_sec)


def export_performance_file(
    blend: Path, export: PerformanceExport, name: str | None, progress: Progress
) -> ExpressionTrack:
    """Write the performance of an avatar of a saved scene; `name` names it where there are several."""
    ensure_registered()
    scene = open_scene(blend)
    return export_performance(scene, named_avatar(scene, name), export, progress)


def frame_range(text: str | None) -> range | None:
    """The frames "7" or "1-50" as a range; None for none."""
    if not text:
        return None
    frames = parse_frames(text)
    if frames != list(range(frames[0], frames[-1] + 1)):
        raise GaussianHeadsError(
            f"'{text}' leaves frames out: give one range such as {frames[0]}-{frames[-1]}."
        )
    return range(frames[0], frames[-1] + 1)


def _evaluated(
    scene: bpy.types.Scene, obj: bpy.types.Object, frames: range
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """ARKit weights [52] and head pose [6] on each of `frames`."""
    avatar = object_avatar(obj).avatar
    require_code_space(obj, avatar)
    if not avatar.controls.readout_weights.any():
        raise GaussianHeadsError(
            f"'{obj.name}' stands still: it has no expressions that could be written."
        )
    for layer in scene.view_layers:
        # What was just linked is not in its list before.
        layer.update()
    layer = view_layer_with(scene, obj)
    before = scene.frame_current, scene.frame_subframe
    # Blender does not notice that a property of an add-on was set.
    obj.update_tag()
    try:
        for frame in frames:
            scene.frame_set(frame)
            evaluated = obj.evaluated_get(layer.depsgraph)
            pose = head_pose(evaluated, avatar)
            code = expression_code(evaluated, avatar)
            yield avatar.readout(code), np.zeros(6, np.float32) if pose is None else pose
    finally:
        scene.frame_set(before[0], subframe=before[1])
