"""Sound files put on the timeline for a head to speak, as when they are dropped on it in the 3D View."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import bpy
from bpy_extras.view3d_utils import (
    location_3d_to_region_2d,
    region_2d_to_origin_3d,
    region_2d_to_vector_3d,
)
from mathutils import Vector

from ...core.audio import SPEECH_RATE_HZ, load_audio
from ...core.errors import AudioError
from ..defaults import ONE_AFTER_ANOTHER
from ..heads import is_avatar, scene_avatars
from ..sound import decode_with_aud
from ..staging import keep_in_time
from ..strips import placement, sound_strips, strip_collection
from .lines import link_strip

MAX_CHANNEL = 128
# A drop that misses a head by no more than this still means it.
NEAR_PX = 160.0


@dataclass(frozen=True)
class AddedSounds:
    """The names of new sound strips, and the frame after the last of them."""

    strips: tuple[str, ...]
    end_frame: int


def edited_scene(context: bpy.types.Context) -> bpy.types.Scene:
    """The scene whose sequencer new strips go into, made the workspace's own where it edits none (5.0+)."""
    edited = getattr(context, "sequencer_scene", None)
    workspace = context.workspace
    if edited is None and workspace is not None and hasattr(workspace, "sequencer_scene"):
        workspace.sequencer_scene = context.scene
    return edited or context.scene


def add_sounds(
    scene: bpy.types.Scene,
    paths: Sequence[Path],
    frame: int,
    obj: bpy.types.Object | None = None,
    *,
    arrangement: str = ONE_AFTER_ANOTHER,
) -> AddedSounds:
    """Add a sound strip for each of `paths` at `frame`, and let `obj` speak them.

    Several sounds follow each other, or start together on a channel each. A file that is no sound is
    refused before anything is added. Playback keeps time with the sound from now on.
    """
    for path in paths:
        require_sound(path)
    names, end = [], frame
    for path in paths:
        start = end if arrangement == ONE_AFTER_ANOTHER else frame
        strip = add_strip(scene, path, start)
        names.append(strip.name)
        if obj is not None:
            link_strip(scene, strip, obj)
        end = max(end, placement(scene, strip).last_frame + 1)
    keep_in_time(scene)
    if obj is not None:
        obj.gaussian_head.sound_strip = names[0]
    return AddedSounds(tuple(names), end)


def speech_range(scene: bpy.types.Scene) -> tuple[int, int]:
    """First and last whole frame on which a sound strip of `scene` that is not muted is heard."""
    strips = [strip for strip in sound_strips(scene) if not strip.mute]
    if not strips:
        raise AudioError("The sequencer plays no sound: add a sound strip, or unmute one.")
    places = [placement(scene, strip) for strip in strips]
    return min(p.first_frame for p in places), max(p.last_frame for p in places)


def require_sound(path: Path) -> None:
    """Raise unless the file `path` is a sound; long ones are not decoded for it."""
    try:
        import aud
    except ImportError:
        load_audio(path, decode_with_aud, target_rate=SPEECH_RATE_HZ)
        return
    try:
        is_sound = path.is_file() and aud.Sound(str(path)).specs[0] > 0
    except aud.error:
        is_sound = False
    if not is_sound:
        # Says why not; what only our own reader knows passes.
        load_audio(path, decode_with_aud, target_rate=SPEECH_RATE_HZ)


def add_strip(scene: bpy.types.Scene, path: Path, frame: int) -> bpy.types.Strip:
    """Add a sound strip of the file `path` at `frame`, on the lowest channel that is free there."""
    strips = strip_collection(scene)
    strip = strips.new_sound(path.stem, str(path), channel=MAX_CHANNEL, frame_start=frame)
    place = placement(scene, strip)
    strip.channel = _free_channel(scene, strip, place.left_frame, place.right_frame)
    return strip


def _free_channel(
    scene: bpy.types.Scene, strip: bpy.types.Strip, left_frame: float, right_frame: float
) -> int:
    """The lowest channel on which nothing lies between the two frames."""
    taken = set()
    for other in strip_collection(scene):
        left, right = (getattr(other, name) for name in _handle_names(other))
        if other != strip and left < right_frame and right > left_frame:
            taken.add(other.channel)
    return next((c for c in range(1, MAX_CHANNEL) if c not in taken), MAX_CHANNEL)


def _handle_names(strip: bpy.types.Strip) -> tuple[str, str]:
    """Blender 5.1 renamed the ends of strips."""
    if "left_handle" in strip.bl_rna.properties:
        return "left_handle", "right_handle"
    return "frame_final_start", "frame_final_end"


def speaker_near(context: bpy.types.Context, x_px: float, y_px: float) -> bpy.types.Object | None:
    """The head under a point of the region, or the nearest one close by, or the active, or the only one."""
    avatars = [obj for obj in scene_avatars(context.scene) if obj.visible_get()]
    region, view = context.region, context.region_data
    if region is not None and view is not None and avatars:
        point = Vector((x_px, y_px))
        hit = _head_under(context, point)
        if hit is not None:
            return hit
        distances = [(_distance_px(region, view, obj, point), obj.name, obj) for obj in avatars]
        nearest = min(distances)
        if nearest[0] <= NEAR_PX:
            return nearest[2]
    active = context.view_layer.objects.active
    if is_avatar(active):
        return active
    return avatars[0] if len(avatars) == 1 else None


def _head_under(context: bpy.types.Context, point: Vector) -> bpy.types.Object | None:
    region, view = context.region, context.region_data
    origin = region_2d_to_origin_3d(region, view, point)
    direction = region_2d_to_vector_3d(region, view, point)
    depsgraph = context.evaluated_depsgraph_get()
    is_hit, _, _, _, obj, _ = context.scene.ray_cast(depsgraph, origin, direction)
    return obj.original if is_hit and is_avatar(obj) else None


def _distance_px(
    region: bpy.types.Region, view: bpy.types.RegionView3D, obj: bpy.types.Object, point: Vector
) -> float:
    place = location_3d_to_region_2d(region, view, obj.matrix_world.translation)
    return float("inf") if place is None else (place - point).length
