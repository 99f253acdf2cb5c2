"""From a sound file to a scene that can be shown: head, keys, camera, background and settings in one go."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import bpy

from ..core.direction.expressions import direction_units
from ..core.framing import USUAL_FRAMING
from ..core.speech import HeardSpeech, SpeechStyle
from .avatars import avatar_path, load_avatar
from .bake import BakeResult, bake_track
from .defaults import BACKGROUNDS
from .dialogue.bake import remember_bake
from .dialogue.dropped import add_sounds, add_strip, edited_scene
from .direction.keys import set_direction
from .direction.sampling import sample_direction
from .presets import FORMAT, LOOK, STYLE, apply_preset
from .proxy import create_avatar_object
from .sound import StripSound
from .speech import perform_on
from .staging import frame_portrait, setup_render
from .startup_scene import hide_startup_cube
from .strips import choose_strip, placement
from .style_properties import set_speech_style, speech_style
from .world import make_world


@dataclass(frozen=True)
class PrevizRequest:
    """What to set up. Empty names keep what the scene has: `format_preset`, `background` and `look`.

    `avatar` is "builtin:NAME" or a path, `framing` one of `core.framing.FRAMINGS`; the sound starts at
    `first_frame`. `expression` is one of `core.direction.expressions.DIRECTED_EXPRESSIONS` that is acted all along.
    """

    avatar: str
    audio: Path
    format_preset: str = ""
    framing: str = USUAL_FRAMING
    background: str = "Studio"
    look: str = ""
    first_frame: int = 1
    seed: int = 0
    style: SpeechStyle = SpeechStyle()
    expression: str = ""


@dataclass(frozen=True)
class PrevizResult:
    """The new head and camera, the strip's name, and what was keyed."""

    head: bpy.types.Object
    camera: bpy.types.Object
    strip: str
    bake: BakeResult


def preset_style(name: str) -> SpeechStyle:
    """The manner that a style preset sets."""
    probe = bpy.data.objects.new("Previz", None)
    try:
        apply_preset(STYLE, name, obj=probe)
        return speech_style(probe.gaussian_head)
    finally:
        bpy.data.objects.remove(probe)


def sound_of(scene: bpy.types.Scene, request: PrevizRequest) -> StripSound:
    """The request's sound as a strip of it will play in `scene`, which is not touched."""
    probe = bpy.data.scenes.new("Previz")
    try:
        probe.render.fps, probe.render.fps_base = scene.render.fps, scene.render.fps_base
        if request.format_preset:
            apply_preset(FORMAT, request.format_preset, scene=probe)
        sounds = set(bpy.data.sounds)
        strip = add_strip(probe, request.audio, request.first_frame)
        place = placement(probe, strip)
    finally:
        bpy.data.scenes.remove(probe)
    for sound in set(bpy.data.sounds) - sounds:
        bpy.data.sounds.remove(sound)
    return StripSound(request.audio, place)


def build(context: bpy.types.Context, request: PrevizRequest, heard: HeardSpeech) -> PrevizResult:
    """Set up the scene of `context`: nothing is changed before the avatar is open."""
    loaded = load_avatar(avatar_path(request.avatar))
    scene = context.scene
    if request.format_preset:
        apply_preset(FORMAT, request.format_preset, scene=scene)
    head = create_avatar_object(request.avatar, loaded, context.collection)
    head.location = scene.cursor.location
    hide_startup_cube(scene, head)
    head.gaussian_head.seed = request.seed
    set_speech_style(head.gaussian_head, request.style)
    if request.expression:
        set_direction(head, direction_units(request.expression))
    strip, bake = _speak(context, request, head, heard)
    camera = _stage(scene, request, head)
    for each in {scene, edited_scene(context)}:
        each.frame_start, each.frame_end = bake.first_frame, bake.last_frame
    scene.frame_set(bake.first_frame)
    return PrevizResult(head, camera, strip, bake)


def _speak(
    context: bpy.types.Context, request: PrevizRequest, head: bpy.types.Object, heard: HeardSpeech
) -> tuple[str, BakeResult]:
    edited = edited_scene(context)
    if edited != context.scene:
        # Another scene's frames are those of the sound: it follows the new format.
        render, source = edited.render, context.scene.render
        render.fps, render.fps_base = source.fps, source.fps_base
    added = add_sounds(edited, [request.audio], request.first_frame, head)
    strip = choose_strip(edited, added.strips[0])
    place = placement(edited, strip)
    direction = sample_direction(head, place)
    track = perform_on(heard, place, seed=request.seed, style=request.style, direction=direction)
    result = bake_track(head, track, place.first_frame)
    # Manner and timing can be changed afterwards without listening again.
    remember_bake(edited, strip, head, heard, result)
    return strip.name, result


def _stage(
    scene: bpy.types.Scene, request: PrevizRequest, head: bpy.types.Object
) -> bpy.types.Object:
    if request.background:
        scene.world = make_world(request.background, BACKGROUNDS[request.background])
        scene.render.film_transparent = False
    if request.look:
        apply_preset(LOOK, request.look, scene=scene, obj=head)
    camera = frame_portrait(scene, head, request.framing)
    setup_render(scene)
    return camera
