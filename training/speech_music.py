"""Made-up music: chords, melodies, bass and drums of random instruments, keys and tempi."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from ..core.audio import SPEECH_RATE_HZ
from .sound_shaping import (
    decays,
    faded,
    from_db,
    in_room,
    num_samples,
    scattered,
    set_at,
    shaped_noise,
    times_sec,
    unit_rms,
)
from .speech_instruments import INSTRUMENTS, Instrument

SCALES = ((0, 2, 4, 5, 7, 9, 11), (0, 2, 3, 5, 7, 8, 10), (0, 2, 3, 5, 7, 9, 10), (0, 2, 4, 7, 9))
PROGRESSIONS = ((0, 3, 4, 0), (0, 5, 3, 4), (1, 4, 0, 0), (0, 4, 5, 3), (0, 0, 3, 4), (5, 3, 0, 4))
LAYER_CHANCE = {"chords": 0.7, "melody": 0.7, "bass": 0.5, "drums": 0.45}
NOTE_BEATS = (0.5, 0.5, 0.5, 1.0, 1.0, 1.5, 2.0, 0.25)


@dataclass(frozen=True)
class Note:
    """A note of a piece; `pitch` counts semitones, 69 being 440 Hz."""

    start_sec: float
    length_sec: float
    pitch: float
    gain: float


@dataclass(frozen=True)
class Piece:
    """Key, tempo and harmony that the layers of a piece share."""

    length_sec: float
    beat_sec: float
    beats_in_bar: int
    tonic: float
    scale: tuple[int, ...]
    progression: tuple[int, ...]

    def pitch(self, degree: int) -> float:
        """Semitones of a degree of the scale, octaves above and below included."""
        octave, step = divmod(degree, len(self.scale))
        return self.tonic + 12 * octave + self.scale[step]

    def chord(self, time_sec: float) -> int:
        """Degree on which the harmony of that bar stands."""
        bar = int(time_sec / (self.beat_sec * self.beats_in_bar))
        return self.progression[bar % len(self.progression)]


def music(size: int, rng: np.random.Generator) -> np.ndarray:
    """A piece for one to four layers, at times in a room, `[size]`."""
    piece = Piece(
        length_sec=size / SPEECH_RATE_HZ,
        beat_sec=60.0 / rng.uniform(60.0, 160.0),
        beats_in_bar=int(rng.choice([3, 4, 4])),
        tonic=rng.integers(45, 57) + rng.uniform(-0.5, 0.5),
        scale=SCALES[rng.integers(len(SCALES))],
        progression=PROGRESSIONS[rng.integers(len(PROGRESSIONS))],
    )
    layers = [name for name, chance in LAYER_CHANCE.items() if rng.random() < chance]
    sound = np.zeros(size)
    for layer in layers or [list(LAYER_CHANCE)[rng.integers(len(LAYER_CHANCE))]]:
        sound += from_db(rng.uniform(-12.0, 0.0)) * unit_rms(LAYERS[layer](size, piece, rng))
    return in_room(sound, rng) if rng.random() < 0.6 else sound


def _play(size: int, notes: list[Note], instrument: Instrument) -> np.ndarray:
    """Every pitch is made once, as long as its longest note, and set wherever it is due."""
    longest: dict[float, float] = {}
    for note in notes:
        longest[note.pitch] = max(note.length_sec, longest.get(note.pitch, 0.0))
    made = {
        pitch: instrument(440.0 * 2.0 ** ((pitch - 69.0) / 12.0), num_samples(length))
        for pitch, length in longest.items()
    }
    sound = np.zeros(size)
    for note in notes:
        tone = made[note.pitch][: num_samples(note.length_sec)]
        set_at(sound, note.gain * faded(tone, 0.002, 0.03), note.start_sec)
    return sound


def _melody(size: int, piece: Piece, rng: np.random.Generator) -> np.ndarray:
    """Mostly steps, at times leaps or rests; near the chord on strong beats."""
    octave = 12 * rng.integers(0, 3)
    degree, time_sec, notes = int(rng.integers(0, 7)), 0.0, []
    legato = rng.uniform(0.6, 1.4)
    while time_sec < piece.length_sec:
        beats = rng.choice(NOTE_BEATS)
        if rng.random() < 0.85:
            pitch = piece.pitch(degree) + octave
            length_sec = min(beats * piece.beat_sec * legato, 3.0)
            notes.append(Note(time_sec, length_sec, pitch, rng.uniform(0.5, 1.0)))
        step = rng.choice([-2, -1, -1, 1, 1, 2, rng.integers(-5, 6)])
        degree = int(np.clip(degree + step, -3, 12))
        if rng.random() < 0.3:
            degree = piece.chord(time_sec) + 2 * int(rng.integers(0, 3))
        time_sec += beats * piece.beat_sec
    return _play(size, notes, INSTRUMENTS[rng.integers(len(INSTRUMENTS))](rng))


def _chords(size: int, piece: Piece, rng: np.random.Generator) -> np.ndarray:
    """Three or four notes a bar, held, repeated or broken."""
    voices, manner = int(rng.integers(3, 5)), rng.integers(3)
    every_sec = piece.beat_sec * (piece.beats_in_bar, 1, 0.5)[manner]
    notes = []
    for index, time_sec in enumerate(np.arange(0.0, piece.length_sec, every_sec)):
        degrees = [piece.chord(time_sec + 1e-6) + 2 * voice for voice in range(voices)]
        for degree in degrees if manner < 2 else [degrees[index % voices]]:
            length_sec = every_sec * (1.0 if manner < 2 else 2.0)
            notes.append(Note(time_sec, length_sec, piece.pitch(degree), rng.uniform(0.6, 1.0)))
    return _play(size, notes, INSTRUMENTS[rng.integers(len(INSTRUMENTS))](rng))


def _bass(size: int, piece: Piece, rng: np.random.Generator) -> np.ndarray:
    """Roots, fifths and octaves, one to four a bar."""
    every_sec = piece.beat_sec * rng.choice([0.5, 1.0, 2.0, piece.beats_in_bar])
    notes = []
    for time_sec in np.arange(0.0, piece.length_sec, every_sec):
        degree = piece.chord(time_sec + 1e-6) + int(rng.choice([0, 0, 0, 4, 7]))
        notes.append(Note(time_sec, every_sec, piece.pitch(degree) - 12, rng.uniform(0.7, 1.0)))
    return _play(size, notes, INSTRUMENTS[rng.integers(len(INSTRUMENTS))](rng))


def _drums(size: int, piece: Piece, rng: np.random.Generator) -> np.ndarray:
    """A pattern of eighths or sixteenths that repeats each bar: kick, snare, hats, a tom."""
    steps = piece.beats_in_bar * int(rng.choice([2, 4]))
    step_sec = piece.beat_sec * piece.beats_in_bar / steps
    accents = np.arange(steps) % (steps // piece.beats_in_bar) == 0
    sound = np.zeros(size)
    for make, on_beat, off_beat in ((_kick, 0.6, 0.15), (_snare, 0.4, 0.1), (_hat, 0.9, 0.7)):
        pattern = rng.random(steps) < np.where(accents, on_beat, off_beat)
        due = np.arange(0.0, piece.length_sec, step_sec)
        due = due[pattern[np.arange(len(due)) % steps]]
        due = np.clip(due + rng.normal(0.0, 0.004, len(due)), 0.0, None)
        gains = rng.uniform(0.6, 1.0, len(due)) * rng.uniform(0.3, 1.0)
        sound += scattered(size, due, gains, [make(rng) for _ in range(2)], rng)
    return sound


def _kick(rng: np.random.Generator) -> np.ndarray:
    size = num_samples(rng.uniform(0.12, 0.4))
    low_hz, fall_sec = rng.uniform(40.0, 90.0), rng.uniform(0.02, 0.06)
    hz = low_hz * (1.0 + rng.uniform(1.0, 4.0) * np.exp(-times_sec(size) / fall_sec))
    return np.sin(2 * np.pi * np.cumsum(hz) / SPEECH_RATE_HZ) * decays(size, size / SPEECH_RATE_HZ)


def _snare(rng: np.random.Generator) -> np.ndarray:
    size = num_samples(rng.uniform(0.08, 0.25))
    rattle = shaped_noise(size, rng, lambda hz: hz / (1000.0 + hz))
    skin = np.sin(2 * np.pi * rng.uniform(150.0, 350.0) * times_sec(size))
    return (0.5 * rattle + rng.uniform(0.2, 1.0) * skin) * decays(size, size / SPEECH_RATE_HZ)


def _hat(rng: np.random.Generator) -> np.ndarray:
    size, low_hz = num_samples(rng.uniform(0.03, 0.3)), rng.uniform(3000.0, 6000.0)
    hiss = shaped_noise(size, rng, lambda hz: 1.0 / (1.0 + (low_hz / np.maximum(hz, 1.0)) ** 8))
    return 0.4 * hiss * decays(size, size / SPEECH_RATE_HZ)


LAYERS: dict[str, Callable[[int, Piece, np.random.Generator], np.ndarray]] = {
    "chords": _chords,
    "melody": _melody,
    "bass": _bass,
    "drums": _drums,
}
