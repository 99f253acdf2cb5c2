"""Mouth curves that speech is compared with: those of its true phones, and of its loudness alone."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction

import numpy as np

from ..core.audio import SPEECH_RATE_HZ
from ..core.expression import ExpressionTrack
from ..core.measure import MeasuredHead, Measurement, measure_track
from ..core.spaces import ARKIT_BLENDSHAPES, ARKIT_INDEX, ARKIT_SPACE
from ..core.speech import SPEECH_LAYER
from ..core.speech.resampling import resample_curves
from .networks.speech import FRAME_RATE_HZ
from .speech_visemes import true_motion

BASELINE_JAW = 0.4


def true_codes(
    phones: Sequence[tuple[str, float, float]], times_sec: np.ndarray, fps: Fraction
) -> np.ndarray:
    """ARKit weights `[T, 52]` that phones of known times give through the mouth decoder."""
    num_frames = int(np.ceil((times_sec[-1] + float(1 / fps)) * FRAME_RATE_HZ))
    arkit, closure = true_motion(phones, num_frames)
    return resample_curves(arkit, closure, FRAME_RATE_HZ, times_sec, float(1 / fps))


def measure_codes(codes: np.ndarray, fps: Fraction, head: MeasuredHead) -> Measurement:
    """What the mouth of `head` does under ARKit weights `[T, 52]`."""
    pose = np.zeros((len(codes), 6), np.float32)
    return measure_track(ExpressionTrack({SPEECH_LAYER: codes}, pose, ARKIT_SPACE, fps), head)


class JawMouth:
    """Lip gap and mouth width (mm) of a head whose jaw alone moves."""

    def __init__(self, head: MeasuredHead) -> None:
        self.jaws = np.linspace(0.0, 1.0, 51, dtype=np.float32)
        codes = np.zeros((len(self.jaws), len(ARKIT_BLENDSHAPES)), np.float32)
        codes[:, ARKIT_INDEX["jawOpen"]] = self.jaws
        self.columns_mm = measure_codes(codes, Fraction(1), head).columns_mm

    def column(self, name: str, jaw: np.ndarray) -> np.ndarray:
        """A column of `Measurement` under `jawOpen` `[T]`."""
        return np.interp(jaw, self.jaws, self.columns_mm[name])


def loudness_jaw(
    waveform: np.ndarray, times_sec: np.ndarray, smoothing_sec: float, exponent: float
) -> np.ndarray:
    """`jawOpen` `[T]` that follows the smoothed loudness of a 16 kHz waveform, to a power."""
    hop = SPEECH_RATE_HZ // FRAME_RATE_HZ
    power = (waveform[: len(waveform) // hop * hop].reshape(-1, hop) ** 2).mean(1)
    kernel = np.hanning(2 * round(smoothing_sec * FRAME_RATE_HZ) + 1)
    rms = np.sqrt(np.convolve(power, kernel / kernel.sum(), "same"))
    level = (rms / max(np.percentile(rms, 95), 1e-9)) ** exponent
    level_sec = (np.arange(len(level)) + 0.5) / FRAME_RATE_HZ
    return np.clip(np.interp(times_sec, level_sec, level) * BASELINE_JAW, 0.0, 1.0)


def correlation(a: np.ndarray, b: np.ndarray) -> float:
    """Pearson's r; 0 where one curve does not move."""
    if a.std() < 1e-9 or b.std() < 1e-9:
        return 0.0
    return float(np.corrcoef(a, b)[0, 1])
