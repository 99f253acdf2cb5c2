"""Speech on mesh characters: from a sound strip straight to shape keys, without any avatar."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import bpy

from ..core.audio import SPEECH_RATE_HZ
from ..core.errors import GaussianHeadsError
from ..core.expression import ExpressionTrack
from ..core.progress import Progress, part
from ..core.speech import DECODED_PART, SpeechStyle
from .shape_keys import USUAL_TOLERANCE, ShapeBake, rows_of, track_to_shape_keys
from .sound import StripSound, strip_sound
from .speech import Analyser
from .strips import choose_strip
from .style_properties import speech_style


@dataclass(frozen=True)
class ShapeSpeechRequest:
    """All that listening needs; holds nothing of Blender's, so that a thread may have it."""

    sound: StripSound
    seed: int
    style: SpeechStyle


def request_shape_speech(
    edited: bpy.types.Scene, obj: bpy.types.Object, scratch_folder: Path
) -> ShapeSpeechRequest:
    """Collect what is needed to speak the sound strip of `obj`; refuses early what cannot work."""
    rows_of(obj)
    settings = obj.gaussian_head
    strip = choose_strip(edited, settings.sound_strip)
    sound = strip_sound(edited, strip, scratch_folder)
    return ShapeSpeechRequest(sound, settings.seed, speech_style(settings))


def hear(
    request: ShapeSpeechRequest, analyser: Analyser, progress: Progress | None = None
) -> ExpressionTrack:
    """The strip's track of ARKit weights, a frame for each whole frame of the scene at which it is heard."""
    waveform = request.sound.waveform(part(progress, 0.0, DECODED_PART))
    return analyser.track(
        waveform,
        SPEECH_RATE_HZ,
        fps=request.sound.placement.fps,
        seed=request.seed,
        style=request.style,
        progress=part(progress, DECODED_PART, 1.0),
    )


def speak(
    obj: bpy.types.Object,
    request: ShapeSpeechRequest,
    track: ExpressionTrack,
    tolerance: float = USUAL_TOLERANCE,
) -> ShapeBake:
    """Key the track on the shape keys of `obj` where its strip is heard."""
    if track.num_frames < 1:
        raise GaussianHeadsError(
            "The sound strip has no length: drag its right handle to the right."
        )
    return track_to_shape_keys(obj, track, request.sound.placement.first_frame, tolerance)
