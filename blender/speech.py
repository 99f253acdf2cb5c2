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
from ..core.errors import TrackError
from ..core.expression import ExpressionTrack
from ..core.progress import Progress, part
from ..core.speech import DECODED_PART, SpeechModel, SpeechStyle
from .avatars import object_avatar
from .bake import BakeResult, bake_track
from .codes import require_code_space
from .sound import StripSound, strip_sound
from .strips import choose_strip
from .style_properties import speech_style


class Analyser(Protocol):
    """What turns a waveform into a track: `SpeechModel`, or a stand-in of the tests."""

    def track(self, waveform: np.ndarray, sample_rate: int, **options: object) -> ExpressionTrack:
        """See `SpeechModel.track`."""


@dataclass(frozen=True)
class SpeechRequest:
    """All that the analysis needs; holds nothing of Blender's, so a thread may have it."""

    sound: StripSound
    seed: int
    style: SpeechStyle = SpeechStyle()


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
    settings = obj.gaussian_head
    require_code_space(obj, object_avatar(obj).avatar)
    strip = choose_strip(scene, settings.sound_strip)
    sound = strip_sound(scene, strip, scratch_folder)
    return SpeechRequest(sound, settings.seed, speech_style(settings))


def analyse(
    request: SpeechRequest, analyser: Analyser, progress: Progress | None = None
) -> ExpressionTrack:
    """The strip's expression track, one frame for each whole scene frame at which it is heard."""
    place = request.sound.placement
    waveform = request.sound.waveform(part(progress, 0.0, DECODED_PART))
    track = analyser.track(
        waveform,
        SPEECH_RATE_HZ,
        fps=place.fps,
        seed=request.seed,
        style=request.style,
        progress=part(progress, DECODED_PART, 1.0),
    )
    if track.num_frames != place.num_frames:
        raise TrackError(
            f"The analysis gave {track.num_frames} frames for {place.num_frames} of the strip: "
            "reinstall the extension."
        )
    return track


def apply_speech(
    obj: bpy.types.Object, request: SpeechRequest, track: ExpressionTrack
) -> BakeResult:
    """Key the track on `obj` where its strip is heard."""
    return bake_track(obj, track, request.sound.placement.first_frame)
