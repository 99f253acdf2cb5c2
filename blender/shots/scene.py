"""The scene of one shot: a fresh one or a template, with the head, its sound, its keys and a camera."""

from __future__ import annotations

import logging
import os
from dataclasses import asdict, dataclass
from fractions import Fraction
from pathlib import Path

import bpy

from ...core.assets import default_avatar_reference
from ...core.direction.words import read_direction
from ...core.errors import RenderError
from ...core.framing import FRAMINGS, USUAL_FRAMING
from ...core.speech import SpeechStyle
from ..avatars import avatar_path, is_builtin, load_avatar
from ..bake import BakeResult
from ..batch import open_scene
from ..dialogue.speaking import speak
from ..direction.keys import apply_direction
from ..engine import ENGINE_ID
from ..exchange.performances import PerformanceOptions, import_performance
from ..frames import Report
from ..heads import scene_avatars
from ..presets import LOOK, STYLE, apply_preset
from ..proxy import create_avatar_object, set_avatar
from ..speech import Analyser
from ..staging import (
    PictureSettings,
    apply_picture,
    frame_portrait,
    setup_render,
    use_standard_view,
)
from ..strips import placement, scene_rate, sound_strips, strip_collection
from ..style_properties import set_speech_style, speech_style
from .requests import AnimateRequest

LOG = logging.getLogger(__name__)
USUAL_FPS, USUAL_SIDE_PX = Fraction(25), 512


@dataclass(frozen=True)
class Staged:
    """A scene that is ready to render, its head that speaks, its picture, where the sound starts, and what was keyed."""

    scene: bpy.types.Scene
    head: bpy.types.Object
    picture: PictureSettings
    sound_frame: int
    bake: BakeResult


def stage_shot(request: AnimateRequest, report: Report, analyser: Analyser | None) -> Staged:
    """Make or open the scene of `request` and key the speech on its head; its range is the sound's."""
    reference = request.avatar or ("" if request.scene else default_avatar_reference())
    if reference:
        reference = reference if is_builtin(reference) else os.path.abspath(reference)
        # A broken avatar is refused before the file that is open is left.
        load_avatar(avatar_path(reference))
    scene = open_scene(request.scene) if request.scene else _fresh_scene()
    picture = _picture(request, scene)
    aspect = scene.render.pixel_aspect_x, scene.render.pixel_aspect_y
    apply_picture(scene, picture)
    scene.render.pixel_aspect_x, scene.render.pixel_aspect_y = aspect
    if request.backend != "auto":
        scene.gaussian_heads.backend = request.backend
    obj = _head(request, scene, reference)
    sound_frame = _sound_frame(request, scene)
    strip = _add_sound(scene, request.audio, sound_frame)
    bake = _key_speech(request, obj, strip, (report, analyser))
    scene.frame_start, scene.frame_end = bake.first_frame, bake.last_frame
    if request.frames:
        scene.frame_start, scene.frame_end = min(request.frames), max(request.frames)
    _choose_camera(request, scene, obj)
    _prepare_render(request, scene)
    scene.frame_set(scene.frame_start)
    return Staged(scene, obj, picture, sound_frame, bake)


def _fresh_scene() -> bpy.types.Scene:
    # Not the factory settings: those would switch the extension off while it runs.
    bpy.ops.wm.read_homefile(use_factory_startup=True, use_empty=True)
    scene = bpy.context.scene
    scene.sync_mode = "AUDIO_SYNC"
    for workspace in bpy.data.workspaces:
        # From 5.0 on the Sequencer shows the scene that the workspace names.
        if hasattr(workspace, "sequencer_scene"):
            workspace.sequencer_scene = scene
    return scene


def _picture(request: AnimateRequest, scene: bpy.types.Scene) -> PictureSettings:
    render = scene.render
    fps, width, height = USUAL_FPS, USUAL_SIDE_PX, USUAL_SIDE_PX
    if request.scene:
        part = render.resolution_percentage / 100
        fps, width, height = (
            scene_rate(scene),
            int(render.resolution_x * part),
            int(render.resolution_y * part),
        )
    return PictureSettings(
        request.width or width,
        request.height or height,
        request.fps or fps,
        request.is_transparent or (request.scene is not None and render.film_transparent),
    )


