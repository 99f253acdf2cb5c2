"""Speech by espeak-ng in many languages, its phoneme events turned into phones with exact times."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from ctypes.util import find_library

import numpy as np

from ..core.audio import SPEECH_RATE_HZ
from .speech_inventory import SILENT, Articulation, parts
from .speech_languages import ESPEAK_VOICES
from .speech_spoken import Interval, Order, Spoken, finish, matched_stress
from .speech_synthesis import Espeak

# Labels later than the sound, as measured by `speech_offsets` with the closures in place.
LATE_SEC = 0.001
# espeak-ng tells a voiceless stop at its burst, after this much silence at most.
MAX_CLOSURE_SEC = 0.07
# Against the loudest millisecond.
CLOSED_DB, PAUSE_DB = -38.0, -30.0


class EspeakEngine:
    """espeak-ng: a formant synthesizer with many languages and a hundred ways to sound."""

    OWN_RATE = 165  # words a minute

    def __init__(self) -> None:
        self._espeak = Espeak()

    @staticmethod
    def available() -> bool:
        """Whether the library is installed."""
        return find_library("espeak-ng") is not None

    def voices(self, language: str) -> list[str]:
        """Variants, the same for every language."""
        return self._espeak.variants() if language in ESPEAK_VOICES else []

    def marked(self, text: str, accent: str) -> list[str]:
        """Phonemes of a text with their stress marks."""
        self._espeak.choose(accent)
        return self._espeak.phonemes(text)

    def speak(self, orders: Iterable[Order]) -> Iterator[Spoken]:
        """Speech for every order."""
        for order in orders:
            accents = ESPEAK_VOICES[order.language]
            accent = accents[order.accent % len(accents)]
            marked = self.marked(order.text, accent)
            self._espeak.choose(f"{accent}+{order.voice}")
            numbers = (self.OWN_RATE * order.tempo, 100 * order.pitch, 100 * order.pitch_range)
            waveform, events = self._espeak.say(order.text, *map(round, numbers))
            raw = espeak_intervals(events, waveform)
            raw = with_closures(raw, waveform, order.language)
            stress = matched_stress(raw, marked, order.language)
            yield finish(order, waveform, raw, stress, LATE_SEC)


def espeak_intervals(events: list[tuple[str, float]], waveform: np.ndarray) -> list[Interval]:
    """Events to intervals; what has no name is a pause where silent, else part of the phone before."""
    level_db = _level_db(waveform)
    intervals: list[Interval] = []
    ends = [start for _, start in events[1:]] + [len(waveform) / SPEECH_RATE_HZ]
    for (name, start_sec), end_sec in zip(events, ends, strict=True):
        if not parts(name):  # "(en)": the language changes
            continue
        if not name and intervals and not _is_silent(level_db, start_sec, end_sec):
            intervals[-1] = (intervals[-1][0], intervals[-1][1], end_sec)
        else:
            intervals.append((name or SILENT, start_sec, end_sec))
    return intervals


def _is_silent(level_db: np.ndarray, start_sec: float, end_sec: float) -> bool:
    span = level_db[round(1000 * start_sec) : round(1000 * end_sec)]
    return bool(len(span)) and float(np.median(span)) < PAUSE_DB


def with_closures(intervals: list[Interval], waveform: np.ndarray, language: str) -> list[Interval]:
    """Voiceless stops and affricates begin where the sound before their burst has died away."""
    level_db = _level_db(waveform)
    moved = list(intervals)
    for index in range(1, len(moved)):
        name, start_sec, end_sec = moved[index]
        shape = parts(name, language)[0].articulation
        if not _is_voiceless_stop(shape, parts(name, language)[0].phone):
            continue
        before, before_start_sec, _ = moved[index - 1]
        # Of a pause or a short sound before it at least half stays.
        earliest_sec = max(start_sec - MAX_CLOSURE_SEC, 0.5 * (before_start_sec + start_sec))
        new_start_sec = _closed_since(level_db, start_sec, earliest_sec)
        moved[index - 1] = before, before_start_sec, new_start_sec
        moved[index] = name, new_start_sec, end_sec
    return moved


def _is_voiceless_stop(shape: Articulation, phone: str) -> bool:
    return not shape.voiced and phone in ("P", "T", "K", "CH")


def _level_db(waveform: np.ndarray) -> np.ndarray:
    """Power of every millisecond against the loudest one, `[T]`, in dB."""
    hop = SPEECH_RATE_HZ // 1000
    power = (waveform[: len(waveform) // hop * hop].reshape(-1, hop) ** 2).mean(1)
    return 10.0 * np.log10(power / (power.max(initial=0.0) + 1e-12) + 1e-9)


def _closed_since(level_db: np.ndarray, burst_sec: float, earliest_sec: float) -> float:
    """Start of the silence that ends at the burst (found up to 10 ms around it), or the burst itself."""
    burst, earliest = round(1000 * burst_sec), round(1000 * earliest_sec)
    quiet = level_db < CLOSED_DB
    for end in range(min(burst + 10, len(quiet) - 1), max(burst - 15, earliest), -1):
        if quiet[end]:
            start = end
            while start > earliest and quiet[start - 1]:
                start -= 1
            return min(start / 1000.0, burst_sec)
    return burst_sec
