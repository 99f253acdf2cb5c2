"""Noise with a given spectrum, curves that wander, and sounds set at given moments, at 16 kHz."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from scipy.fft import irfft, next_fast_len, rfft, rfftfreq
from scipy.signal import fftconvolve

from ..core.audio import SPEECH_RATE_HZ

GainAt = Callable[[np.ndarray], np.ndarray]
"""Amplitude at frequencies in Hz."""

SETTLE_SAMPLES = 1024
LOWEST_HZ = 20.0


def num_samples(length_sec: float) -> int:
    """Samples in so many seconds, at least one."""
    return max(round(length_sec * SPEECH_RATE_HZ), 1)


def times_sec(size: int) -> np.ndarray:
    """Seconds of samples 0 … size-1, float64."""
    return np.arange(size) / SPEECH_RATE_HZ


def log_uniform(rng: np.random.Generator, low: float, high: float) -> float:
    """A number between `low` and `high`, every octave as likely."""
    return float(low * (high / low) ** rng.random())


def from_db(level_db: float | np.ndarray) -> float | np.ndarray:
    """Amplitude of a level."""
    return 10.0 ** (level_db / 20.0)


def unit_rms(waveform: np.ndarray) -> np.ndarray:
    """The waveform at an effective value of 1; silence stays silence."""
    return waveform / max(float(np.sqrt(np.mean(np.square(waveform)))), 1e-12)


def filtered(waveform: np.ndarray, gain_at: GainAt) -> np.ndarray:
    """Spectrum times `gain_at(hz)`, without any delay; the length stays."""
    padded = next_fast_len(len(waveform) + SETTLE_SAMPLES, real=True)
    hz = rfftfreq(padded, 1.0 / SPEECH_RATE_HZ)
    return irfft(rfft(waveform, padded) * gain_at(hz), padded)[: len(waveform)]


def shaped_noise(size: int, rng: np.random.Generator, gain_at: GainAt) -> np.ndarray:
    """Gaussian noise with the spectrum `gain_at(hz)` above 20 Hz, at an effective value of 1."""
    white = rng.standard_normal(size)
    return unit_rms(filtered(white, lambda hz: np.where(hz < LOWEST_HZ, 0.0, gain_at(hz))))


def resonances(
    hz: np.ndarray, centres_hz: Sequence[float], widths_hz: Sequence[float], gains: Sequence[float]
) -> np.ndarray:
    """Amplitude of parallel resonances; widths are those at half power."""
    total = np.zeros_like(hz)
    for centre, width, gain in zip(centres_hz, widths_hz, gains, strict=True):
        total += gain / np.sqrt(1.0 + ((hz - centre) / (0.5 * width)) ** 2)
    return total


def wander(size: int, rate_hz: float, rng: np.random.Generator) -> np.ndarray:
    """A curve in [-1, 1] that takes a new random value `rate_hz` times a second."""
    knots = rng.uniform(-1.0, 1.0, int(size * rate_hz / SPEECH_RATE_HZ) + 3)
    position = (np.arange(size) * (rate_hz / SPEECH_RATE_HZ)) + rng.random()
    return np.interp(position, np.arange(len(knots)), knots)


def decays(size: int, fall_sec: float) -> np.ndarray:
    """A curve from 1 that falls by 60 dB in `fall_sec`."""
    return np.exp(times_sec(size) * (-6.908 / fall_sec))


def faded(waveform: np.ndarray, rise_sec: float, fall_sec: float) -> np.ndarray:
    """The waveform with a ramp at either end, each at most half of it."""
    gain = np.ones(len(waveform))
    for length_sec, part in ((rise_sec, gain), (fall_sec, gain[::-1])):
        ramp = min(num_samples(length_sec), max(len(gain) // 2, 1))
        part[:ramp] *= (np.arange(ramp) + 0.5) / ramp
    return waveform * gain


def random_times_sec(size: int, rate_hz: float, rng: np.random.Generator) -> np.ndarray:
    """Moments of a Poisson process within `size` samples, at least one."""
    length_sec = size / SPEECH_RATE_HZ
    return np.sort(rng.uniform(0.0, length_sec, max(rng.poisson(rate_hz * length_sec), 1)))


def set_at(target: np.ndarray, sound: np.ndarray, start_sec: float) -> None:
    """Add `sound` to `target` from `start_sec` on, cut where `target` ends."""
    first = int(start_sec * SPEECH_RATE_HZ)
    kept = sound[: max(len(target) - first, 0)]
    target[first : first + len(kept)] += kept


def scattered(
    size: int,
    moments_sec: np.ndarray,
    gains: np.ndarray,
    grains: list[np.ndarray],
    rng: np.random.Generator,
) -> np.ndarray:
    """One of `grains` at every moment: as many as one likes, each kind costs one convolution."""
    chosen = rng.integers(0, len(grains), len(moments_sec))
    positions = np.minimum((moments_sec * SPEECH_RATE_HZ).astype(int), size - 1)
    total = np.zeros(size)
    for index, grain in enumerate(grains):
        impulses = np.zeros(size)
        np.add.at(impulses, positions[chosen == index], gains[chosen == index])
        total += fftconvolve(impulses, grain)[:size]
    return total


def in_room(waveform: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """The waveform with a diffuse tail of .1 to 1.5 s, length unchanged."""
    fall_sec = log_uniform(rng, 0.1, 1.5)
    size = num_samples(fall_sec)
    tail = rng.standard_normal(size) * decays(size, fall_sec)
    tail *= from_db(-rng.uniform(3.0, 25.0)) / np.sqrt(np.sum(tail**2))
    tail[0] = 1.0
    return fftconvolve(waveform, tail)[: len(waveform)]
