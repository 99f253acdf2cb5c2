"""Setting a scene for the engine: view transform, camera, background and output settings."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from fractions import Fraction

import bpy
import numpy as np
from mathutils import Matrix, Vector

from ..core.avatar import Avatar
from ..core.errors import GaussianHeadsError, RenderError
from ..core.framing import FRAMINGS, USUAL_FRAMING
from .avatars import object_avatar
from .axes import to_object_space
from .defaults import BACKGROUNDS
from .engine import ENGINE_ID
from .heads import scene_avatars
from .startup_scene import is_startup_camera
from .world import make_world

# A long portrait lens on a sensor 24 mm high: little distortion of nose and ears.
LENS_MM, SENSOR_HEIGHT_MM = 85.0, 24.0
# The camera stands a little to one side, which shows the form of the face.
AZIMUTH_DEG = 6.0
# A head with hair is about this much wider than the face is high, chin to crown.
HEAD_ASPECT = 1.1
# Where a head without landmarks has its chin, below the eyes.
CHIN_BELOW_EYES_M = 0.115
CHIN_LANDMARK = 8


@dataclass(frozen=True)
class PictureSettings:
    """Size in pixels, exact rate and whether nothing stands behind the head."""

    width: int
    height: int
    fps: Fraction
    is_transparent: bool = False


def named_avatar(scene: bpy.types.Scene, name: str | None) -> bpy.types.Object:
    """The avatar of `scene` that is called `name`, or its only one; raises where that is not clear."""
    avatars = {obj.name: obj for obj in scene_avatars(scene)}
    if name is None and len(avatars) == 1:
        return next(iter(avatars.values()))
    if name not in avatars:
        known = ", ".join(sorted(avatars)) or "none"
        raise GaussianHeadsError(f"Name one avatar of the scene with --object: it has {known}.")
    return avatars[name]


def view_layer_with(scene: bpy.types.Scene, obj: bpy.types.Object) -> bpy.types.ViewLayer:
    """The first view layer of `scene` that evaluates `obj`; raises where none does."""
    layer = next((v for v in scene.view_layers if obj.name in v.objects), None)
    if layer is None:
        raise RenderError(f"'{obj.name}' is in no view layer of '{scene.name}': show it there.")
    return layer


@contextmanager
def frame_kept(scene: bpy.types.Scene) -> Iterator[None]:
    """Go back to the scene's frame when the block ends."""
    before = scene.frame_current, scene.frame_subframe
    try:
        yield
    finally:
        scene.frame_set(before[0], subframe=before[1])


def setup_render(scene: bpy.types.Scene) -> list[str]:
    """Make `scene` render with our engine and true colours; says in words what was changed."""
    changed = []
    if scene.render.engine != ENGINE_ID:
        scene.render.engine = ENGINE_ID
        changed.append("engine")
    if not shows_own_colors(scene):
        use_standard_view(scene)
        changed.append("Standard view transform")
    avatars = scene_avatars(scene)
    if avatars and (scene.camera is None or is_startup_camera(scene.camera)):
        frame_portrait(scene, avatars[0])
        changed.append("camera")
    if scene.world is None:
        scene.world = make_world("Gaussian Heads", BACKGROUNDS["Studio"])
        changed.append("background")
    if keep_in_time(scene):
        changed.append("playback in time with the sound")
    return changed


def keep_in_time(scene: bpy.types.Scene) -> bool:
    """Let playback drop frames rather than lag behind the speech, unless somebody chose how; whether it changed."""
    if scene.sync_mode != "NONE":
        return False
    scene.sync_mode = "AUDIO_SYNC"
    return True


def shows_own_colors(scene: bpy.types.Scene) -> bool:
    """Whether the view of `scene` gives back display-referred colours unchanged."""
    view = scene.view_settings
    return (
        view.view_transform == "Standard"
        and view.look == "None"
        and (view.exposure, view.gamma) == (0.0, 1.0)
        and not view.use_curve_mapping
        and not getattr(view, "use_white_balance", False)
    )


def use_standard_view(scene: bpy.types.Scene) -> None:
    """Make the view of `scene` show the heads' own colours."""
    view = scene.view_settings
    view.view_transform, view.look = "Standard", "None"
    view.exposure, view.gamma = 0.0, 1.0
    view.use_curve_mapping = False
    if hasattr(view, "use_white_balance"):
        view.use_white_balance = False


def apply_picture(scene: bpy.types.Scene, picture: PictureSettings) -> None:
    """Give `scene` the size and rate of `picture`."""
    render = scene.render
    render.resolution_x, render.resolution_y = picture.width, picture.height
    render.resolution_percentage = 100
    render.pixel_aspect_x = render.pixel_aspect_y = 1.0
    render.film_transparent = picture.is_transparent
    render.fps, render.fps_base = blender_rate(picture.fps)
    # The same frame is then the same file wherever it is drawn.
    render.dither_intensity = 0.0


def blender_rate(fps: Fraction) -> tuple[int, float]:
    """Blender's two settings for an exact rate: 30000/1001 becomes 30 and 1.001."""
    whole = max(1, math.ceil(fps))
    return whole, float(whole / fps)


def frame_portrait(
    scene: bpy.types.Scene, obj: bpy.types.Object, framing: str = USUAL_FRAMING
) -> bpy.types.Object:
    """Add a camera that shows the head of `obj` in one of `FRAMINGS`, and make it the scene's camera."""
    chosen = FRAMINGS[framing]
    avatar = object_avatar(obj).avatar
    crown, chin = _crown_and_chin_m(avatar)
    head_m = crown - chin
    aspect = scene.render.resolution_x / max(1, scene.render.resolution_y)
    view_height_m = head_m / chosen.head_part
    view_height_m = max(view_height_m, HEAD_ASPECT * head_m / aspect)
    centre_up_m = crown + chosen.crown_margin * view_height_m - view_height_m / 2

    lens = bpy.data.cameras.new("Portrait")
    lens.sensor_fit, lens.sensor_height, lens.lens = "VERTICAL", SENSOR_HEIGHT_MM, LENS_MM
    lens.clip_start = 0.01
    # Small, so that its lines do not cross the face in the viewport.
    lens.display_size = 0.05
    distance_m = view_height_m * LENS_MM / SENSOR_HEIGHT_MM
    low, high = avatar.bounds
    # The middle of the head in depth, so that turning about it keeps the head in the picture.
    target = Vector(to_object_space([[0.0, centre_up_m, (low[2] + high[2]) / 2]])[0])
    turn = Matrix.Rotation(math.radians(AZIMUTH_DEG), 4, "Z")
    upright = Matrix.Rotation(math.pi / 2, 4, "X")
    local = Matrix.Translation(target) @ turn @ Matrix.Translation((0, -distance_m, 0)) @ upright

    camera = bpy.data.objects.new("Portrait", lens)
    scene.collection.objects.link(camera)
    scene.view_layers[0].update()
    rotation_only = obj.matrix_world.to_quaternion().to_matrix().to_4x4()
    scale = float(np.cbrt(abs(obj.matrix_world.determinant())))
    local.translation *= scale
    camera.matrix_world = Matrix.Translation(obj.matrix_world.translation) @ rotation_only @ local
    scene.camera = camera
    return camera


def _crown_and_chin_m(avatar: Avatar) -> tuple[float, float]:
    """Heights (m, avatar frame) of the head's top and of the chin at rest."""
    landmarks = avatar.landmarks(np.zeros(avatar.code_dim, np.float32))
    chin = -CHIN_BELOW_EYES_M if landmarks is None else float(landmarks[CHIN_LANDMARK, 1])
    return float(avatar.bounds[1][1]), chin
