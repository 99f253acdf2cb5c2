"""Machines that beep, ring, hum and wail, for tests and augmentation of the speech network."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from ..core.audio import SPEECH_RATE_HZ
from .sound_shaping import (
    decays,
    faded,
    from_db,
    in_room,
    log_uniform,
    num_samples,
    set_at,
    shaped_noise,
    times_sec,
    wander,
)

DTMF_ROWS_HZ, DTMF_COLUMNS_HZ = (697, 770, 852, 941), (1209, 1336, 1477, 1633)
HUM_HZ = (50.0, 60.0, 100.0, 120.0, 400.0)
RATE_LIMIT_HZ = 7400.0


def tones(size: int, rng: np.random.Generator) -> np.ndarray:
    """One or two machines, at times in a room or over faint hiss, `[size]`."""
    sound = TONES[rng.integers(len(TONES))](size, rng)
    if rng.random() < 0.3:
        sound = sound + from_db(rng.uniform(-20.0, 0.0)) * TONES[rng.integers(len(TONES))](
            size, rng
        )
    if rng.random() < 0.4:
        sound = in_room(sound, rng)
    if rng.random() < 0.5:
        level = np.abs(sound).max() * from_db(rng.uniform(-80.0, -30.0))
        sound = sound + level * shaped_noise(size, rng, np.ones_like)
    return sound


def _wave(hz: np.ndarray, waveshape: int, rng: np.random.Generator) -> np.ndarray:
    """A sine (0), a square-like (1) or a sawtooth-like (2) oscillation of the given pitch `[S]`."""
    phase = 2.0 * np.pi * (np.cumsum(hz) / SPEECH_RATE_HZ + rng.random())
    if waveshape == 0:
        return np.sin(phase)
    orders = np.arange(1, 16, 2) if waveshape == 1 else np.arange(1, 11)
    orders = orders[orders * hz.max() < RATE_LIMIT_HZ]
    orders = orders if len(orders) else np.array([1])
    return sum(np.sin(order * phase) / order for order in orders)


def _steady(hz: float, length_sec: float, waveshape: int, rng: np.random.Generator) -> np.ndarray:
    return _wave(np.full(num_samples(length_sec), hz), waveshape, rng)


def _beeps(size: int, rng: np.random.Generator) -> np.ndarray:
    """Beeps in a rhythm: one to four pitches, groups with pauses, of electronics or chimes."""
    sound, time_sec = np.zeros(size), rng.uniform(0.0, 0.5)
    pitches_hz = [log_uniform(rng, 200.0, 4000.0) for _ in range(rng.integers(1, 5))]
    length_sec, gap_sec = log_uniform(rng, 0.04, 0.8), log_uniform(rng, 0.03, 0.6)
    group, pause_sec = rng.integers(1, 6), rng.uniform(0.2, 2.5)
    waveshape, rings = rng.integers(3), rng.random() < 0.3
    while time_sec < size / SPEECH_RATE_HZ:
        for index in range(group):
            beep = _steady(pitches_hz[index % len(pitches_hz)], length_sec, waveshape, rng)
            beep = beep * decays(len(beep), 1.5 * length_sec) if rings else beep
            set_at(sound, faded(beep, 0.004, 0.008), time_sec)
            time_sec += length_sec + gap_sec
        time_sec += pause_sec * rng.uniform(0.8, 1.2)
    return sound


def _siren(size: int, rng: np.random.Generator) -> np.ndarray:
    """A wail, a yelp or a two-tone horn whose pitch drops as it passes."""
    low_hz, ratio = log_uniform(rng, 300.0, 1000.0), rng.uniform(1.2, 2.5)
    turn = times_sec(size) * log_uniform(rng, 0.2, 4.0) + rng.random()
    shapes = (0.5 - 0.5 * np.cos(2 * np.pi * turn), turn % 1.0, (turn % 1.0 < 0.5).astype(float))
    height = shapes[rng.integers(3)]
    doppler = 1.0 + rng.uniform(0.0, 0.06) * np.tanh(rng.uniform(-2.0, 2.0) - times_sec(size) / 4.0)
    loudness = from_db(rng.uniform(0.0, 12.0) * wander(size, 0.3, rng))
    return loudness * _wave(low_hz * ratio**height * doppler, rng.integers(3), rng)


def _hum(size: int, rng: np.random.Generator) -> np.ndarray:
    """Mains, a transformer or a motor: a low line with harmonics, steady or drifting."""
    base_hz = rng.choice(HUM_HZ) if rng.random() < 0.6 else log_uniform(rng, 40.0, 300.0)
    drift = 1.0 + rng.uniform(0.0, 0.02) * wander(size, rng.uniform(0.2, 2.0), rng)
    turns = 2.0 * np.pi * np.cumsum(base_hz * drift) / SPEECH_RATE_HZ
    line = np.exp(1j * turns)
    total, power = np.zeros(size, complex), np.ones(size, complex)
    slope = rng.uniform(0.4, 2.0)
    for order in range(1, min(24, int(RATE_LIMIT_HZ / base_hz))):
        power = power * line
        total += power * (from_db(rng.uniform(-15.0, 0.0)) / order**slope)
    return (total * np.exp(2j * np.pi * rng.random())).imag


def _sweep(size: int, rng: np.random.Generator) -> np.ndarray:
    """Sweeps up or down, one slow or many fast."""
    sound, time_sec = np.zeros(size), 0.0
    waveshape, length_sec = rng.integers(3), log_uniform(rng, 0.1, 10.0)
    while time_sec < size / SPEECH_RATE_HZ:
        ends_hz = [log_uniform(rng, 60.0, 6500.0) for _ in range(2)]
        samples = num_samples(length_sec * rng.uniform(0.7, 1.3))
        sweep = _wave(np.geomspace(*ends_hz, samples), waveshape, rng)
        set_at(sound, faded(sweep, 0.005, 0.01), time_sec)
        time_sec += samples / SPEECH_RATE_HZ + rng.uniform(0.0, 0.5)
    return sound


def _dtmf(size: int, rng: np.random.Generator) -> np.ndarray:
    """Numbers dialled on a telephone (two sines each, ITU-T Q.23), with dial and busy tones."""
    sound, time_sec = np.zeros(size), rng.uniform(0.0, 0.5)
    press_sec, gap_sec = rng.uniform(0.06, 0.25), rng.uniform(0.04, 0.3)
    while time_sec < size / SPEECH_RATE_HZ:
        for _ in range(rng.integers(3, 13)):
            pair = rng.choice(DTMF_ROWS_HZ), rng.choice(DTMF_COLUMNS_HZ)
            key = sum(_steady(float(hz), press_sec, 0, rng) for hz in pair)
            set_at(sound, faded(key, 0.003, 0.003), time_sec)
            time_sec += press_sec + gap_sec
        on_sec = rng.choice([0.25, 0.5, 1.0, 2.0])
        for _ in range(rng.integers(0, 4)):
            tone = sum(
                _steady(hz, on_sec, 0, rng) for hz in (425.0, rng.choice([0.0, 350.0, 480.0]))
            )
            set_at(sound, faded(tone, 0.005, 0.005), time_sec)
            time_sec += 2 * on_sec
        time_sec += rng.uniform(0.3, 1.5)
    return sound


def _phone_ring(size: int, rng: np.random.Generator) -> np.ndarray:
    """Bells struck by a hammer, or two electronic pitches that alternate, in rings with pauses."""
    ring_sec, pause_sec = rng.uniform(0.4, 2.0), rng.uniform(0.4, 3.0)
    sound, time_sec = np.zeros(size), rng.uniform(0.0, 1.0)
    low_hz, strikes_hz = log_uniform(rng, 500.0, 1800.0), rng.uniform(10.0, 28.0)
    samples = num_samples(ring_sec)
    turn = times_sec(samples) * strikes_hz
    if rng.random() < 0.5:
        partials = [(low_hz * ratio, rng.uniform(0.2, 1.0)) for ratio in (1.0, 1.26, 2.4, 3.1, 4.2)]
        bells = sum(gain * _steady(hz, ring_sec, 0, rng) for hz, gain in partials if hz < 7500)
        ring = bells * np.exp(-rng.uniform(0.5, 3.0) * (turn % 1.0))
    else:
        step = np.where(turn % 1.0 < 0.5, 1.0, rng.uniform(1.1, 1.5))
        ring = _wave(low_hz * step, rng.integers(3), rng)
    ring = faded(ring, 0.005, 0.05)
    while time_sec < size / SPEECH_RATE_HZ:
        set_at(sound, ring, time_sec)
        time_sec += ring_sec + pause_sec
    return sound


TONES: tuple[Callable[[int, np.random.Generator], np.ndarray], ...] = (
    _beeps,
    _siren,
    _hum,
    _sweep,
    _dtmf,
    _phone_ring,
)
