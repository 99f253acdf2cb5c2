"""What people do in the portrait network's clips: they speak, look about, feel and move the head."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import numpy as np

from ...core.speech import HeardSpeech, SpeechStyle
from ..directing.hearing import TEST, TRAIN, hear_all
from ..speech_recordings import Recording
from .performance_limits import plausible
from .performance_mixes import combination, emotion, look

FPS = Fraction(25)
# How often a clip is acted beside the speech, and how far.
ACTED_SHARE, ACTED_MOST = 0.4, 0.8
# Pictures of reference: another moment of the same speech, or any expression at all.
OTHER_MOMENT_SHARE = 0.5
# How far a reference's head is turned further (rad).
TURN_RAD = np.array([0.06, 0.1, 0.04])


@dataclass(frozen=True)
class Performed:
    """One clip's motion: frames one after the other, then the references'."""

    weights: np.ndarray  # [F, 52] ARKit
    head_pose: np.ndarray  # [F, 6]
    recording: str
    times_sec: np.ndarray  # [F] in the recording; NaN where nobody speaks


class Performances:
    """Speech of the recordings that may be trained on, or of those that are kept out."""

    def __init__(self, data: Path, folder: Path, *, is_test: bool = False) -> None:
        heard = hear_all(data, folder)[TEST if is_test else TRAIN]
        self.heard: list[tuple[Recording, HeardSpeech]] = heard

    def draw(self, rng: np.random.Generator, frames: int, references: int) -> Performed:
        """Consecutive `frames` of somebody's speech and `references` apart from it."""
        recording, heard = self.heard[rng.integers(len(self.heard))]
        style = SpeechStyle(
            head=float(rng.uniform(0.4, 1.8)),
            jaw=float(rng.uniform(0.8, 1.25)),
            lips=float(rng.uniform(0.8, 1.25)),
        )
        track = heard.perform(fps=FPS, seed=int(rng.integers(1 << 30)), style=style)
        codes, times = track.codes(), track.times_sec()
        acting = np.zeros(codes.shape[1], np.float32)
        if rng.random() < ACTED_SHARE:
            acting = np.float32(rng.uniform(0.1, ACTED_MOST)) * emotion(rng, False)
        first = int(rng.integers(max(len(codes) - frames, 1)))
        spoken = np.minimum(np.arange(first, first + frames), len(codes) - 1)
        weights = [plausible(codes[row] + acting) for row in spoken]
        poses, seconds = list(track.head_pose[spoken]), list(times[spoken])
        middle = track.head_pose[spoken].mean(0)
        for _ in range(references):
            row = int(rng.integers(len(codes)))
            is_spoken = rng.random() < OTHER_MOMENT_SHARE
            face = codes[row] + acting if is_spoken else _any_face(rng)
            turn = np.concatenate([TURN_RAD * rng.normal(size=3), np.zeros(3)])
            weights.append(plausible(face))
            poses.append(middle + turn)
            seconds.append(times[row] if is_spoken else np.nan)
        return Performed(
            np.stack(weights).astype(np.float32),
            np.stack(poses).astype(np.float32),
            recording.name,
            np.array(seconds),
        )


def _any_face(rng: np.random.Generator) -> np.ndarray:
    """As people look on photos: at rest, smiling, or anything."""
    kind = rng.random()
    if kind < 0.35:
        weights = np.float32(rng.uniform(0.0, 0.2)) * combination(rng)
    elif kind < 0.7:
        weights = np.float32(rng.uniform(0.3, 1.0)) * emotion(rng, False)
    else:
        weights = combination(rng)
    return np.maximum(weights, look(rng)) if rng.random() < 0.3 else weights
