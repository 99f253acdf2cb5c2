"""What a filmed person says: phrases of real recordings with their phones, one after the other.

All phrases of one film are one reader's. The readers are those that the speech network never heard.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from ...core.audio import SPEECH_RATE_HZ, load_audio
from ..speech_recordings import CROWD, HELD_OUT, VALIDATION, Recording, recordings
from .sources import StudioError

Phones = list[tuple[str, float, float]]
SILENCE, MIN_PAUSE_SEC = "SIL", 0.12
LEAD_SEC, GAP_SEC, FADE_SEC = 0.45, 0.35, 0.02
PHRASE_SEC, NEAR_SEC, SHORTEST_SEC, LONGEST_SEC = 3.5, 0.4, 1.2, 5.0
MIN_PHRASES = 6
CREDIT = "LibriSpeech (c) 2014 by Vassil Panayotov, CC BY 4.0"


@dataclass(frozen=True)
class Phrase:
    """A part of one recording between two pauses."""

    recording: Recording
    start_sec: float
    end_sec: float

    @property
    def duration_sec(self) -> float:
        """How long it lasts."""
        return self.end_sec - self.start_sec

    def phones(self) -> Phones:
        """Its phones, in seconds from its start."""
        inside = (
            (name, max(start, self.start_sec), min(end, self.end_sec))
            for name, start, end in self.recording.phones
            if end > self.start_sec and start < self.end_sec
        )
        return [(n, start - self.start_sec, end - self.start_sec) for n, start, end in inside]

    def samples(self) -> np.ndarray:
        """Its sound [S] at 16 kHz, faded at both ends."""
        waveform, rate = load_audio(self.recording.path)
        if rate != SPEECH_RATE_HZ:
            raise StudioError(f"'{self.recording.path}' has {rate} Hz: give recordings of 16 kHz.")
        part = waveform[round(self.start_sec * rate) : round(self.end_sec * rate)].copy()
        fade = min(round(FADE_SEC * rate), len(part) // 2)
        ramp = np.linspace(0.0, 1.0, fade, dtype=np.float32)
        part[:fade] *= ramp
        part[len(part) - fade :] *= ramp[::-1]
        return part


@dataclass
class Speech:
    """The sound of a film and its phones."""

    waveform: np.ndarray  # [S] at 16 kHz
    phones: Phones
    # Where each phrase begins and ends, and what recording it is of.
    phrases: list[tuple[float, float, str]] = field(default_factory=list)


def readers(data: Path) -> dict[str, list[Recording]]:
    """Recordings by reader, of those readers of several whom the speech network never heard."""
    everything = [r for r in recordings(data) if r.corpus == "multi_en" and r.speaker != CROWD]
    kept = {r.speaker for r in everything if r.name in (*HELD_OUT, *VALIDATION)}
    found: dict[str, list[Recording]] = {}
    for recording in everything:
        if recording.speaker in kept:
            found.setdefault(recording.speaker, []).append(recording)
    return {name: clips for name, clips in found.items() if len(phrases_of(clips)) >= MIN_PHRASES}


def phrases_of(clips: list[Recording], target_sec: float = PHRASE_SEC) -> list[Phrase]:
    """Of each recording the parts between pauses that come nearest to `target_sec`, none overlapping."""
    found = []
    for clip in clips:
        cuts = [0.5 * (a + b) for n, a, b in clip.phones if n == SILENCE and b - a > MIN_PAUSE_SEC]
        cuts = sorted({max(clip.phones[0][1] - 0.1, 0.0), *cuts, clip.phones[-1][2]})
        spans = [
            Phrase(clip, start, end)
            for i, start in enumerate(cuts)
            for end in cuts[i + 1 :]
            if SHORTEST_SEC <= end - start <= LONGEST_SEC
        ]
        for span in sorted(spans, key=lambda s: abs(s.duration_sec - target_sec)):
            taken = [p for p in found if p.recording is clip]
            if all(span.end_sec <= p.start_sec or span.start_sec >= p.end_sec for p in taken):
                found.append(span)
    return found


def speech_of(
    phrases: list[Phrase], duration_sec: float, target_sec: float = PHRASE_SEC
) -> tuple[Speech, list[Phrase]]:
    """Phrases one after the other until `duration_sec` is full, and the phrases that are left over."""
    left = sorted(phrases, key=lambda p: abs(p.duration_sec - target_sec) > NEAR_SEC)
    speech = Speech(np.zeros(round(duration_sec * SPEECH_RATE_HZ), np.float32), [])
    now_sec = min(LEAD_SEC, 0.1 * duration_sec)
    said: set[str] = set()
    while now_sec < duration_sec - 0.5 * SHORTEST_SEC and left:
        fresh = [p for p in left if p.recording.name not in said] or left
        room_sec = duration_sec - now_sec
        phrase = next((p for p in fresh if p.duration_sec <= room_sec), None) or min(
            fresh, key=lambda p: p.duration_sec
        )
        left.remove(phrase)
        said.add(phrase.recording.name)
        _say(speech, phrase, now_sec)
        now_sec += phrase.duration_sec + GAP_SEC
    return speech, left


def _say(speech: Speech, phrase: Phrase, start_sec: float) -> None:
    """Lay a phrase into the sound; what has no room there is cut off."""
    duration_sec = len(speech.waveform) / SPEECH_RATE_HZ
    first = round(start_sec * SPEECH_RATE_HZ)
    samples = phrase.samples()[: len(speech.waveform) - first]
    speech.waveform[first : first + len(samples)] = samples
    before = speech.phones[-1][2] if speech.phones else 0.0
    speech.phones.append((SILENCE, before, start_sec))
    for name, start, end in phrase.phones():
        if start_sec + start < duration_sec:
            end_sec = min(start_sec + end, duration_sec)
            speech.phones.append((name, start_sec + start, end_sec))
    end_sec = min(start_sec + phrase.duration_sec, duration_sec)
    speech.phrases.append((start_sec, end_sec, phrase.recording.name))
