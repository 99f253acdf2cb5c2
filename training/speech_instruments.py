"""Instruments of made-up music: each draws its character once and then plays any pitch."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from scipy.fft import irfft, next_fast_len, rfft

from ..core.audio import SPEECH_RATE_HZ
from .sound_shaping import decays, faded, from_db, log_uniform, times_sec

Instrument = Callable[[float, int], np.ndarray]
"""Plays a pitch in Hz for a number of samples."""

HIGHEST_HZ = 7600.0
DRAWBARS = np.array([1, 2, 3, 4, 6, 8, 10, 12, 16])
WRAP = 7.0  # nepers that a plucked string's sound falls in one transform, so that none wraps around


def plucked(rng: np.random.Generator) -> Instrument:
    """A string as a delay line with a damped end (Karplus & Strong 1983), solved in its spectrum, which
    tunes it exactly and costs two transforms a note."""
    fall_sec, damping = log_uniform(rng, 0.4, 4.0), rng.uniform(0.05, 0.5)
    softness = rng.uniform(0.0, 0.9)
    strike = rng.standard_normal(SPEECH_RATE_HZ // 20)

    def play(hz: float, size: int) -> np.ndarray:
        padded = next_fast_len(size + SPEECH_RATE_HZ // 20, real=True)
        shrink = WRAP / padded
        log_z = 2j * np.pi * np.arange(padded // 2 + 1) / padded + shrink
        delay = SPEECH_RATE_HZ / hz - damping
        gain = 10.0 ** (-3.0 / (fall_sec * hz))
        loop = gain * (1.0 - damping + damping * np.exp(-log_z)) * np.exp(-log_z * delay)
        burst = strike[: int(min(delay + 1, len(strike)))]
        burst = (burst - burst.mean()) * np.exp(-shrink * np.arange(len(burst)))
        spectrum = rfft(burst, padded) * (1.0 - softness) / (1.0 - softness * np.exp(-log_z))
        return irfft(spectrum / (1.0 - loop), padded)[:size] * np.exp(shrink * np.arange(size))

    return play


def _harmonics(turns: np.ndarray, gains: np.ndarray, dimming: np.ndarray) -> np.ndarray:
    """Sum of gains[k] sin(k phase) with harmonic k dimmed k times as much, `dimming` in nepers."""
    line = np.exp(2j * np.pi * turns - dimming).astype(np.complex64)
    total = np.zeros_like(line)
    for gain in gains[:0:-1]:
        total = (total + np.float32(gain)) * line
    return total.imag.astype(np.float64)


def bowed(rng: np.random.Generator) -> Instrument:
    """Strings, reeds or a pad: many harmonics with a formant, a slow attack, vibrato that sets in late."""
    slope, body_hz = rng.uniform(0.8, 2.0), log_uniform(rng, 300.0, 3000.0)
    rate_hz, depth = rng.uniform(4.0, 7.0), rng.choice([0.0, rng.uniform(0.001, 0.02)])
    rise_sec, detune = log_uniform(rng, 0.02, 0.4), rng.uniform(0.0, 0.006)
    ripple = from_db(rng.uniform(-8.0, 0.0, 64))

    def play(hz: float, size: int) -> np.ndarray:
        seconds = times_sec(size)
        orders = np.arange(max(min(int(HIGHEST_HZ / hz), 24), 1) + 1)
        gains = ripple[: len(orders)] / np.maximum(orders, 1) ** slope
        gains *= 1.0 + 2.0 / (1.0 + ((orders * hz - body_hz) / (0.3 * body_hz)) ** 2)
        late = np.minimum(seconds / 0.4, 1.0)
        turns = hz * (
            seconds + depth * late * np.sin(2 * np.pi * rate_hz * seconds) / (2 * np.pi * rate_hz)
        )
        tone = _harmonics(turns, gains, np.zeros(size))
        if detune > 0.002:
            tone = tone + _harmonics(turns * (1.0 + detune), gains, np.zeros(size))
        return faded(tone, rise_sec, 0.08)

    return play


def organ(rng: np.random.Generator) -> Instrument:
    """Drawbars, at times with a tremulant."""
    gains = np.zeros(DRAWBARS[-1] + 1)
    gains[DRAWBARS] = rng.random(len(DRAWBARS)) * (rng.random(len(DRAWBARS)) < 0.6)
    gains[1] = max(gains[1], 0.5)
    rate_hz, depth = rng.uniform(4.0, 7.5), rng.choice([0.0, rng.uniform(0.05, 0.3)])

    def play(hz: float, size: int) -> np.ndarray:
        kept = gains[: max(int(HIGHEST_HZ / hz), 1) + 1]
        tone = _harmonics(hz * times_sec(size), kept, np.zeros(size))
        return faded(
            tone * (1.0 + depth * np.sin(2 * np.pi * rate_hz * times_sec(size))), 0.01, 0.03
        )

    return play


def struck(rng: np.random.Generator) -> Instrument:
    """A piano-like or plucked-key sound: harmonics that dim faster the higher they are."""
    slope, fall_sec = rng.uniform(0.6, 1.8), log_uniform(rng, 0.4, 4.0)
    dims = rng.uniform(0.3, 4.0)
    ripple = from_db(rng.uniform(-12.0, 0.0, 64))

    def play(hz: float, size: int) -> np.ndarray:
        seconds = times_sec(size)
        orders = np.arange(max(min(int(HIGHEST_HZ / hz), 20), 1) + 1)
        gains = ripple[: len(orders)] / np.maximum(orders, 1) ** slope
        tone = _harmonics(hz * seconds, gains, dims * seconds)
        return faded(tone * decays(size, fall_sec), 0.003, 0.02)

    return play


def bell(rng: np.random.Generator) -> Instrument:
    """Frequency modulation whose depth dies away (Chowning 1973): bells, chimes, electric pianos."""
    ratio = rng.choice([1.0, 1.4, 2.0, 2.76, 3.5, 7.0])
    depth, fall_sec = rng.uniform(0.5, 6.0), log_uniform(rng, 0.3, 4.0)

    def play(hz: float, size: int) -> np.ndarray:
        phase = 2 * np.pi * hz * times_sec(size)
        # Carson's rule keeps the sidebands below what 16 kHz can hold.
        room = max((HIGHEST_HZ - hz) / (hz * ratio) - 1.0, 0.0)
        bend = min(depth, room) * decays(size, fall_sec) * np.sin(ratio * phase)
        return faded(np.sin(phase + bend) * decays(size, 1.5 * fall_sec), 0.002, 0.02)

    return play


def whistle(rng: np.random.Generator) -> Instrument:
    """A flute or whistle: a line, a weak octave and breath about it."""
    octave, breath = rng.uniform(0.0, 0.3), rng.uniform(0.0, 0.05)
    rate_hz, depth, rise_sec = (
        rng.uniform(4.0, 6.5),
        rng.uniform(0.0, 0.008),
        rng.uniform(0.03, 0.15),
    )
    air = rng.standard_normal(4 * SPEECH_RATE_HZ)

    def play(hz: float, size: int) -> np.ndarray:
        seconds = times_sec(size)
        turns = hz * (
            seconds - depth * np.cos(2 * np.pi * rate_hz * seconds) / (2 * np.pi * rate_hz)
        )
        line = np.sin(2 * np.pi * turns)
        hiss = breath * np.resize(air, size) * (1.0 + line)
        return faded(line + octave * np.sin(4 * np.pi * turns) + hiss, rise_sec, 0.06)

    return play


INSTRUMENTS: tuple[Callable[[np.random.Generator], Instrument], ...] = (
    plucked,
    plucked,
    bowed,
    organ,
    struck,
    bell,
    whistle,
)
