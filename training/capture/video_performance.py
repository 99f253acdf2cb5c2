"""What a filmed person does for the camera: speaks, blinks, looks about, feels, and turns the head once each way.

The mouth follows the true phones in the person's own way (`video_style`); eyes, brows and head go with the voice as
`core.speech` lets them. Some expressions are shown on request, as people do who are filmed for an avatar.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path

import numpy as np
from jaxtyping import Float32

from ...core.assets import SPEECH_MODEL
from ...core.audio import SPEECH_RATE_HZ
from ...core.spaces import ARKIT_INDEX, arkit_vector
from ...core.spaces.eye_angles import eye_angles, eye_look_weights
from ...core.speech import SPEECH_LAYER, SpeechModel, SpeechStyle
from ...core.speech.curves import Pulse, ease, sum_pulses
from ...core.speech.pitch import track_pitch
from ...core.speech.resampling import frame_times_sec, resample_curves
from ..networks.speech import FRAME_RATE_HZ
from .performance_limits import plausible
from .performance_mixes import Pose
from .sources import StudioError
from .video_sentences import Phrase, Speech, phrases_of, readers, speech_of
from .video_style import PersonalStyle, personal_motion

FPS = Fraction(25)
# Shown one after the other, each while the person hardly speaks or does not.
REQUESTED: tuple[Pose, ...] = (
    {"mouthSmile": 0.85, "cheekSquint": 0.6, "mouthUpperUp": 0.45, "mouthLowerDown": 0.35, "jawOpen": 0.12},
    {"browInnerUp": 0.8, "browOuterUp": 0.9, "eyeWide": 0.7},
    {"browDown": 0.9, "eyeSquint": 0.4, "noseSneer": 0.35},
    {"mouthSmile": 0.6, "eyeSquint": 0.3},
    {"jawOpen": 0.55, "mouthLowerDown": 0.4, "mouthUpperUp": 0.3},
    {"mouthFrown": 0.6, "browInnerUp": 0.5, "mouthShrugLower": 0.3},
)  # fmt: skip
RISE_SEC, HOLD_SEC, FALL_SEC = 0.4, 0.45, 0.5
# The person's head goes to one side, to the other and back in this part of the film, once.
TURN_BEGINS, TURN_ENDS, TURN_DEG, NOD_DEG = 0.45, 0.8, 30.0, 7.0
HELD_OUT_TURN_DEG = 12.0
# How much of a turn the eyes make up for, to stay with the camera.
EYES_STAY = 0.8
MEDIAN_VOICE_HZ, VOICE_STREAM = 160.0, 72


@dataclass(frozen=True)
class Performance:
    """One film's motion: ARKit weights, head poses and sound."""

    controls: Float32[np.ndarray, "T 52"]
    head_pose: Float32[np.ndarray, "T 6"]
    times_sec: np.ndarray  # [T] in the film's sound
    speech: Speech


@dataclass(frozen=True)
class Amounts:
    """How many frames a film has, and how many the one that is held out."""

    frames: int = 500
    held_out: int = 100


def perform(
    seed: int, sex: str, data: Path, amounts: Amounts, style: PersonalStyle
) -> tuple[Performance, Performance]:
    """The film of person `seed` and the held-out one: other phrases of the same voice."""
    left = voice_of(seed, sex, data)
    listener = SpeechModel.open(SPEECH_MODEL, num_threads=1)
    films = []
    for part, frames in enumerate((amounts.frames, amounts.held_out)):
        speech, left = speech_of(left, frames / float(FPS))
        films.append(_performed(listener, speech, frames, style, seed + 10_000 * part))
    film, held_out = films
    film = asked_for(with_turn(film, TURN_DEG, TURN_BEGINS, TURN_ENDS), seed)
    return film, with_turn(held_out, HELD_OUT_TURN_DEG, 0.1, 0.95)


def voice_of(seed: int, sex: str, data: Path) -> list[Phrase]:
    """Phrases of a reader whose voice is about as low as the person's sex makes likely."""
    voices = {name: phrases_of(clips) for name, clips in sorted(readers(data).items())}
    if not voices:
        raise StudioError(
            "The data folder has no reader with enough phrases: fetch speech/multi_en as "
            "docs/TRAINING.md says."
        )
    is_low = {name: voice_hz(phrases) < MEDIAN_VOICE_HZ for name, phrases in voices.items()}
    fitting = [name for name in voices if is_low[name] == (sex == "male")] or list(voices)
    phrases = voices[fitting[seed % len(fitting)]]
    order = np.random.default_rng([seed, VOICE_STREAM]).permutation(len(phrases))
    return [phrases[index] for index in order]


