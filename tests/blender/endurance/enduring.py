"""What a long run costs, as JSON on its last line: `python enduring.py PART FOLDER NUMBER`.

PART is `frames` (so many rendered), `decodes` (so many decoded as playback does), `undos` (so many steps undone and done again), `heads` (so many in a scene) or
`bake` (so many minutes of sound keyed in Blender).
"""

from __future__ import annotations

import gc
import json
import os
import resource
import sys
import threading
import time
from fractions import Fraction
from pathlib import Path

import bpy
import gaussian_heads
import numpy as np
from gaussian_heads.blender.avatars import load_avatar
from gaussian_heads.blender.bake import bake_track
from gaussian_heads.blender.decoding import set_budget
from gaussian_heads.blender.gathering import gather_visible
from gaussian_heads.blender.proxy import create_avatar_object
from gaussian_heads.blender.staging import frame_portrait
from gaussian_heads.core.assets import builtin_avatars
from gaussian_heads.core.expression import ExpressionTrack
from gaussian_heads.core.spaces import ARKIT_SPACE
from growth import growth

MB = 1 << 20
WARM_PART = 0.25
NUM_SAMPLES = 40
NUM_CODES = 1000


def rss_mb() -> float:
    """What the process holds now."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize() / MB


def held(folder: Path) -> dict[str, float]:
    """What must not grow."""
    return {
        "rss_mb": rss_mb(),
        "handles": len(os.listdir("/proc/self/fd")),
        "threads": threading.active_count(),
        "system_threads": len(os.listdir("/proc/self/task")),
        "temporary_files": sum(len(files) for _, _, files in os.walk(folder)),
        "data_blocks": len(bpy.data.images) + len(bpy.data.meshes) + len(bpy.data.actions),
    }


def scene_of_heads(paths: list[Path], side_px: int) -> bpy.types.Scene:
    """Heads side by side before a camera, each with codes of noise that change from frame to frame."""
    bpy.ops.wm.read_homefile(use_factory_startup=True, use_empty=True)
    scene = bpy.context.scene
    scene.render.engine = "GAUSSIAN_HEADS"
    scene.gaussian_heads.backend = "cpu"
    scene.render.resolution_x = scene.render.resolution_y = side_px
    # So little that decoded frames go again at once.
    set_budget(1)
    random = np.random.default_rng(1)
    for number, path in enumerate(paths):
        obj = create_avatar_object(str(path), load_avatar(path), scene.collection)
        obj.location.x = 0.3 * (number % 5) - 0.3 * min(len(paths) - 1, 4) / 2
        obj.location.z = 0.35 * (number // 5)
        speech = random.uniform(0, 0.6, (NUM_CODES, 52)).astype(np.float32)
        pose = random.normal(0, 0.02, (NUM_CODES, 6)).astype(np.float32)
        bake_track(obj, ExpressionTrack({"speech": speech}, pose, ARKIT_SPACE, Fraction(24)), 1)
    frame_portrait(scene, scene.objects[0])
    if len(paths) > 1:
        scene.camera.location.y -= 6.0
        scene.camera.location.z += 0.5
    return scene


def run_long(count: int, folder: Path, one: object) -> dict[str, object]:
    """Do `one` for each of so many frames; how what is held grows after a quarter of them."""
    samples, began_sec = [], time.process_time()
    for number in range(count):
        one(number % NUM_CODES + 1)
        if number >= WARM_PART * count and number % max(1, count // NUM_SAMPLES) == 0:
            gc.collect()
            samples.append((number, held(folder)))
    numbers = [number for number, _ in samples]
    grown = {name: growth(numbers, [each[name] for _, each in samples]) for name in samples[0][1]}
    return {
        "frames": count,
        "cpu_ms_a_frame": round(1000 * (time.process_time() - began_sec) / count, 2),
        "first": {k: round(v, 1) for k, v in samples[0][1].items()},
        "last": {k: round(v, 1) for k, v in samples[-1][1].items()},
        "growth_in_1000_frames": {k: round(v, 4) for k, v in grown.items()},
    }


def frames(folder: Path, count: int) -> dict[str, object]:
    """Frames rendered by script into one file, which is written over."""
    scene = scene_of_heads([folder / "small.uhap"], 16)
    scene.render.filepath = str(folder / "frame.png")

    def one(frame: int) -> None:
        scene.frame_set(frame)
        bpy.ops.render.render(write_still=True)

    return run_long(count, folder, one)


def decodes(folder: Path, count: int) -> dict[str, object]:
    """What playback does for each frame but draw."""
    scene = scene_of_heads([folder / "small.uhap"], 16)

    def one(frame: int) -> None:
        scene.frame_set(frame)
        gather_visible(bpy.context.evaluated_depsgraph_get())

    return run_long(count, folder, one)


def undos(folder: Path, count: int) -> dict[str, object]:
    """Steps that are undone and done again, with a head that is keyed and two that a file of the head shares."""
    scene_of_heads([folder / "small.uhap"] * 3, 16)
    bpy.ops.ed.undo_push(message="first")

    def one(frame: int) -> None:
        scene = bpy.context.scene
        scene.frame_set(frame)
        scene.objects[0].gaussian_head.direction.seed = frame
        bpy.ops.ed.undo_push(message=f"step {frame}")
        bpy.ops.ed.undo()
        bpy.ops.ed.redo()
        gather_visible(bpy.context.evaluated_depsgraph_get())

    return run_long(count, folder, one)


def heads(folder: Path, count: int) -> dict[str, object]:
    """Built-in heads in one scene of 512 x 512 pixels; each frame is decoded anew."""
    shipped = [*builtin_avatars().values()]
    before_mb = rss_mb()
    scene = scene_of_heads([shipped[number % len(shipped)] for number in range(count)], 512)
    times_sec, wall_sec = [], []
    for frame in range(1, 7):
        begin, began = time.process_time(), time.monotonic()
        scene.frame_set(frame)
        scene.render.filepath = str(folder / "frame.png")
        bpy.ops.render.render(write_still=True)
        times_sec.append(time.process_time() - begin)
        wall_sec.append(time.monotonic() - began)
    return {
        "heads": count,
        "files": min(count, len(shipped)),
        "cpu_sec_a_frame": round(float(np.median(times_sec[1:])), 3),
        "fastest_sec_a_frame": round(min(wall_sec[1:]), 3),
        "rss_mb_before": round(before_mb),
        "rss_mb": round(rss_mb()),
        "peak_mb": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024),
    }


def bake(folder: Path, minutes: int) -> dict[str, object]:
    """A sound of so many minutes, keyed for the small head at 24 frames a second."""
    from gaussian_heads.blender.dialogue.speaking import speak
    from gaussian_heads.blender.strips import strip_collection

    scene = scene_of_heads([folder / "small.uhap"], 16)
    obj = scene.objects[0]
    obj.animation_data_clear()
    strip = strip_collection(scene).new_sound("Long", str(folder / "long.wav"), 1, 1)
    began_sec = time.process_time()
    result = speak(scene, strip, obj)
    return {
        "minutes": minutes,
        "frames": result.last_frame - result.first_frame + 1,
        "cpu_sec": round(time.process_time() - began_sec, 1),
        "peak_mb": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024),
    }


def main() -> None:
    """Measure one part."""
    part, folder, number = sys.argv[1], Path(sys.argv[2]), int(sys.argv[3])
    gaussian_heads.register()
    figures = {"frames": frames, "decodes": decodes, "undos": undos, "heads": heads, "bake": bake}[
        part
    ]
    sys.stdout.write(json.dumps(figures(folder, number)) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
