"""The 68 landmarks of a scene's heads, frame by frame, in three dimensions and as the camera sees them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import bpy
import numpy as np

from ...core.camera import Camera
from ...core.errors import GaussianHeadsError, RenderError
from ...core.exporters.landmarks import (
    LandmarkMotion,
    SeenLandmarks,
    check_suffix,
    write_landmarks,
)
from ...core.expression import MAX_FRAMES
from ...core.landmarks import NUM_LANDMARKS, seen_points, without_landmarks
from ..avatars import object_avatar
from ..axes import avatar_to_world
from ..camera import picture_camera
from ..codes import decoder_code, head_pose, require_code_space
from ..staging import frame_kept, view_layer_with
from ..strips import scene_rate


@dataclass(frozen=True)
class LandmarkExport:
    """What to write: a `.csv` or `.npz` file (of several heads one each, with their names), and which frames.

    Without `frames` the scene's range with its step. `in_world`: world axes (Z up) instead of each head's own;
    `has_camera`: also pixels of the picture that the scene's camera renders.
    """

    path: Path
    frames: range | None = None
    in_world: bool = True
    has_camera: bool = True


@dataclass(frozen=True)
class WrittenLandmarks:
    """The files that were written, and sentences for the user."""

    paths: tuple[Path, ...]
    notes: tuple[str, ...]


def export_landmarks(
    scene: bpy.types.Scene, objects: Sequence[bpy.types.Object], export: LandmarkExport
) -> Iterator[tuple[float, WrittenLandmarks | None]]:
    """Evaluate frame after frame, then write; yields what is done (0 to 1), at the end with what was written.

    Closing the iterator before writes nothing. The scene's frame is restored. Of several heads those without
    landmarks are left out with a note; `AvatarError` where none is left.
    """
    check_suffix(export.path)
    frames = export.frames
    if frames is None:
        frames = range(scene.frame_start, scene.frame_end + 1, scene.frame_step)
    if not 0 < len(frames) <= MAX_FRAMES:
        raise GaussianHeadsError(
            f"The range has {len(frames):,} frames: choose 1 to {MAX_FRAMES:,}, its end after its start."
        )
    notes: list[str] = []
    heads = _marked_heads(scene, objects, len(frames), notes)
    view = _View()
    with frame_kept(scene):
        for row, frame in enumerate(frames):
            scene.frame_set(frame)
            camera = view.camera(scene, heads[0].layer.depsgraph) if export.has_camera else None
            for head in heads:
                head.sample(row, camera, in_world=export.in_world)
            yield row / len(frames), None
    if view.num_blind:
        part = "" if view.num_blind == len(frames) else f" on {view.num_blind} of the frames"
        notes.append(f"No pixels were written{part}. {view.reason}")
    has_pixels = export.has_camera and view.num_blind < len(frames)
    paths = _paths(export.path, [head.obj.name for head in heads])
    for head, path in zip(heads, paths, strict=True):
        size_px = view.size_px if has_pixels else None
        write_landmarks(head.motion(scene, frames, export.in_world, size_px), path)
    yield 1.0, WrittenLandmarks(tuple(paths), tuple(notes))


@dataclass
class _Head:
    """A head with what was sampled of it."""

    obj: bpy.types.Object
    layer: bpy.types.ViewLayer
    points_m: np.ndarray
    points_px: np.ndarray
    is_before: np.ndarray

    @classmethod
    def of(cls, obj: bpy.types.Object, layer: bpy.types.ViewLayer, num_frames: int) -> _Head:
        shape = (num_frames, NUM_LANDMARKS)
        return cls(
            obj,
            layer,
            np.zeros((*shape, 3), np.float32),
            np.full((*shape, 2), np.nan, np.float32),
            np.zeros(shape, bool),
        )

    def sample(self, row: int, camera: Camera | None, *, in_world: bool) -> None:
        """Keep where the landmarks are now."""
        evaluated = self.obj.evaluated_get(self.layer.depsgraph)
        points, to_world = _landmarks(evaluated), avatar_to_world(evaluated.matrix_world)
        world = points @ to_world[:3, :3].T + to_world[:3, 3]
        self.points_m[row] = world if in_world else points
        if camera is not None:
            self.points_px[row], self.is_before[row] = seen_points(world, camera)

    def motion(
        self,
        scene: bpy.types.Scene,
        frames: range,
        in_world: bool,
        size_px: tuple[int, int] | None,
    ) -> LandmarkMotion:
        """All samples; seconds count from the first frame of the scene's range."""
        rate = scene_rate(scene)
        numbers = np.array(frames, np.int64)
        seen = None
        if size_px is not None:
            seen = SeenLandmarks(self.points_px, self.is_before, size_px)
        return LandmarkMotion(
            avatar=self.obj.name,
            frames=numbers,
            times_sec=(numbers - scene.frame_start) / float(rate),
            fps=rate,
            points_m=self.points_m,
            space="world" if in_world else "avatar",
            seen=seen,
        )


@dataclass
class _View:
    """The camera from frame to frame; which frames had none that can be used, and why."""

    size_px: tuple[int, int] = (0, 0)
    num_blind: int = 0
    reason: str = field(default="")

    def camera(self, scene: bpy.types.Scene, depsgraph: bpy.types.Depsgraph) -> Camera | None:
        # The evaluated scene learns a frame late of a camera that a marker brings.
        camera_object = scene.camera and scene.camera.evaluated_get(depsgraph)
        try:
            camera = picture_camera(camera_object, depsgraph, depsgraph.scene_eval.render)
        except RenderError as error:
            self.num_blind, self.reason = self.num_blind + 1, str(error)
            return None
        self.size_px = (camera.width, camera.height)
        return camera


def _landmarks(evaluated: bpy.types.Object) -> np.ndarray:
    """Landmarks [68, 3] (m, avatar frame) of an evaluated head, its pose included, as float64."""
    avatar = object_avatar(evaluated).avatar
    points = avatar.landmarks(decoder_code(evaluated, avatar), head_pose(evaluated, avatar))
    if points is None:
        raise without_landmarks(evaluated.name)
    return points.astype(np.float64)


def _marked_heads(
    scene: bpy.types.Scene,
    objects: Sequence[bpy.types.Object],
    num_frames: int,
    notes: list[str],
) -> list[_Head]:
    """The heads that have landmarks; the others are told in `notes`, or raised where none has."""
    heads: list[_Head] = []
    for obj in objects:
        # Blender does not notice that a property of an add-on was set.
        obj.update_tag()
    for layer in scene.view_layers:
        # What was just linked is not in its list before.
        layer.update()
    for obj in objects:
        try:
            layer = view_layer_with(scene, obj)
            avatar = object_avatar(obj).avatar
            require_code_space(obj, avatar)
            _landmarks(obj.evaluated_get(layer.depsgraph))
        except GaussianHeadsError as error:
            if len(objects) == 1:
                raise
            notes.append(str(error))
            continue
        heads.append(_Head.of(obj, layer, num_frames))
    if not heads:
        raise GaussianHeadsError(notes[0] if notes else "There is no avatar: load one first.")
    return heads


def _paths(path: Path, names: Sequence[str]) -> list[Path]:
    """`path` for one head, for several a file each with its name; no two the same on any system."""
    if len(names) == 1:
        return [path]
    paths: list[Path] = []
    taken: set[str] = set()
    for name in names:
        stem = clean = f"{path.stem}_{bpy.path.clean_name(name)}"
        number = 2
        while stem.lower() in taken:
            stem, number = f"{clean}_{number}", number + 1
        taken.add(stem.lower())
        paths.append(path.with_name(f"{stem}{path.suffix}"))
    return paths
