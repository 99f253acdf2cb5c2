"""One process of `bench/engine.py`: renders an animation one way and writes how long it took, as JSON.

    python bench/engine_worker.py KIND SCENE.blend WIDTH HEIGHT FOLDER

engine        `-b -a` with the Gaussian Heads engine
blank         the same scene, keyframes and files, from an engine that hands over a finished picture
blank_on_gpu  the same, with a graphics context made for every frame as Blender does for ours
work          decoding and drawing alone, by the same rasteriser: what the engine adds nothing to
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path

import bpy
import numpy as np
from gaussian_heads.blender.avatars import object_avatar
from gaussian_heads.blender.axes import avatar_to_world
from gaussian_heads.blender.camera import scene_camera
from gaussian_heads.blender.codes import expression_code, head_pose
from gaussian_heads.blender.engine import GaussianHeadsEngine
from gaussian_heads.blender.heads import scene_avatars
from gaussian_heads.blender.registration import ensure_registered
from gaussian_heads.core.render import render

PICTURE_FILE = "picture.npy"

Run = Callable[[Callable[[], None]], None]
"""Does all frames and calls back after each."""


class BlankEngine(bpy.types.RenderEngine):
    """Hands over the same picture at every frame."""

    bl_idname = "BLANK_BENCH"
    bl_label = "Blank"
    bl_use_postprocess = True
    picture: np.ndarray

    def render(self, depsgraph: bpy.types.Depsgraph) -> None:
        """As little as an engine can do."""
        height, width = self.picture.shape[:2]
        result = self.begin_result(0, 0, width, height)
        result.layers[0].passes["Combined"].rect.foreach_set(self.picture.ravel())
        self.end_result(result)


def render_animation(scene: bpy.types.Scene, folder: Path, tick: Callable[[], None]) -> None:
    """What `blender -b scene.blend -a` does once the file is open; `tick` when a file is written."""
    scene.render.filepath = str(folder / "####")
    bpy.app.handlers.render_write.append(lambda *arguments: tick())
    bpy.ops.render.render(animation=True)


def prepare_engine(scene: bpy.types.Scene, folder: Path) -> Run:
    """The engine as it is."""
    return lambda tick: render_animation(scene, folder, tick)


def prepare_blank(scene: bpy.types.Scene, folder: Path, *, needs_graphics: bool = False) -> Run:
    """A picture with as much to compress as the engine's own."""
    path = folder.parent / f"{scene.render.resolution_x}_{PICTURE_FILE}"
    if not path.is_file():
        np.save(path, _linear_picture(scene))
    BlankEngine.picture = np.load(path)
    BlankEngine.bl_use_gpu_context = needs_graphics and GaussianHeadsEngine.bl_use_gpu_context
    bpy.utils.register_class(BlankEngine)
    scene.render.engine = BlankEngine.bl_idname
    return lambda tick: render_animation(scene, folder, tick)


def prepare_work(scene: bpy.types.Scene, folder: Path) -> Run:
    """The same expressions from the same camera, without Blender having a part in it."""
    obj = scene_avatars(scene)[0]
    avatar = object_avatar(obj).avatar
    moments = []
    for frame in range(scene.frame_start, scene.frame_end + 1):
        scene.frame_set(frame)
        evaluated = obj.evaluated_get(bpy.context.evaluated_depsgraph_get())
        moments.append((expression_code(evaluated, avatar), head_pose(evaluated, avatar)))
    camera = scene_camera(scene.camera, bpy.context.evaluated_depsgraph_get(), scene.render)
    # The head stays in its own frame: the camera comes to it.
    camera = replace(camera, viewmat=camera.viewmat @ avatar_to_world(obj.matrix_world))

    def work(tick: Callable[[], None]) -> None:
        for code, pose in moments:
            render(avatar.decode(code, pose), camera, backend="cpu")
            tick()

    return work


def _linear_picture(scene: bpy.types.Scene) -> np.ndarray:
    """The first frame as the engine hands it over, `[H, W, 4]` float32, bottom row first."""
    from gaussian_heads.blender.frame import FrameHost, draw_frame

    scene.frame_set(scene.frame_start)
    host = FrameHost(lambda frame, subframe: None, lambda: False, lambda done, doing: None)
    passes, _ = draw_frame(bpy.context.evaluated_depsgraph_get(), host)
    return passes.combined


PREPARE = {
    "engine": prepare_engine,
    "blank": prepare_blank,
    "blank_on_gpu": partial(prepare_blank, needs_graphics=True),
    "work": prepare_work,
}


def main(kind: str, blend: str, width: str, height: str, folder: str) -> None:
    """Open, prepare, and time the animation alone."""
    ensure_registered()
    bpy.ops.wm.open_mainfile(filepath=blend, load_ui=False)
    scene = bpy.context.scene
    scene.render.resolution_x, scene.render.resolution_y = int(width), int(height)
    # Reading the avatar and loading libraries is neither the engine's nor the rasteriser's doing.
    avatar = object_avatar(scene_avatars(scene)[0]).avatar
    avatar.decode(np.zeros(avatar.code_dim, np.float32))
    run = PREPARE[kind](scene, Path(folder))
    times_sec = [time.perf_counter()]
    run(lambda: times_sec.append(time.perf_counter()))
    report = {"frames_ms": (np.diff(times_sec) * 1e3).tolist()}
    Path(folder).mkdir(parents=True, exist_ok=True)
    (Path(folder) / "report.json").write_text(json.dumps(report), "utf8")


if __name__ == "__main__":
    main(*sys.argv[1:])
