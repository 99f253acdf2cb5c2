"""What the universal speech network hears beside every frame of a person's film, and the codes that follow from it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from ...core.assets import SPEECH_MODEL
from ...core.avatar import Controls
from ...core.avatar.motion import speech_window
from ...core.spaces import ARKIT_BLENDSHAPES
from ...core.spaces.face_parts import layer_indices
from ...core.speech import SPEECH_LAYER, HeardSpeech, SpeechModel
from .subject import SubjectFrame

# Moments of the window: those of TalkingGaussian, eight frames at 25 fps, four of them before.
OFFSETS_SEC = np.arange(-4, 4) * 0.04
# The grid on which speech is performed; moments of frames lie on it or between two of its own.
GRID_FPS = Fraction(50)
MOUTH = np.array(layer_indices()[SPEECH_LAYER])
UPPER = np.setdiff1d(np.arange(len(ARKIT_BLENDSHAPES)), MOUTH)
# Weights that sum to this are a mouth that speaks.
SPEAKING = 0.25


@dataclass(frozen=True)
class Spoken:
    """Frames with what is heard beside them."""

    frames: tuple[SubjectFrame, ...]
    windows: np.ndarray  # [T, K * 52] ARKit weights about each frame
    universal: np.ndarray  # [T, D] codes: the mouth from the sound, the rest as the frame shows it
    talks: np.ndarray  # [T] in [0, 1] whether the mouth speaks

    def __len__(self) -> int:
        return len(self.frames)

    def take(self, rows: np.ndarray) -> Spoken:
        """Some of the frames."""
        frames = tuple(self.frames[row] for row in rows)
        return Spoken(frames, self.windows[rows], self.universal[rows], self.talks[rows])


def listen(waveform: np.ndarray, rate: int) -> HeardSpeech:
    """What the shipped speech network hears."""
    model = SpeechModel.open(SPEECH_MODEL, num_threads=1)
    return model.listen(np.asarray(waveform, np.float32), rate)


def spoken(frames: Sequence[SubjectFrame], heard: HeardSpeech, controls: Controls) -> Spoken:
    """What was heard beside the frames; their times are those of the sound."""
    times_sec = np.array([frame.time_sec for frame in frames])
    layer = heard.perform(fps=GRID_FPS).layers[SPEECH_LAYER]
    everything = np.arange(len(ARKIT_BLENDSHAPES))
    windows = speech_window(layer, everything, OFFSETS_SEC * float(GRID_FPS))
    windows = at_times(windows, times_sec)
    now = windows.reshape(len(frames), len(OFFSETS_SEC), -1)[:, int(np.argmin(abs(OFFSETS_SEC)))]
    codes = np.stack([frame.code for frame in frames])
    shown = np.clip(codes @ controls.readout_weights.T + controls.readout_bias, 0.0, 1.0)
    weights = now.copy()
    weights[:, UPPER] = shown[:, UPPER]
    universal = (weights @ controls.arkit52).astype(np.float32)
    around = windows.reshape(len(frames), len(OFFSETS_SEC), -1).max(1)[:, MOUTH].sum(1)
    talks = np.clip(around / SPEAKING, 0.0, 1.0).astype(np.float32)
    return Spoken(tuple(frames), windows, universal, talks)


def at_times(rows: np.ndarray, times_sec: np.ndarray) -> np.ndarray:
    """Rows of the grid at moments, on a line between two of them; the ends hold."""
    at = np.clip(times_sec * float(GRID_FPS), 0, len(rows) - 1)
    below = np.minimum(at.astype(np.int64), max(len(rows) - 2, 0))
    share = (at - below)[:, None].astype(np.float32)
    return (1 - share) * rows[below] + share * rows[np.minimum(below + 1, len(rows) - 1)]


def heard_channels(windows: np.ndarray) -> np.ndarray:
    """Channels of the mouth that the windows `[T, K * 52]` ever move, ascending."""
    largest = windows.reshape(-1, len(ARKIT_BLENDSHAPES)).max(axis=0)
    return np.array([c for c in MOUTH if largest[c] > 1e-3], np.int32)


def chosen(windows: np.ndarray, channels: np.ndarray) -> np.ndarray:
    """Windows `[T, K * C]` of some channels only, moment by moment."""
    by_moment = windows.reshape(len(windows), -1, len(ARKIT_BLENDSHAPES))
    return np.ascontiguousarray(by_moment[:, :, channels].reshape(len(windows), -1))
