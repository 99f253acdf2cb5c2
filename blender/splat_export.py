"""Frames of an avatar as standard splat files, one by one, so that a stopped export goes on where it was."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import bpy
import numpy as np

from ..core.exporters.splat_ply import write_splats
from ..core.gaussians import Gaussians
from ..core.up_axis import FILE_TO_AVATAR
from .axes import AVATAR_TO_OBJECT, avatar_to_world
from .batch import open_scene
from .frames import Report
from .registration import ensure_registered
from .splat_objects import posed_gaussians
from .staging import named_avatar, view_layer_with


@dataclass(frozen=True)
class SplatExport:
    """What to write: the file for one frame, and for several a name that gets each frame's number.

    `up_axis` names the file's axes ("Y", "-Y" or "Z"); `in_world` keeps the object's place and size.
    """

    path: Path
    frames: tuple[int, ...] | None = None
    up_axis: str = "-Y"
    in_world: bool = False
    overwrite: bool = False

    def file_of(self, frame: int) -> Path:
        """Where a frame goes."""
        if self.frames is None:
            return self.path
        return self.path.with_name(f"{self.path.stem}_{frame:04d}{self.path.suffix}")


def export_splats(
    scene: bpy.types.Scene, obj: bpy.types.Object, export: SplatExport
) -> Iterator[tuple[float, Path | None]]:
    """Write frame after frame; yields what is done (0 to 1) and the file, None where it was there.

    Closing the iterator stops after the file in work. The scene's frame is restored at the end.
    """
    before = scene.frame_current
    frames = (before,) if export.frames is None else export.frames
    try:
        for done, frame in enumerate(frames, start=1):
            path = export.file_of(frame)
            if export.frames is not None and path.is_file() and not export.overwrite:
                yield done / len(frames), None
                continue
            if export.frames is not None:
                scene.frame_set(frame)
            write_splats(path, _gaussians(scene, obj, export))
            yield done / len(frames), path
    finally:
        if export.frames is not None:
            scene.frame_set(before)


def export_file(
    blend: Path, export: SplatExport, avatar_name: str | None, report: Report
) -> tuple[int, int]:
    """Write splats of an avatar of a saved scene; returns how many files were written and were there.

    `avatar_name` names its object; it may be left out where the scene has one avatar.
    """
    ensure_registered()
    scene = open_scene(blend)
    written = kept = 0
    for done, path in export_splats(scene, named_avatar(scene, avatar_name), export):
        written, kept = written + (path is not None), kept + (path is None)
        report(done)
    return written, kept


def _gaussians(scene: bpy.types.Scene, obj: bpy.types.Object, export: SplatExport) -> Gaussians:
    layer = view_layer_with(scene, obj)
    # Blender does not notice that a property of an add-on was set.
    obj.update_tag()
    layer.update()
    evaluated = obj.evaluated_get(layer.depsgraph)
    to_file = np.linalg.inv(FILE_TO_AVATAR[export.up_axis])
    if export.in_world:
        world_to_avatar = np.linalg.inv(AVATAR_TO_OBJECT)
        to_file = to_file @ world_to_avatar @ avatar_to_world(evaluated.matrix_world)
    gaussians = posed_gaussians(evaluated)
    return gaussians if np.array_equal(to_file, np.eye(4)) else gaussians.transformed(to_file)
