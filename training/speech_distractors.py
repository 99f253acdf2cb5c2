"""Sounds in which nobody speaks: breath, music, noise and tones, all synthesised here.

A speech network hears them alone, where the mouth has to rest, and under voices.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float32

from ..core.audio import SPEECH_RATE_HZ
from .sound_shaping import (
    filtered,
    from_db,
    in_room,
    log_uniform,
    num_samples,
    resonances,
    set_at,
    shaped_noise,
    unit_rms,
    wander,
)
from .speech_music import music
from .speech_noises import background_noise
from .speech_tones import tones

MIN_SEC, MAX_SEC = 5.0, 20.0
PEAK_DB = (-36.0, 0.0)
TRACT_HZ = np.array([600.0, 1550.0, 2600.0, 3600.0, 4700.0])


@dataclass(frozen=True)
class Breathing:
    """One way to breathe: ranges of its length, of when it is loudest (a part of it), of how its spectrum
    falls (dB per octave above 500 Hz), and its level beside the others."""

    length_sec: tuple[float, float]
    loudest: tuple[float, float]
    tilt_db: tuple[float, float]
    level_db: float


# Inhaled air hisses higher than exhaled and stops abruptly; the nose adds little below 1 kHz.
BREATHINGS: Mapping[str, Breathing] = {
    "inhale": Breathing((0.3, 1.1), (0.5, 0.85), (-3.0, 2.0), 0.0),
    "exhale": Breathing((0.4, 1.5), (0.1, 0.35), (-9.0, -3.0), -4.0),
    "sniff": Breathing((0.3, 0.5), (0.3, 0.8), (0.0, 5.0), 2.0),
    "sigh": Breathing((0.8, 1.5), (0.1, 0.25), (-8.0, -2.0), 1.0),
    "pant": Breathing((0.3, 0.45), (0.3, 0.6), (-7.0, 0.0), 0.0),
}
ROUNDS = (("inhale", "exhale"), ("inhale",), ("sniff",), ("inhale", "sigh"), ("pant",) * 4)


def distractors(minutes: float, seed: int) -> Iterator[tuple[str, Float32[np.ndarray, " S"]]]:
    """(kind, waveform of 5 to 20 s at 16 kHz, peak at most 1) until `minutes` are reached.

    Every kind gets the same time. Item i depends on `seed` and i alone.
    """
    spent_sec = dict.fromkeys(KINDS, 0.0)
    index = 0
    while sum(spent_sec.values()) < 60.0 * minutes:
        kind = min(spent_sec, key=lambda name: spent_sec[name])
        rng = np.random.default_rng([seed, index])
        waveform = KINDS[kind](num_samples(rng.uniform(MIN_SEC, MAX_SEC)), rng)
        yield kind, _levelled(waveform, rng)
        spent_sec[kind] += len(waveform) / SPEECH_RATE_HZ
        index += 1


def breath(size: int, rng: np.random.Generator) -> np.ndarray:
    """One person who breathes, sniffs, pants and sighs, with pauses between, `[size]`."""
    tract_hz = TRACT_HZ * rng.uniform(0.85, 1.2)
    sound = np.zeros(size)
    time_sec, pause_sec = rng.uniform(0.0, 1.0), log_uniform(rng, 0.2, 2.5)
    while time_sec < size / SPEECH_RATE_HZ:
        for name in ROUNDS[rng.integers(len(ROUNDS))]:
            one = _one_breath(BREATHINGS[name], tract_hz, rng)
            set_at(sound, one, time_sec)
            time_sec += len(one) / SPEECH_RATE_HZ + rng.uniform(0.05, 0.4)
        time_sec += pause_sec * rng.uniform(0.5, 1.5)
    if rng.random() < 0.5:
        sound = in_room(sound, rng)
    if rng.random() < 0.7:
        slope = rng.uniform(-1.5, 0.0)
        floor = shaped_noise(size, rng, lambda hz: np.maximum(hz, 30.0) ** slope)
        sound += floor * (np.abs(sound).max() * from_db(rng.uniform(-75.0, -40.0)))
    return sound


def _one_breath(breathing: Breathing, tract_hz: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Noise through a tract that moves from one shape to another, under a rise and fall."""
    size = num_samples(rng.uniform(*breathing.length_sec))
    white = rng.standard_normal(size)
    part = (np.arange(size) + 0.5) / size
    tilt_db = rng.uniform(*breathing.tilt_db)
    shapes = [_through_tract(white, tract_hz, tilt_db, rng) for _ in range(2)]
    sound = shapes[0] * np.sqrt(1.0 - part) + shapes[1] * np.sqrt(part)
    loudest, steepness = rng.uniform(*breathing.loudest), rng.uniform(2.5, 6.0)
    rise, fall = steepness * loudest, steepness * (1.0 - loudest)
    envelope = (part / loudest) ** rise * ((1.0 - part) / (1.0 - loudest)) ** fall
    flutter = from_db(rng.uniform(0.0, 4.0) * wander(size, rng.uniform(6.0, 20.0), rng))
    return sound * envelope * flutter * from_db(breathing.level_db + rng.uniform(-8.0, 3.0))


def _through_tract(
    white: np.ndarray, tract_hz: np.ndarray, tilt_db: float, rng: np.random.Generator
) -> np.ndarray:
    centres_hz = tract_hz * rng.uniform(0.88, 1.12, len(tract_hz))
    widths_hz = rng.uniform(150.0, 500.0, len(tract_hz))
    gains = from_db(rng.uniform(-9.0, 0.0, len(tract_hz)))

    def gain_at(hz: np.ndarray) -> np.ndarray:
        octaves = np.log2(np.maximum(hz, 60.0) / 500.0)
        low_cut = 1.0 / (1.0 + (200.0 / np.maximum(hz, 1.0)) ** 2)
        return low_cut * from_db(tilt_db * octaves) * resonances(hz, centres_hz, widths_hz, gains)

    return unit_rms(filtered(white, gain_at))


def _levelled(waveform: np.ndarray, rng: np.random.Generator) -> Float32[np.ndarray, " S"]:
    """Without its mean, at a random peak level."""
    centred = waveform - waveform.mean()
    peak = from_db(rng.uniform(*PEAK_DB)) / max(np.abs(centred).max(), 1e-12)
    return np.clip(centred * peak, -1.0, 1.0).astype(np.float32)


KINDS: Mapping[str, Callable[[int, np.random.Generator], np.ndarray]] = {
    "breath": breath,
    "music": music,
    "noise": background_noise,
    "tones": tones,
}
