"""Measures lip sync on recordings kept out of training, on the landmarks of a decoded head.

Run: python -m gaussian_heads.training.evaluate_speech --data DATA [--avatar A.uhap] [--set held-out]

Prints JSON. `bilabials_closed`: share of p, b, m whose smallest lip gap from one frame before to one
frame after the phone is below the threshold. `others_closed`: the same share of the other consonants
(without f, v and w) within their own time; `others_apart_closed` leaves out those beside a p, b or m,
which share its closure. `gap_r` compares the lip gap with the one that the true phones give through
the same mouth decoder and head; `loudness_r` does so for the best of several smoothed-loudness curves
that open the jaw. bench/lipsync compares with tracked faces and other programs.
"""

from __future__ import annotations

import argparse
import itertools
import json
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path

import numpy as np

from ..core.assets import SPEECH_MODEL, builtin_avatars
from ..core.audio import SPEECH_RATE_HZ, load_audio
from ..core.avatar import Avatar
from ..core.measure import Head, measure_track
from ..core.speech import SpeechModel, SpeechStyle
from .lip_curves import JawMouth, correlation, loudness_jaw, measure_codes, true_codes
from .speech_data import HELD_OUT, VALIDATION, Recording, data_folder, recordings
from .speech_heads import IctHead
from .speech_phones import BILABIALS

CLOSED_MM = 0.5
OTHER_CONSONANTS = frozenset("K G T D N NG S Z SH ZH CH JH TH DH L R Y HH".split())
LOUDNESS_SETTINGS = tuple(itertools.product((0.05, 0.1, 0.15, 0.25), (1.0, 0.5)))
NO_BLINKS = SpeechStyle(blinks_per_min=0.0)


@dataclass
class Tally:
    """Counts and correlations over all recordings."""

    closed: list[bool] = field(default_factory=list)
    others: list[bool] = field(default_factory=list)
    others_apart: list[bool] = field(default_factory=list)
    by_phone: dict[str, list[bool]] = field(default_factory=dict)
    gap_r: list[float] = field(default_factory=list)
    loudness_r: list[list[float]] = field(default_factory=list)
    gap_r_parted: list[float] = field(default_factory=list)
    loudness_r_parted: list[list[float]] = field(default_factory=list)

    def compare(self, gap: np.ndarray, baselines: list[np.ndarray], truth: np.ndarray) -> None:
        """Add one recording's curves: over all of it, and where the true lips are parted."""
        parted = truth > CLOSED_MM
        self.gap_r.append(correlation(gap, truth))
        self.loudness_r.append([correlation(curve, truth) for curve in baselines])
        self.gap_r_parted.append(correlation(gap[parted], truth[parted]))
        self.loudness_r_parted.append(
            [correlation(curve[parted], truth[parted]) for curve in baselines]
        )


def count_closures(
    tally: Tally, recording: Recording, times_sec: np.ndarray, gap: np.ndarray
) -> None:
    """Add every consonant of `recording` to the tally."""
    frame_sec = times_sec[1] - times_sec[0]
    phones = recording.phones
    for index, (name, start_sec, end_sec) in enumerate(phones):
        is_bilabial = name in BILABIALS
        if not (is_bilabial or name in OTHER_CONSONANTS):
            continue
        margin_sec = frame_sec if is_bilabial else 0.0
        inside = (times_sec >= start_sec - margin_sec) & (times_sec <= end_sec + margin_sec)
        if not inside.any():
            inside[np.argmin(np.abs(times_sec - (start_sec + end_sec) / 2))] = True
        is_closed = bool(gap[inside].min() < CLOSED_MM)
        tally.by_phone.setdefault(name, []).append(is_closed)
        if is_bilabial:
            tally.closed.append(is_closed)
            continue
        tally.others.append(is_closed)
        beside = {p[0] for p in phones[max(index - 1, 0) : index + 2]}
        if not beside & set(BILABIALS):
            tally.others_apart.append(is_closed)


def evaluate(model: SpeechModel, head: Head, chosen: list[Recording], fps: Fraction) -> dict:
    """All figures over `chosen`, at `fps`."""
    tally, jaw_mouth = Tally(), JawMouth(head)
    for recording in chosen:
        waveform, rate = load_audio(recording.path, target_rate=SPEECH_RATE_HZ)
        measured = measure_track(model.track(waveform, rate, fps=fps, style=NO_BLINKS), head)
        times_sec, gap = measured.times_sec, measured.columns_mm["lip_gap"]
        count_closures(tally, recording, times_sec, gap)
        truth = measure_codes(true_codes(recording.phones, times_sec, fps), fps, head)
        baselines = [
            jaw_mouth.column("lip_gap", loudness_jaw(waveform, times_sec, smoothing_sec, exponent))
            for smoothing_sec, exponent in LOUDNESS_SETTINGS
        ]
        tally.compare(gap, baselines, truth.columns_mm["lip_gap"])
    return summary(tally) | {"recordings": len(chosen), "fps": str(fps), "head": head.name}


def summary(tally: Tally) -> dict:
    """The tally as plain numbers; the baseline is the best of its settings over all recordings."""
    loudness_r = float(np.mean(tally.loudness_r, axis=0).max())
    return {
        "closed_below_mm": CLOSED_MM,
        "bilabials": len(tally.closed),
        "bilabials_closed": round(float(np.mean(tally.closed)), 4),
        "others": len(tally.others),
        "others_closed": round(float(np.mean(tally.others)), 4),
        "others_apart_closed": round(float(np.mean(tally.others_apart)), 4),
        "gap_r": round(float(np.mean(tally.gap_r)), 4),
        "loudness_r": round(loudness_r, 4),
        "gap_r_above_loudness": round(float(np.mean(tally.gap_r)) - loudness_r, 4),
        "gap_r_lips_parted": round(float(np.mean(tally.gap_r_parted)), 4),
        "loudness_r_lips_parted": round(float(np.mean(tally.loudness_r_parted, axis=0).max()), 4),
        "closed_by_phone": {
            name: f"{sum(found)}/{len(found)}" for name, found in sorted(tally.by_phone.items())
        },
    }


def main() -> None:
    """Command line: which network, head and recordings."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, help="folder with speech/ (GAUSSIAN_HEADS_DATA)")
    parser.add_argument("--model", type=Path, default=SPEECH_MODEL)
    parser.add_argument("--avatar", help="a .uhap file or 'ict'; default the first built-in avatar")
    parser.add_argument("--set", choices=("held-out", "validation"), default="held-out")
    parser.add_argument("--fps", type=Fraction, default=Fraction(30))
    options = parser.parse_args()
    data = data_folder(options.data)
    names = HELD_OUT if options.set == "held-out" else VALIDATION
    chosen = [r for r in recordings(data) if r.corpus == "multi_en" and r.name in names]
    if options.avatar == "ict":
        head = IctHead(data)
    else:
        head = Avatar.open(options.avatar or next(iter(builtin_avatars().values())))
    model = SpeechModel.open(options.model)
    figures = evaluate(model, head, chosen, options.fps)
    print(json.dumps({"set": options.set} | figures, indent=2))


if __name__ == "__main__":
    main()