def voice_hz(phrases: list[Phrase]) -> float:
    """Median pitch of what a voice says, as far as it has one."""
    tracks = [track_pitch(phrase.samples()) for phrase in phrases[:6]]
    found = [
        t.pitch_hz[(t.periodicity > 0.8) & (t.level_db > t.level_db.max() - 20)] for t in tracks
    ]
    return float(np.median(np.concatenate([*found, [MEDIAN_VOICE_HZ]])))


def _performed(
    listener: SpeechModel, speech: Speech, frames: int, style: PersonalStyle, seed: int
) -> Performance:
    """The true mouth with everything else as the voice suggests."""
    track = listener.track(
        speech.waveform, SPEECH_RATE_HZ, fps=FPS, seed=seed, style=SpeechStyle(head=0.8)
    )
    times_sec = frame_times_sec(frames, FPS, 0.0)
    rows = round(len(speech.waveform) / SPEECH_RATE_HZ * FRAME_RATE_HZ)
    arkit, closure = personal_motion(speech.phones, rows, style)
    mouth = resample_curves(arkit, closure, FRAME_RATE_HZ, times_sec, float(1 / FPS))
    layers = {**track.layers, SPEECH_LAYER: mouth}
    return Performance(replace(track, layers=layers).codes(), track.head_pose, times_sec, speech)


def with_turn(film: Performance, turn_deg: float, begins: float, ends: float) -> Performance:
    """The film with a slow turn of the head to either side, between two shares of its length."""
    share = np.arange(len(film.controls)) / max(len(film.controls), 1)
    phase = np.clip((share - begins) / (ends - begins), 0.0, 1.0)
    inside = ease(np.minimum(phase, 1.0 - phase) / 0.12)
    yaw = np.radians(turn_deg) * np.sin(2.0 * np.pi * phase) * inside
    pitch = np.radians(NOD_DEG * turn_deg / TURN_DEG) * np.sin(4.0 * np.pi * phase) * inside
    pose = film.head_pose.copy()
    pose[:, :2] += np.stack([pitch, yaw], axis=1).astype(np.float32)
    # The eyes stay with the camera, as far as they may.
    eyes = eye_angles(film.controls)
    eyes[:, [0, 3]] -= EYES_STAY * yaw[:, None]
    eyes[:, [1, 4]] -= EYES_STAY * pitch[:, None]
    looks = eye_look_weights(eyes)
    channels = [index for name, index in ARKIT_INDEX.items() if name.startswith("eyeLook")]
    controls = film.controls.copy()
    controls[:, channels] = looks[:, channels]
    return replace(film, controls=controls, head_pose=pose)


def asked_for(film: Performance, seed: int) -> Performance:
    """The film with the requested expressions, spread over it, and every frame within what a face can do."""
    order = np.random.default_rng([seed, 5]).permutation(len(REQUESTED))
    length_sec = float(len(film.controls) / FPS)
    moments = [end for _, end, _ in film.speech.phrases] or [0.5 * length_sec]
    pulses = []
    for number, moment in enumerate(moments):
        pose = arkit_vector(REQUESTED[order[number % len(order)]])
        start_sec = min(moment - 0.3, length_sec - RISE_SEC - HOLD_SEC)
        pulses.append(Pulse(max(start_sec, 0.0), RISE_SEC, HOLD_SEC, FALL_SEC, pose))
    for number, (start_sec, _, _) in enumerate(film.speech.phrases[1:]):
        upper = {
            k: v for k, v in REQUESTED[order[number - 2]].items() if k.startswith(("brow", "eye"))
        }
        pose = 0.8 * arkit_vector(upper) if upper else arkit_vector({"browInnerUp": 0.4})
        pulses.append(Pulse(start_sec + 1.2, RISE_SEC, 0.6, FALL_SEC, pose))
    asked = sum_pulses(film.times_sec, pulses, film.controls.shape[1])
    controls = np.stack([plausible(row) for row in film.controls + asked])
    return replace(film, controls=controls)
