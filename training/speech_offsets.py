"""Measures how late each engine's phone labels are against its sound.

Run: python -m gaussian_heads.training.speech_offsets [--engines espeak flite festival] [--sentences 12]

Sibilants are loud above 3.5 kHz and vowels between 300 and 1200 Hz, whoever speaks: the labels are
shifted until they fit best with the share of energy in these bands. What is printed is what is left
after the shifts that the engines already make (`LATE_SEC` in their modules): add it to them.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections import defaultdict
from dataclasses import fields

import numpy as np

from ..core.audio import SPEECH_RATE_HZ
from .speech_engines import ENGINES
from .speech_inventory import Articulation
from .speech_languages import LANGUAGES, sentences
from .speech_spoken import Order, Spoken, articulation_track

HOP_SEC = 0.001
WINDOW_SEC = 0.012
MAX_SHIFT_SEC = 0.05
HISS_HZ = (3500.0, 7800.0)
VOWEL_HZ = (300.0, 1200.0)


def band_energies_db(waveform: np.ndarray) -> np.ndarray:
    """Energy of the sibilants' and the vowels' band every millisecond, `[T, 2]`, in dB over a floor."""
    hop, window = round(HOP_SEC * SPEECH_RATE_HZ), round(WINDOW_SEC * SPEECH_RATE_HZ)
    padded = np.pad(waveform, (window // 2, window // 2))
    frames = np.lib.stride_tricks.sliding_window_view(padded, window)[::hop]
    power = np.abs(np.fft.rfft(frames * np.hanning(window), axis=1)) ** 2
    bins_hz = np.fft.rfftfreq(window, 1 / SPEECH_RATE_HZ)
    bands = [
        power[:, (low <= bins_hz) & (bins_hz < high)].sum(1) for low, high in (HISS_HZ, VOWEL_HZ)
    ]
    floor = 1e-4 * power.sum(1).mean() + 1e-12
    return 10.0 * np.log10(np.stack(bands, 1) + floor)


def label_masks(one: Spoken, num_frames: int) -> np.ndarray:
    """Where a sibilant and where a vowel is labelled, `[T, 2]`, one row a millisecond."""
    names = [field.name for field in fields(Articulation)]
    track = articulation_track(one.phones, one.order.language, 1.0 / HOP_SEC, num_frames)
    return track[:, [names.index("sibilant"), names.index("vowel")]]


def labels_late_sec(spoken: list[Spoken]) -> float:
    """How much later the labels are than the sound, where both fit best (both bands together)."""
    shifts = np.arange(-round(MAX_SHIFT_SEC / HOP_SEC), round(MAX_SHIFT_SEC / HOP_SEC) + 1)
    scores = np.zeros(len(shifts))
    for one in spoken:
        energies = band_energies_db(one.waveform)
        energies = (energies - energies.mean(0)) / (energies.std(0) + 1e-6)
        masks = label_masks(one, len(energies))
        masks = masks - masks.mean(0)
        scores += [(np.roll(masks, -shift, axis=0) * energies).sum() for shift in shifts]
    best = int(np.argmax(scores))
    if not 0 < best < len(shifts) - 1:
        return float(shifts[best] * HOP_SEC)
    before, top, after = scores[best - 1 : best + 2]
    return float((shifts[best] + 0.5 * (before - after) / (before - 2 * top + after)) * HOP_SEC)


def speech_to_measure(name: str, language: str, count: int, seed: int = 0) -> list[Spoken]:
    """`count` sentences of a language by each of an engine's voices (espeak-ng: one voice a sentence)."""
    engine, rng = ENGINES[name](), np.random.default_rng(seed)
    voices = engine.voices(language)
    orders = []
    for group in [[v] for v in voices] if name != "espeak" else [voices]:
        for text in rng.permutation(sentences(language))[:count].tolist():
            tempo, accent = rng.uniform(0.8, 1.2), int(rng.integers(12))
            voice = str(rng.choice(group))
            orders.append(Order(text, language, voice, tempo, accent=accent))
    return list(engine.speak(orders))


def main() -> None:
    """Command line: print JSON, for every engine its languages (espeak-ng) or voices in milliseconds."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--engines", nargs="*", choices=list(ENGINES), default=list(ENGINES))
    parser.add_argument("--languages", nargs="*", choices=LANGUAGES, default=list(LANGUAGES))
    parser.add_argument("--sentences", type=int, default=12)
    options = parser.parse_args()
    table: dict[str, dict[str, float]] = {}
    for name in filter(lambda name: ENGINES[name].available(), options.engines):
        groups: dict[str, list[Spoken]] = defaultdict(list)
        for language in options.languages:
            for one in speech_to_measure(name, language, options.sentences):
                groups[language if name == "espeak" else one.order.voice].append(one)
                groups["all"].append(one)
        table[name] = {key: round(1000 * labels_late_sec(some), 1) for key, some in groups.items()}
    sys.stdout.write(json.dumps(table, indent=1) + "\n")


if __name__ == "__main__":
    main()
