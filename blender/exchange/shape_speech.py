"""Speech on mesh characters: from a sound strip straight to shape keys, without any avatar."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import bpy

from ...core.expression import ExpressionTrack
from ..defaults import KEY_TOLERANCE
from ..sound import strip_sound
from ..speech import SpeechRequest
from ..strips import choose_strip
from ..style_properties import speech_style
from .shape_keys import ShapeBake, rows_of, track_to_shape_keys


def request_shape_speech(
    edited: bpy.types.Scene, obj: bpy.types.Object, scratch_folder: Path
) -> SpeechRequest:
    """What listening to the sound strip of the mesh `obj` needs; refuses early what cannot work.

    Strip, seed and manner are the mesh's own settings, as an avatar has them. `blender.speech.analyse`
    turns the request into a track, in any thread.
    """
    rows_of(obj)
    settings = obj.gaussian_head
    sound = strip_sound(edited, choose_strip(edited, settings.sound_strip), scratch_folder)
    return SpeechRequest(sound, settings.seed, speech_style(settings))


def speak(
    meshes: Sequence[bpy.types.Object],
    request: SpeechRequest,
    track: ExpressionTrack,
    tolerance: float = KEY_TOLERANCE,
) -> ShapeBake:
    """Key the track on the shape keys of `meshes` where its strip is heard."""
    return track_to_shape_keys(meshes, track, request.sound.placement.first_frame, tolerance)
