"""One frame of the engine: its moments gathered, drawn and averaged."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial

import bpy

from ..core.errors import RenderError
from .camera import render_window, scene_camera
from .gathering import gather_visible, within_clip
from .heads import has_avatar
from .occluders import gather_meshes
from .picture import Passes, Shot, draw_shot, empty_passes
from .rasterising import Rasteriser
from .shutter import frame_and_subframe, shutter_moments
from .world import world_color


@dataclass
class FrameHost:
    """What drawing a frame asks of the engine that Blender runs.

    `move_to` evaluates the scene at a frame and subframe, `is_cancelled` asks the user, `progress` is told
    what is done (0 to 1) and what is in work.
    """

    move_to: Callable[[int, float], None]
    is_cancelled: Callable[[], bool]
    progress: Callable[[float, str], None]


@dataclass
class FrameReport:
    """What was drawn: counts of the last moment, the backend, seconds, and sentences to warn with."""

    num_heads: int = 0
    num_gaussians: int = 0
    num_triangles: int = 0
    num_moments: int = 1
    backend: str = ""
    duration_sec: float = 0.0
    warnings: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        """The line of statistics under the picture."""
        heads = "1 head" if self.num_heads == 1 else f"{self.num_heads} heads"
        parts = [heads, f"{self.num_gaussians:,} Gaussians"]
        if self.num_triangles:
            parts.append(f"{self.num_triangles:,} triangles")
        if self.num_moments > 1:
            parts.append(f"{self.num_moments} moments")
        return ", ".join([*parts, f"{self.backend} {self.duration_sec:.2f} s"])


def draw_frame(
    depsgraph: bpy.types.Depsgraph, host: FrameHost
) -> tuple[Passes | None, FrameReport]:
    """Draw the current frame with motion blur as the scene asks; no passes when the user cancelled."""
    started_sec = time.perf_counter()
    scene = depsgraph.scene_eval
    _refuse(scene)
    now = (scene.frame_current, scene.frame_subframe)
    moments = shutter_moments(scene)
    rasteriser = Rasteriser(scene.gaussian_heads.backend)
    report = FrameReport(num_moments=len(moments))
    try:
        passes = _average(depsgraph, moments, rasteriser, host, report)
    finally:
        if len(moments) > 1:
            host.move_to(*now)
    report.backend = rasteriser.name
    report.warnings += rasteriser.warnings
    report.duration_sec = time.perf_counter() - started_sec
    return passes, report


def _average(
    depsgraph: bpy.types.Depsgraph,
    moments: list[float],
    rasteriser: Rasteriser,
    host: FrameHost,
    report: FrameReport,
) -> Passes | None:
    window = render_window(depsgraph.scene_eval.render)
    empty = partial(
        empty_passes,
        window.width,
        window.height,
        has_depths=depsgraph.view_layer_eval.use_pass_z,
    )
    total = empty()
    moment_passes = total if len(moments) == 1 else empty()
    middle = len(moments) // 2
    for index, moment in enumerate(moments):
        if len(moments) > 1:
            host.move_to(*frame_and_subframe(moment))
        host.progress(index / len(moments), "Decoding")
        shot = _shot(depsgraph, report)
        if host.is_cancelled():
            return None
        host.progress(index / len(moments), f"Drawing {report.num_gaussians:,} Gaussians")
        for done in draw_shot(shot, rasteriser.draw, moment_passes):
            if host.is_cancelled():
                return None
            host.progress((index + done) / len(moments), "Drawing")
        if len(moments) > 1:
            total.add(moment_passes, 1 / len(moments))
            if index == middle and total.depths is not None:
                # A mean of depths lies on no surface.
                total.depths[...] = moment_passes.depths
    return total


def _shot(depsgraph: bpy.types.Depsgraph, report: FrameReport) -> Shot:
    """The scene as it is evaluated now; counts and warnings go into `report`."""
    scene = depsgraph.scene_eval
    settings = scene.gaussian_heads
    camera = scene_camera(scene.camera, depsgraph, scene.render)
    gathered = gather_visible(depsgraph)
    report.warnings += gathered.warnings
    if not gathered.num_heads:
        report.warnings.append(_without_heads(depsgraph.scene))
    meshes = None
    if settings.meshes != "IGNORE":
        meshes = gather_meshes(depsgraph, holdout=settings.meshes == "HOLDOUT")
    lens = scene.camera.data
    clip_m = (lens.clip_start, lens.clip_end)
    report.num_heads = gathered.num_heads
    report.num_gaussians = gathered.gaussians.num_gaussians
    report.num_triangles = meshes.num_triangles if meshes else 0
    return Shot(
        gaussians=within_clip(gathered.gaussians, camera.viewmat, *clip_m),
        meshes=meshes,
        camera=camera,
        clip_m=clip_m,
        world_linear=None if scene.render.film_transparent else world_color(scene.world),
        supersampling=settings.supersampling,
    )


def _without_heads(scene: bpy.types.Scene) -> str:
    if has_avatar(scene):
        return (
            "Every avatar is hidden in this view layer at some frame: those pictures have no head."
        )
    raise RenderError(
        "There is no visible avatar in this scene: load one in the sidebar's Gaussian Heads tab."
    )


def _refuse(scene: bpy.types.Scene) -> None:
    if scene.render.use_multiview:
        raise RenderError(
            "Gaussian Heads draws one view only: switch off Stereoscopy in the output properties."
        )
