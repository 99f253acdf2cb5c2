"""Noise of places and things: hiss, wind, rain, streets, fans, keys, doors, applause."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from ..core.audio import SPEECH_RATE_HZ
from .sound_shaping import (
    decays,
    from_db,
    in_room,
    log_uniform,
    num_samples,
    random_times_sec,
    resonances,
    scattered,
    shaped_noise,
    times_sec,
    wander,
)

LEAST_HZ = 25.0


def background_noise(size: int, rng: np.random.Generator) -> np.ndarray:
    """One place or two at once, `[size]`."""
    sound = NOISES[rng.integers(len(NOISES))](size, rng)
    if rng.random() < 0.4:
        other = NOISES[rng.integers(len(NOISES))](size, rng)
        share = from_db(rng.uniform(-20.0, 5.0))
        sound = sound / np.abs(sound).max() + share * other / np.abs(other).max()
    return in_room(sound, rng) if rng.random() < 0.3 else sound


def _coloured(size: int, rng: np.random.Generator) -> np.ndarray:
    """White, pink, brown and everything between, with a rippled spectrum; steady or drifting."""
    slope = rng.choice([0.0, -0.5, -1.0, rng.uniform(-1.2, 0.5)])
    ripple_db, turns = rng.uniform(0.0, 6.0), rng.uniform(1.0, 6.0)
    phase = rng.uniform(0.0, 2 * np.pi)

    def gain_at(hz: np.ndarray) -> np.ndarray:
        octaves = np.log2(np.maximum(hz, LEAST_HZ) / 1000.0)
        return from_db(
            20 * slope * np.log10(2) * octaves + ripple_db * np.sin(turns * octaves + phase)
        )

    drift_db = rng.choice([0.0, rng.uniform(0.0, 8.0)])
    return shaped_noise(size, rng, gain_at) * from_db(drift_db * wander(size, 0.5, rng))


def _wind(size: int, rng: np.random.Generator) -> np.ndarray:
    """Rumble on a microphone and whistling edges that rise with the gusts."""
    steep = rng.uniform(1.0, 1.8)
    rumble = shaped_noise(size, rng, lambda hz: np.maximum(hz, LEAST_HZ) ** -steep)
    whistles_hz = rng.uniform(250.0, 1800.0, 3)
    widths_hz = whistles_hz * rng.uniform(0.08, 0.6, 3)
    whistle = shaped_noise(
        size, rng, lambda hz: resonances(hz, whistles_hz, widths_hz, np.ones(3)) ** 2
    )
    gust = 0.5 + 0.5 * wander(size, rng.uniform(0.3, 1.5), rng)
    fine = from_db(4.0 * wander(size, rng.uniform(5.0, 15.0), rng))
    return (gust**1.5 * rumble + from_db(rng.uniform(-25.0, 0.0)) * gust**3 * whistle) * fine


def _rain(size: int, rng: np.random.Generator) -> np.ndarray:
    """A hiss of far drops and single near ones that ring on what they hit."""
    slope = rng.uniform(-0.5, 0.3)
    hiss = shaped_noise(size, rng, lambda hz: (hz > 300) * np.maximum(hz, LEAST_HZ) ** slope)
    grains = []
    for _ in range(6):
        length = num_samples(rng.uniform(0.005, 0.04))
        drop = np.sin(2 * np.pi * log_uniform(rng, 600.0, 6000.0) * times_sec(length))
        drop = drop + rng.uniform(0.0, 1.0) * rng.standard_normal(length)
        grains.append(drop * decays(length, length / SPEECH_RATE_HZ))
    moments = random_times_sec(size, log_uniform(rng, 3.0, 300.0), rng)
    drops = scattered(size, moments, rng.lognormal(0.0, 0.9, len(moments)), grains, rng)
    heavy = from_db(3.0 * wander(size, 0.4, rng))
    return heavy * (from_db(rng.uniform(-30.0, -5.0)) * hiss + 0.5 * drops)


def _traffic(size: int, rng: np.random.Generator) -> np.ndarray:
    """A street: rumble, and vehicles whose engine and tyres come and go."""
    sound = 0.3 * shaped_noise(size, rng, lambda hz: np.maximum(hz, LEAST_HZ) ** -1.3)
    seconds = times_sec(size)
    for _ in range(rng.integers(1, 5)):
        passes_sec, width_sec = rng.uniform(-1.0, seconds[-1] + 1.0), rng.uniform(0.6, 4.0)
        nearness = 1.0 / (1.0 + ((seconds - passes_sec) / width_sec) ** 2)
        middle_hz = log_uniform(rng, 300.0, 1500.0)
        tyres = shaped_noise(
            size, rng, lambda hz, middle_hz=middle_hz: 1.0 / (1.0 + (hz / middle_hz) ** 2)
        )
        doppler = 1.0 - 0.05 * np.tanh((seconds - passes_sec) / width_sec)
        phase = 2 * np.pi * np.cumsum(log_uniform(rng, 30.0, 120.0) * doppler) / SPEECH_RATE_HZ
        engine = sum(rng.uniform(0.1, 1.0) / k * np.sin(k * phase + k) for k in (1, 2, 3, 4, 6))
        share = rng.uniform(0.0, 1.0)
        sound += rng.uniform(0.3, 1.5) * nearness**1.5 * (tyres + share * engine)
    return sound


def _fan(size: int, rng: np.random.Generator) -> np.ndarray:
    """Air through blades: noise that the blades modulate, with their tone and its harmonics."""
    middle_hz, slope = log_uniform(rng, 200.0, 2000.0), rng.uniform(0.7, 2.0)
    air = shaped_noise(size, rng, lambda hz: 1.0 / (1.0 + (hz / middle_hz) ** slope))
    blade_hz = log_uniform(rng, 20.0, 300.0)
    turns = np.cumsum(blade_hz * (1.0 + 0.01 * wander(size, 0.5, rng))) / SPEECH_RATE_HZ
    line = sum(rng.uniform(0.0, 1.0) / k * np.sin(2 * np.pi * k * turns + k) for k in range(1, 6))
    depth = rng.uniform(0.0, 0.3)
    return air * (1.0 + depth * np.sin(2 * np.pi * turns)) + rng.uniform(0.0, 0.6) * line


def _knock(length_sec: float, modes_hz: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """A hit on a thing with the given resonances."""
    length = num_samples(length_sec)
    seconds = times_sec(length)
    modes = [
        rng.uniform(0.2, 1.0) * np.sin(2 * np.pi * hz * seconds + rng.uniform(0, 6.28))
        * decays(length, length_sec * rng.uniform(0.3, 1.0))
        for hz in modes_hz
    ]  # fmt: skip
    contact = rng.standard_normal(length) * decays(length, rng.uniform(0.003, 0.02))
    return sum(modes) + rng.uniform(0.3, 2.0) * contact


def _keyboard(size: int, rng: np.random.Generator) -> np.ndarray:
    """Somebody types: bursts of clicks, each key going down and up."""
    grains = [
        _knock(rng.uniform(0.015, 0.06), rng.uniform(300.0, 6000.0, 4), rng) for _ in range(5)
    ]
    count = int(size / SPEECH_RATE_HZ * rng.uniform(3.0, 9.0)) + 1
    gaps_sec = rng.gamma(2.0, 0.07, count) + (rng.random(count) < 0.08) * rng.uniform(
        0.3, 1.5, count
    )
    down = np.cumsum(gaps_sec)
    moments = np.concatenate([down, down + rng.uniform(0.06, 0.12, count)])
    gains = np.concatenate([np.ones(count), np.full(count, 0.4)]) * rng.lognormal(0, 0.3, 2 * count)
    inside = moments < size / SPEECH_RATE_HZ
    return scattered(size, moments[inside], gains[inside], grains, rng)


def _bangs(size: int, rng: np.random.Generator) -> np.ndarray:
    """Doors, steps, knocks and things set down."""
    grains = []
    for _ in range(rng.integers(1, 4)):
        low_hz = log_uniform(rng, 50.0, 600.0)
        grains.append(_knock(rng.uniform(0.06, 0.5), low_hz * np.array([1.0, 1.6, 2.3, 3.9]), rng))
    moments = random_times_sec(size, log_uniform(rng, 0.3, 4.0), rng)
    if rng.random() < 0.4:  # walking
        moments = np.arange(rng.uniform(0.0, 0.5), size / SPEECH_RATE_HZ, rng.uniform(0.35, 0.7))
        moments = np.maximum(moments + rng.normal(0.0, 0.02, len(moments)), 0.0)
    return in_room(scattered(size, moments, rng.lognormal(0, 0.6, len(moments)), grains, rng), rng)


def _applause(size: int, rng: np.random.Generator) -> np.ndarray:
    """Many hands: short bursts about 1 to 3 kHz, denser and thinner by turns (after Repp 1987)."""
    grains = []
    for _ in range(8):
        length = num_samples(rng.uniform(0.006, 0.03))
        middle_hz = log_uniform(rng, 700.0, 3500.0)
        burst = shaped_noise(
            length, rng, lambda hz, at=middle_hz: resonances(hz, [at], [0.8 * at], [1.0]) ** 2
        )
        grains.append(burst * decays(length, length / SPEECH_RATE_HZ))
    moments = random_times_sec(size, log_uniform(rng, 4.0, 1500.0), rng)
    claps = scattered(size, moments, rng.lognormal(0.0, 0.7, len(moments)), grains, rng)
    return in_room(claps * from_db(10.0 * wander(size, 0.25, rng)), rng)


NOISES: tuple[Callable[[int, np.random.Generator], np.ndarray], ...] = (
    _coloured,
    _wind,
    _rain,
    _traffic,
    _fan,
    _keyboard,
    _bangs,
    _applause,
)