def _head(request: AnimateRequest, scene: bpy.types.Scene, reference: str) -> bpy.types.Object:
    """The avatar object that speaks, with the avatar, seed and style that the request names."""
    obj = _find_head(request, scene)
    if obj is None:
        reference = reference or default_avatar_reference()
        loaded = load_avatar(avatar_path(reference))
        obj = create_avatar_object(reference, loaded, scene.collection)
    elif reference:
        set_avatar(obj, reference, load_avatar(avatar_path(reference)))
    for kind, name in ((STYLE, request.style_preset), (LOOK, request.look)):
        if name:
            apply_preset(kind, name, scene=scene, obj=obj)
    settings = obj.gaussian_head
    if request.seed is not None:
        settings.seed = request.seed
    if request.style:
        set_speech_style(
            settings, SpeechStyle(**(asdict(speech_style(settings)) | dict(request.style)))
        )
    return obj


def _find_head(request: AnimateRequest, scene: bpy.types.Scene) -> bpy.types.Object | None:
    avatars = scene_avatars(scene)
    names = ", ".join(f"'{obj.name}'" for obj in avatars) or "none"
    if request.object:
        found = [obj for obj in avatars if obj.name == request.object]
        if not found:
            raise RenderError(
                f"The scene '{request.scene}' has no avatar object '{request.object}': it has {names}."
            )
        return found[0]
    if len(avatars) > 1:
        raise RenderError(
            f"The scene '{request.scene}' has {len(avatars)} avatars: name the object that speaks, {names}."
        )
    return avatars[0] if avatars else None


def _sound_frame(request: AnimateRequest, scene: bpy.types.Scene) -> int:
    if request.sound_frame is not None:
        return request.sound_frame
    return scene.frame_start if request.scene else 1


def _add_sound(scene: bpy.types.Scene, audio: Path, frame: int) -> bpy.types.Strip:
    strips = strip_collection(scene)
    for other in sound_strips(scene):
        # What a template sounds like is its placeholder; this shot has its own sound.
        other.mute = True
    channel = min(128, 1 + max((strip.channel for strip in strips), default=0))
    return strips.new_sound(
        audio.stem[:50], os.path.abspath(audio), channel=channel, frame_start=frame
    )


def _key_speech(
    request: AnimateRequest,
    obj: bpy.types.Object,
    strip: bpy.types.Strip,
    listening: tuple[Report, Analyser | None],
) -> BakeResult:
    obj.gaussian_head.sound_strip = strip.name
    report, analyser = listening
    if request.direction:
        place = placement(bpy.context.scene, strip)
        frames = range(place.first_frame, place.last_frame + 1)
        apply_direction(obj, read_direction(request.direction), frames, place.fps)
    bake = speak(bpy.context.scene, strip, obj, analyser=analyser, progress=report)
    if request.performance:
        frames = range(bake.first_frame, bake.last_frame + 1)
        options = PerformanceOptions("ACTING", first_frame=bake.first_frame, frames=frames)
        import_performance(bpy.context.scene, obj, request.performance, options)
    return bake


def _choose_camera(request: AnimateRequest, scene: bpy.types.Scene, obj: bpy.types.Object) -> None:
    if request.camera in FRAMINGS:
        frame_portrait(scene, obj, request.camera)
        return
    if not request.camera:
        if scene.camera is None:
            frame_portrait(scene, obj, USUAL_FRAMING)
        return
    cameras = {item.name: item for item in scene.objects if item.type == "CAMERA"}
    if request.camera not in cameras:
        known = ", ".join(f"'{name}'" for name in sorted(cameras)) or "none"
        raise RenderError(
            f"The scene '{request.scene}' has no camera '{request.camera}': it has {known}."
        )
    scene.camera = cameras[request.camera]


def _prepare_render(request: AnimateRequest, scene: bpy.types.Scene) -> None:
    """Choose engine and view; a template that draws heads keeps its own."""
    settings = scene.gaussian_heads
    draws_heads = scene.render.engine == ENGINE_ID or settings.heads_scene is not None
    if request.scene is None:
        setup_render(scene)
    elif not draws_heads:
        LOG.warning(
            "The scene '%s' renders with %s, which draws no heads: it is rendered with Gaussian Heads.",
            request.scene,
            scene.render.engine,
        )
        scene.render.engine = ENGINE_ID
    if request.view == "Standard":
        use_standard_view(scene)
    elif request.view:
        _use_view(scene, request.view)


def _use_view(scene: bpy.types.Scene, view: str) -> None:
    try:
        scene.view_settings.view_transform = view
    except TypeError:
        raise RenderError(
            f"The colour management here has no view '{view}': choose Standard or AgX."
        ) from None
