"""From a sound strip to baked keys in three steps, so that the middle one may run in a thread."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import bpy
import numpy as np

from ..core.assets import SPEECH_MODEL
from ..core.audio import SPEECH_RATE_HZ
from ..core.expression import ExpressionTrack
from ..core.progress import Progress, part
from ..core.speech import DECODED_PART, HeardSpeech, SpeechModel, SpeechStyle
from ..core.timing import SoundPlacement
from .avatars import object_avatar
from .codes import require_code_space
from .direction.generating import act_out
from .direction.sampling import Directed, sample_direction
from .sound import StripSound, strip_sound
from .strips import choose_strip
from .style_properties import speech_style

# Where in the whole the listening ends, alone and with a direction to act; what is left is performing.
LISTENED_PART, LISTENED_BEFORE_ACTING = 0.95, 0.75
# Where in a directed performance the acting ends.
ACTED_PART = 0.9


class Analyser(Protocol):
    """What listens to a waveform: `SpeechModel`, or a stand-in of the tests."""

    def listen(self, waveform: np.ndarray, sample_rate: int, **options: object) -> HeardSpeech:
        """See `SpeechModel.listen`."""


@dataclass(frozen=True)
class SpeechRequest:
    """All that the analysis needs; holds nothing of Blender's, so a thread may have it."""

    sound: StripSound
    seed: int
    style: SpeechStyle = SpeechStyle()
    direction: Directed | None = None


@dataclass(frozen=True)
class Performance:
    """What was heard of a request's sound, and its performance."""

    heard: HeardSpeech
    track: ExpressionTrack


_models: dict[tuple[str, int], SpeechModel] = {}
_lock = threading.Lock()


def speech_model(path: Path = SPEECH_MODEL) -> SpeechModel:
    """The speech network at `path`, opened once."""
    key = (str(path), path.stat().st_mtime_ns if path.is_file() else 0)
    with _lock:
        if key not in _models:
            _models[key] = SpeechModel.open(path)
        return _models[key]


def request_speech(
    scene: bpy.types.Scene, obj: bpy.types.Object, scratch_folder: Path
) -> SpeechRequest:
    """Collect what the analysis of the head's sound strip needs, and refuse early what cannot work."""
    strip = choose_strip(scene, obj.gaussian_head.sound_strip)
    return request_strip(scene, strip, obj, scratch_folder)


def request_strip(
    scene: bpy.types.Scene, strip: bpy.types.Strip, obj: bpy.types.Object, scratch_folder: Path
) -> SpeechRequest:
    """`request_speech` of any strip."""
    require_code_space(obj, object_avatar(obj).avatar)
    sound = strip_sound(scene, strip, scratch_folder)
    settings = obj.gaussian_head
    direction = sample_direction(obj, sound.placement)
    return SpeechRequest(sound, settings.seed, speech_style(settings), direction)


def hear(
    sound: StripSound, effort: float, analyser: Analyser, progress: Progress | None = None
) -> HeardSpeech:
    """What is heard in a sound; touches nothing of Blender's, so a thread may do it."""
    waveform = sound.waveform(part(progress, 0.0, DECODED_PART))
    listening = part(progress, DECODED_PART, 1.0)
    return analyser.listen(waveform, SPEECH_RATE_HZ, effort=effort, progress=listening)


def perform_speech(
    request: SpeechRequest, analyser: Analyser, progress: Progress | None = None
) -> Performance:
    """Listen to the strip and perform it, one frame for each whole scene frame at which it is heard."""
    listened = LISTENED_PART if request.direction is None else LISTENED_BEFORE_ACTING
    hearing = part(progress, 0.0, listened)
    heard = hear(request.sound, request.style.effort, analyser, hearing)
    return perform_heard(request, heard, part(progress, listened, 1.0))


def perform_heard(
    request: SpeechRequest, heard: HeardSpeech, progress: Progress | None = None
) -> Performance:
    """Perform what was heard of the request's sound, as `perform_speech` does once it has listened."""
    track = perform_on(
        heard,
        request.sound.placement,
        seed=request.seed,
        style=request.style,
        direction=request.direction,
        progress=progress,
    )
    return Performance(heard, track)


def perform_on(
    heard: HeardSpeech,
    place: SoundPlacement,
    *,
    seed: int,
    style: SpeechStyle,
    direction: Directed | None = None,
    start_sec: float | int = 0.0,
    progress: Progress | None = None,
) -> ExpressionTrack:
    """A performance with a frame for each on which `place` is heard, whose first shows `start_sec` of what was heard."""
    acting = 0.0 if direction is None else ACTED_PART
    acted = act_out(heard, direction, seed, part(progress, 0.0, acting))
    return heard.perform(
        fps=place.fps,
        start_sec=start_sec,
        num_frames=place.num_frames,
        seed=seed,
        style=style,
        acted=acted,
        progress=part(progress, acting, 1.0),
    )
