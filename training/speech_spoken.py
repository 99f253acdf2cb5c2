"""Speech with phones in IPA, their exact times and its prosody: what every synthesizer here makes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher

import numpy as np

from ..core.audio import SPEECH_RATE_HZ
from .speech_inventory import (
    CLASS_INDEX,
    CLASSES_OF_TWO,
    ENGLISH_CLASS,
    SILENT,
    Articulation,
    features,
    parts,
)

PEAK = 0.95
MIN_PHONE_SEC = 0.01
PHRASE_PAUSE_SEC = 0.08

Interval = tuple[str, float, float]


@dataclass(frozen=True)
class Order:
    """What to say and how: tempo 1 is the voice's own; pitch and its range from 0 to 1."""

    text: str
    language: str
    voice: str
    tempo: float = 1.0
    pitch: float = 0.5
    pitch_range: float = 0.5
    accent: int = 0  # which of the language's voices, counted round


@dataclass(frozen=True)
class Spoken:
    """A waveform `[S]` at 16 kHz, its phones (IPA, start, end) without gaps, and its prosody, in seconds."""

    order: Order
    waveform: np.ndarray
    phones: list[Interval]
    stress: list[float]  # where stressed vowels begin
    phrase_end: list[float]  # where the sound before a pause ends


def finish(
    order: Order, waveform: np.ndarray, raw: list[Interval], stress: list[float], late_sec: float
) -> Spoken:
    """Shift the labels onto the sound, close every gap, join slivers, keep the peak below 1."""
    duration_sec = len(waveform) / SPEECH_RATE_HZ
    phones: list[Interval] = []
    previous_end = 0.0
    for name, start_sec, end_sec in [(n, s - late_sec, e - late_sec) for n, s, e in raw]:
        start_sec, end_sec = (
            min(max(sec, previous_end), duration_sec) for sec in (start_sec, end_sec)
        )
        if start_sec > previous_end:
            phones.append((SILENT, previous_end, start_sec))
        phones.append((name, start_sec, end_sec))
        previous_end = end_sec
    if previous_end < duration_sec:
        phones.append((SILENT, previous_end, duration_sec))
    phones = without_slivers(phones)
    peak = float(np.abs(waveform).max(initial=0.0))
    gain = min(1.0, PEAK / peak) if peak else 1.0
    stressed = sorted(round(min(max(sec - late_sec, 0.0), duration_sec), 4) for sec in stress)
    return Spoken(order, waveform * np.float32(gain), phones, stressed, phrase_ends(phones))


def without_slivers(phones: list[Interval]) -> list[Interval]:
    """Phones of at least 10 ms: a shorter one gives its time to the one before it (the first: after).

    Pauses that follow each other become one.
    """
    kept: list[Interval] = []
    for name, start_sec, end_sec in phones:
        joins = kept and (end_sec - start_sec < MIN_PHONE_SEC or name == kept[-1][0] == SILENT)
        if joins:
            kept[-1] = (kept[-1][0], kept[-1][1], end_sec)
        elif kept and len(kept) == 1 and kept[0][2] - kept[0][1] < MIN_PHONE_SEC:
            kept[0] = (name, kept[0][1], end_sec)
        else:
            kept.append((name, start_sec, end_sec))
    return kept


def phrase_ends(phones: list[Interval]) -> list[float]:
    """Where sound ends before a pause of at least 80 ms, and where the last sound ends."""
    ends = {
        before[2]
        for before, pause in zip(phones, phones[1:], strict=False)
        if before[0] != SILENT and pause[0] == SILENT and pause[2] - pause[1] >= PHRASE_PAUSE_SEC
    }
    last = [end_sec for name, _, end_sec in phones if name != SILENT][-1:]
    return sorted(ends.union(last))


def matched_stress(phones: list[Interval], marked: list[str], language: str) -> list[float]:
    """Starts of the phones that stand where `marked` phonemes carry a primary stress mark."""
    spoken = [p for p in phones if p[0] != SILENT and parts(p[0], language)]
    named = [(name, parts(name, language)) for name in marked]
    named = [(name, its) for name, its in named if its and its[0].phone != "SIL"]
    matcher = SequenceMatcher(
        None,
        [parts(p[0], language)[0].phone for p in spoken],
        [its[0].phone for _, its in named],
        autojunk=False,
    )
    return [
        spoken[block.a + i][1]
        for block in matcher.get_matching_blocks()
        for i in range(block.size)
        if "ˈ" in named[block.b + i][0]
    ]


def part_intervals(
    phones: list[Interval], language: str
) -> Iterator[tuple[str, Articulation, float, float]]:
    """(class, articulation, start, end) of every part: affricates and diphthongs are split."""
    for name, start_sec, end_sec in phones:
        edge_sec = start_sec
        for part in parts(name, language):
            next_sec = edge_sec + part.share * (end_sec - start_sec)
            yield part.phone, part.articulation, edge_sec, next_sec
            edge_sec = next_sec


def class_intervals(
    phones: list[Interval], language: str, english_only: bool = False
) -> list[Interval]:
    """Phones as (class, start, end), of the 44 classes or, `english_only`, of the network's 40."""
    found: list[Interval] = []
    for phone, _, start_sec, end_sec in part_intervals(phones, language):
        phone = ENGLISH_CLASS[phone] if english_only else phone
        if found and found[-1][0] == phone and phone in CLASSES_OF_TWO:
            found[-1] = (phone, found[-1][1], end_sec)
        else:
            found.append((phone, start_sec, end_sec))
    return found


def frame_labels(phones: Sequence[Interval], rate_hz: float, num_frames: int) -> np.ndarray:
    """Class (of `ALL_PHONES`) at every frame of phones that are given as classes, `[F]` uint8."""
    labels = np.full(num_frames, CLASS_INDEX["SIL"], np.uint8)
    for name, start_sec, end_sec in phones:
        first, last = (round(sec * rate_hz) for sec in (start_sec, end_sec))
        labels[max(first, 0) : max(last, 0)] = CLASS_INDEX[name]
    return labels


def articulation_track(
    phones: list[Interval], language: str, rate_hz: float, num_frames: int
) -> np.ndarray:
    """Features of `Articulation` at every frame, `[F, 13]`, the fields in their order."""
    track = np.tile(np.float32(features(parts(SILENT)[0].articulation)), (num_frames, 1))
    for _, shape, start_sec, end_sec in part_intervals(phones, language):
        track[round(start_sec * rate_hz) : round(end_sec * rate_hz)] = features(shape)
    return track
