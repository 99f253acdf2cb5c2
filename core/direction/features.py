"""What the motion generator hears of a sentence, 50 times a second, from what the speech network heard."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float32

from ..spaces import ARKIT_INDEX
from ..speech.heard import HeardSpeech, from_levels
from ..speech.prosody import Prosody

# The speech network's frames per frame of the generator.
PER_FRAME = 2
# What articulation looks like in the speech network's curves; left and right are alike there.
HEARD_CHANNELS = (
    "jawOpen",
    "mouthClose",
    "mouthFunnel",
    "mouthPucker",
    "mouthStretchLeft",
    "mouthSmileLeft",
    "mouthLowerDownLeft",
    "mouthUpperUpLeft",
    "mouthRollLower",
    "mouthRollUpper",
    "mouthPressLeft",
    "tongueOut",
)
FEATURES = (*HEARD_CHANNELS, "closure", "speaking", "accent")
# How fast speaking sets in and fades, and how wide the bump of an accent is.
SPEAKING_SEC, ACCENT_SEC = 0.15, 0.12


def heard_weights(heard: HeardSpeech) -> Float32[np.ndarray, "F 52"]:
    """All ARKit weights of what was heard, at its own rate."""
    weights = np.zeros((len(heard.levels), len(ARKIT_INDEX)), np.float32)
    weights[:, heard.channels] = from_levels(heard.levels)
    return weights


def heard_closure(heard: HeardSpeech) -> Float32[np.ndarray, " F"]:
    """How far the lips touch, 0 to 1, at the rate of what was heard."""
    return from_levels(heard.closure_levels)


def speech_features(
    weights: Float32[np.ndarray, "F 52"],
    closure: Float32[np.ndarray, " F"],
    prosody: Prosody,
    rate_hz: int,
) -> Float32[np.ndarray, "N 15"]:
    """Features of every second frame: the mean of articulation, the most that the lips touch, and prosody.

    F must be a multiple of `PER_FRAME`. Row `n` lies at `(n + 0.5) · PER_FRAME / rate_hz` seconds.
    """
    columns = [ARKIT_INDEX[name] for name in HEARD_CHANNELS]
    articulation = weights[:, columns].reshape(-1, PER_FRAME, len(columns)).mean(1)
    touching = closure.reshape(-1, PER_FRAME).max(1)
    times_sec = (np.arange(len(touching)) + 0.5) * PER_FRAME / rate_hz
    rows = [articulation, touching[:, None]]
    rows += [_speaking(times_sec, prosody)[:, None], _accents(times_sec, prosody)[:, None]]
    return np.concatenate(rows, axis=1).astype(np.float32)


def _speaking(times_sec: np.ndarray, prosody: Prosody) -> np.ndarray:
    speaking = np.zeros(len(times_sec))
    for start, end in prosody.phrases:
        inside = np.minimum(times_sec - start, end - times_sec) / SPEAKING_SEC
        np.maximum(speaking, np.clip(0.5 + inside, 0.0, 1.0), out=speaking)
    return speaking


def _accents(times_sec: np.ndarray, prosody: Prosody) -> np.ndarray:
    accent = np.zeros(len(times_sec))
    for time, strength in zip(prosody.accents_sec, prosody.strengths, strict=True):
        near = slice(*np.searchsorted(times_sec, [time - 4 * ACCENT_SEC, time + 4 * ACCENT_SEC]))
        bump = strength * np.exp(-0.5 * ((times_sec[near] - time) / ACCENT_SEC) ** 2)
        accent[near] = np.maximum(accent[near], bump)
    return accent
