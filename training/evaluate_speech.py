"""Measures lip sync on recordings kept out of training, on the landmarks of a decoded head.

Run: python -m gaussian_heads.training.evaluate_speech --data DATA [--avatar A.uhap] [--set held-out]

Prints JSON. `bilabials_closed`: share of p, b, m whose smallest lip gap from one frame before to one
frame after the phone is below the threshold. `others_closed`: the same share of the other consonants
(without f, v and w) within their own time; `others_apart_closed` leaves out those beside a p, b or m,
which share its closure. `gap_r` compares the lip gap with the one that the true phones give through
the same mouth decoder and head; `loudness_r` does so for the best of several smoothed-loudness curves
that open the jaw. GRID's tracked lips, where present, are the check against real faces.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path

import numpy as np
import torch

from ..core.assets import SPEECH_MODEL, builtin_avatars
from ..core.audio import SPEECH_RATE_HZ, load_audio
from ..core.avatar import Avatar
from ..core.expression import ExpressionTrack
from ..core.measure import Head, measure_track
from ..core.spaces import ARKIT_BLENDSHAPES, ARKIT_INDEX, ARKIT_SPACE
from ..core.speech import SPEECH_LAYER, SpeechModel, SpeechStyle
from ..core.speech.resampling import resample_curves
from .networks.speech import FRAME_RATE_HZ
from .speech_data import HELD_OUT, VALIDATION, Recording, data_folder, frame_labels, recordings
from .speech_heads import IctHead
from .speech_phones import BILABIALS, PHONES
from .speech_visemes import MouthDecoder

CLOSED_MM = 0.5
OTHER_CONSONANTS = frozenset("K G T D N NG S Z SH ZH CH JH TH DH L R Y HH".split())
SMOOTHING_SEC = (0.05, 0.1, 0.15, 0.25)
BASELINE_JAW = 0.4
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


def true_curves(recording: Recording, num_frames: int) -> tuple[np.ndarray, np.ndarray]:
    """ARKit curves `[F, 52]` and closure `[F]` that the recording's own phones give."""
    labels = frame_labels(recording.phones, num_frames).astype(np.int64)
    posteriors = torch.nn.functional.one_hot(torch.from_numpy(labels), len(PHONES)).T[None]
    with torch.no_grad():
        arkit, closure = MouthDecoder()(posteriors.float())
    return arkit[0].numpy(), closure[0].numpy()


def jaw_gaps(head: Head) -> tuple[np.ndarray, np.ndarray]:
    """`jawOpen` from 0 to 1 and the lip gap in millimetres that it alone gives."""
    jaws = np.linspace(0.0, 1.0, 51, dtype=np.float32)
    codes = np.zeros((len(jaws), len(ARKIT_BLENDSHAPES)), np.float32)
    codes[:, ARKIT_INDEX["jawOpen"]] = jaws
    return jaws, lip_gap(codes, Fraction(1), head)


def loudness_jaws(waveform: np.ndarray, times_sec: np.ndarray) -> Iterator[np.ndarray]:
    """Candidates for the baseline: `jawOpen` `[T]` that follows the smoothed loudness."""
    hop = SPEECH_RATE_HZ // FRAME_RATE_HZ
    power = (waveform[: len(waveform) // hop * hop].reshape(-1, hop) ** 2).mean(1)
    for smoothing_sec in SMOOTHING_SEC:
        kernel = np.hanning(2 * round(smoothing_sec * FRAME_RATE_HZ) + 1)
        rms = np.sqrt(np.convolve(power, kernel / kernel.sum(), "same"))
        for exponent in (1.0, 0.5):
            level = (rms / max(np.percentile(rms, 95), 1e-9)) ** exponent
            level_sec = (np.arange(len(level)) + 0.5) / FRAME_RATE_HZ
            yield np.clip(np.interp(times_sec, level_sec, level) * BASELINE_JAW, 0.0, 1.0)


def lip_gap(codes: np.ndarray, fps: Fraction, head: Head) -> np.ndarray:
    """Lip gap `[T]` in millimetres of `head` under `codes` `[T, 52]`."""
    pose = np.zeros((len(codes), 6), np.float32)
    track = ExpressionTrack({SPEECH_LAYER: codes}, pose, ARKIT_SPACE, fps)
    return measure_track(track, head).columns_mm["lip_gap"]


def correlation(a: np.ndarray, b: np.ndarray) -> float:
    """Pearson's r; 0 where one curve does not move."""
    if a.std() < 1e-9 or b.std() < 1e-9:
        return 0.0
    return float(np.corrcoef(a, b)[0, 1])


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
    tally = Tally()
    jaws, gaps_of_jaws = jaw_gaps(head)
    for recording in chosen:
        waveform, rate = load_audio(recording.path, target_rate=SPEECH_RATE_HZ)
        track = model.track(waveform, rate, fps=fps, style=NO_BLINKS)
        times_sec = track.times_sec()
        gap = lip_gap(track.layers[SPEECH_LAYER], fps, head)
        count_closures(tally, recording, times_sec, gap)
        curves = true_curves(recording, len(waveform) * FRAME_RATE_HZ // rate)
        true_codes = resample_curves(*curves, FRAME_RATE_HZ, times_sec, float(1 / fps))
        true_gap = lip_gap(true_codes, fps, head)
        baselines = [np.interp(j, jaws, gaps_of_jaws) for j in loudness_jaws(waveform, times_sec)]
        tally.compare(gap, baselines, true_gap)
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


def tracked_lips(model: SpeechModel, head: Head, data: Path) -> dict:
    """Correlation with the tracked lips of GRID's speakers (25 fps).

    Needs `video/grid/mouth_25fps.npz` and each clip's sound beside it (.wav or .flac); clips without
    are left out.
    """
    curves = data / "video/grid/mouth_25fps.npz"
    if not curves.exists():
        return {}
    fps, rs = Fraction(25), {}
    with np.load(curves) as tracked:
        real = {key.removesuffix("_lip_gap"): tracked[key] for key in tracked if "_lip_gap" in key}
    for path in sorted(p for p in curves.parent.iterdir() if p.suffix in (".wav", ".flac")):
        if path.stem not in real:
            continue
        waveform, rate = load_audio(path, target_rate=SPEECH_RATE_HZ)
        track = model.track(waveform, rate, fps=fps, style=NO_BLINKS)
        gap = lip_gap(track.layers[SPEECH_LAYER], fps, head)
        shared = min(len(gap), len(real[path.stem]))
        rs[path.stem] = round(correlation(gap[:shared], real[path.stem][:shared]), 3)
    return (
        {"tracked_r": rs, "tracked_r_mean": round(float(np.mean([*rs.values()])), 4)} if rs else {}
    )


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
    figures = evaluate(model, head, chosen, options.fps) | tracked_lips(model, head, data)
    print(json.dumps({"set": options.set} | figures, indent=2))


if __name__ == "__main__":
    main()
