"""What a scene sounds like, written as a file by Blender's own mixer."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import bpy

from .strips import scene_rate

MIX_RATE_HZ = 48_000
# The part that Blender's rounding may leave out, and how long a mix may stand still before it counts as failed.
MIX_SLACK, MIX_WAIT_SEC, MIX_POLL_SEC = 0.001, 5.0, 0.02
# Blender renders nothing smaller.
LEAST_RENDER_PX = 4


def mix_down(
    scene: bpy.types.Scene, path: Path, frames: tuple[int, int], *, channels: str = "MONO"
) -> bool:
    """Write what `scene` sounds like from the first to the last of `frames` as `path` (WAV, 48 kHz, float32).

    Returns whether Blender did; nothing else may change the scene meanwhile.
    """
    if _mix(scene, path, frames, channels):
        return True
    if not bpy.app.background:
        return False
    # A render that failed leaves Blender (5.2) told to stop work without a window, until another one is well.
    _render_nothing()
    return _mix(scene, path, frames, channels)


def _mix(scene: bpy.types.Scene, path: Path, frames: tuple[int, int], channels: str) -> bool:
    first_frame, last_frame = frames
    with _frame_range(scene, first_frame, last_frame), bpy.context.temp_override(scene=scene):
        bpy.ops.sound.mixdown(
            filepath=str(path),
            check_existing=False,
            container="WAV",
            codec="PCM",
            format="F32",
            mixrate=MIX_RATE_HZ,
            channels=channels,
        )
        length_sec = float((last_frame - first_frame + 1) / scene_rate(scene))
        return _is_written(path, int(length_sec * MIX_RATE_HZ * (1 - MIX_SLACK)))


def _is_written(path: Path, num_samples: int) -> bool:
    """Wait for a sound: from 5.2 on Blender mixes beside Python, but as a module it is done when it returns."""
    last_sec = time.monotonic() + MIX_WAIT_SEC
    size, is_written = -1, False
    while not is_written and time.monotonic() < last_sec:
        before, size = size, path.stat().st_size if path.is_file() else -1
        if size != before:
            last_sec = time.monotonic() + MIX_WAIT_SEC
        is_written = size > 0 and _num_samples(path) >= num_samples
        if not is_written:
            time.sleep(MIX_POLL_SEC)
    return is_written


def _num_samples(path: Path) -> int:
    import soundfile

    try:
        return soundfile.info(str(path)).frames
    except soundfile.LibsndfileError:
        # Its header is not written yet.
        return 0


class GAUSSIAN_HEADS_nothing(bpy.types.RenderEngine):
    """Draws nothing, and that well."""

    bl_idname = "GAUSSIAN_HEADS_NOTHING"
    bl_label = "Nothing"

    def render(self, depsgraph: bpy.types.Depsgraph) -> None:
        """The picture stays empty."""


def _render_nothing() -> None:
    scene = bpy.data.scenes.new("Nothing")
    data = bpy.data.cameras.new("Nothing")
    bpy.utils.register_class(GAUSSIAN_HEADS_nothing)
    try:
        scene.camera = bpy.data.objects.new("Nothing", data)
        scene.collection.objects.link(scene.camera)
        scene.render.engine = GAUSSIAN_HEADS_nothing.bl_idname
        scene.render.resolution_x = scene.render.resolution_y = LEAST_RENDER_PX
        bpy.ops.render.render(scene=scene.name)
    finally:
        bpy.data.scenes.remove(scene)
        # With its object.
        bpy.data.cameras.remove(data)
        bpy.utils.unregister_class(GAUSSIAN_HEADS_nothing)


@contextmanager
def _frame_range(scene: bpy.types.Scene, first_frame: int, last_frame: int) -> Iterator[None]:
    before = scene.frame_start, scene.frame_end, scene.use_preview_range
    try:
        scene.use_preview_range = False
        scene.frame_end = last_frame
        scene.frame_start = first_frame
        scene.frame_end = last_frame
        yield
    finally:
        scene.frame_end = before[1]
        scene.frame_start = before[0]
        scene.frame_end = before[1]
        scene.use_preview_range = before[2]
