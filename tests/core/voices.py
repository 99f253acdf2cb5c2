"""Made-up voices whose syllables, stresses and pauses are known, and what scores motion against them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

RATE = 16_000
BEAT_SIGMA_SEC = 0.12


@dataclass(frozen=True)
class Voice:
    """A waveform of 16 kHz with the times of its syllables, of the stressed ones, and its phrases."""

    waveform: np.ndarray
    syllables_sec: np.ndarray
    stressed_sec: np.ndarray
    phrases: np.ndarray

    @property
    def duration_sec(self) -> float:
        return len(self.waveform) / RATE


def speak(duration_sec: float, seed: int, base_hz: float = 120.0) -> Voice:
    """Syllables of a buzz through two formants; a quarter are higher, louder and longer."""
    rng = np.random.default_rng(seed)
    size = int(duration_sec * RATE)
    pitch, gain = np.full(size, np.log2(base_hz)), np.zeros(size)
    formant = np.full(size, 500.0)
    syllables, stressed, phrases = [], [], []
    time = 0.3
    while time < duration_sec - 3.0:
        start, count = time, rng.integers(5, 14)
        for index in range(count):
            is_stressed = index % 4 == rng.integers(0, 4)
            length = rng.uniform(0.2, 0.26) if is_stressed else rng.uniform(0.13, 0.17)
            span = slice(int(time * RATE), int((time + length) * RATE))
            hump = np.sin(np.linspace(0, np.pi, span.stop - span.start)) ** 0.7
            gain[span] = hump * (1.0 if is_stressed else 0.55)
            fall = 0.3 * (time - start) / 3.0
            pitch[span] += hump * (0.35 if is_stressed else 0.08) - fall
            formant[span] = rng.uniform(350, 800)
            syllables.append(time + length / 2)
            if is_stressed:
                stressed.append(time + length / 2)
            time += length + 0.05
        phrases.append((start, time - 0.05))
        time += rng.uniform(0.35, 1.2)
    phase = np.cumsum(2.0**pitch) / RATE
    waveform = np.zeros(size)
    for harmonic in range(1, 25):
        hz = harmonic * 2.0**pitch
        shape = 1 / (1 + ((hz - formant) / 120) ** 2) + 0.4 / (1 + ((hz - 1500) / 200) ** 2)
        waveform += (shape + 0.05) / harmonic**0.5 * np.sin(2 * np.pi * harmonic * phase)
    waveform = 0.1 * gain * waveform + rng.normal(0, 3e-4, size)
    return Voice(
        waveform.astype(np.float32), np.array(syllables), np.array(stressed), np.array(phrases)
    )


def motion_beats(rotation: np.ndarray, rate_hz: float) -> np.ndarray:
    """Seconds at which the angular speed of rotation vectors `[T, 3]` peaks above its mean."""
    speed = np.linalg.norm(np.gradient(rotation, axis=0), axis=1)
    is_peak = (speed[1:-1] > speed[:-2]) & (speed[1:-1] >= speed[2:])
    return (np.flatnonzero(is_peak & (speed[1:-1] > speed.mean())) + 1) / rate_hz


def alignment(motion_sec: np.ndarray, beats_sec: np.ndarray) -> float:
    """How near motion beats lie to the beats of a sound, 0 to 1 (beat alignment score)."""
    apart = np.abs(beats_sec[:, None] - motion_sec[None]).min(1)
    return float(np.exp(-0.5 * (apart / BEAT_SIGMA_SEC) ** 2).mean())
