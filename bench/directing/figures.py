"""The figures: intensity in and out, what strong acting costs speech, ways compared, jitter and speed."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np
from gaussian_heads.core.direction import ActingDirection
from gaussian_heads.core.direction.expressions import direction_units
from gaussian_heads.core.direction.features import heard_weights
from gaussian_heads.core.spaces import ACTION_UNITS
from gaussian_heads.core.spaces.facs import MAX_INTENSITY
from gaussian_heads.core.speech import HeardSpeech
from gaussian_heads.training.directing.directions import (
    EMOTIONS,
    FRAME_RATE_HZ,
    labelled_direction,
)
from gaussian_heads.training.evaluate_metrics import jitter
from gaussian_heads.training.lip_curves import correlation
from lipsync.clips import Clip
from lipsync.motion_scores import speech_frames
from lipsync.phone_scores import joined, score_phones
from scipy.stats import spearmanr

from .heads import BenchHead
from .ways import DIRECTED, OFFSETS, PLAIN, Asked, Ways

LEVELS = tuple(range(int(MAX_INTENSITY) + 1))
# Every how manieth frame of 10 ms is measured where a mean is wanted.
STRIDE = 4
STRONG = 1.25
UNSEEN_MM = 1e-3
UPPER_FACE = tuple(ACTION_UNITS.index(f"AU{n:02d}") for n in (1, 2, 4, 5, 6, 7, 45))
MOUTH, EYES_AND_BROWS = np.arange(48, 68), np.r_[17:27, 36:48]
CAPTURED_HZ = 30
NUM_SEEDS = 5


@dataclass(frozen=True)
class Spoken:
    """A clip, and how the speech network heard it."""

    clip: Clip
    heard: HeardSpeech


def directed_by(units: Mapping[str, float]) -> Asked:
    """Units that are held all the time."""
    return Asked(ActingDirection.constant(**units))


def intensities(ways: Ways, heads: Sequence[BenchHead], spoken: Sequence[Spoken]) -> dict[str, Any]:
    """Per unit: rank correlation of asked and seen, and what a 5 raises of every unit `[18]` as it is read.

    What is seen is the mean over a sentence: as it is, and over what plain speech shows of the unit there.
    """
    signs = {head.name: [[] for _ in ACTION_UNITS] for head in heads}
    raised = np.zeros((len(ACTION_UNITS), len(ACTION_UNITS)))
    for number, one in enumerate(spoken):
        plain = heard_weights(one.heard)[::STRIDE]
        for column, unit in enumerate(ACTION_UNITS):
            for level in LEVELS:
                asked = directed_by({unit: float(level)})
                weights = ways.weights(DIRECTED, one.heard, asked, number)[::STRIDE]
                for head in heads:
                    seen, spoken_mm = (head.signs(w)[:, column].mean() for w in (weights, plain))
                    signs[head.name][column].append((level, float(seen), float(seen - spoken_mm)))
                if level == LEVELS[-1]:
                    head = heads[0]
                    more = head.units(weights).mean(0) - head.units(plain).mean(0)
                    raised[column] += more / len(spoken)
    rank, rank_over_plain = (
        {
            unit: {
                name: _rank_correlation(np.array(values[column])[:, [0, shown]])
                for name, values in signs.items()
            }
            for column, unit in enumerate(ACTION_UNITS)
        }
        for shown in (1, 2)
    )
    steps = {
        unit: [
            float(np.mean([s for level, s, _ in signs[heads[0].name][column] if level == wanted]))
            for wanted in LEVELS
        ]
        for column, unit in enumerate(ACTION_UNITS)
    }
    return {
        "rank_correlation": rank,
        "rank_correlation_over_plain": rank_over_plain,
        "seen_mm": steps,
        "raised_by_5": raised.round(3).tolist(),
    }


def _rank_correlation(pairs: np.ndarray) -> float:
    """Spearman's of pairs `[N, 2]`; 0 where nothing is seen to change."""
    if np.ptp(pairs[:, 1]) < UNSEEN_MM:
        return 0.0
    return float(spearmanr(*pairs.T).statistic)


def strong_conditions() -> dict[str, dict[str, float]]:
    """What is held at full strength: every unit alone, and the emotions beyond the table's intensity."""
    alone = {unit: {unit: MAX_INTENSITY} for unit in ACTION_UNITS}
    return alone | {name: direction_units(name, STRONG) for name in EMOTIONS}


def cost_to_speech(
    ways: Ways, head: BenchHead, spoken: Sequence[Spoken], filmed: Sequence[Spoken]
) -> dict[str, Any]:
    """Closure J, other consonants closed and r of the lip gap with tracked lips, plain and under each condition."""
    found = {PLAIN: _speech_figures(ways, PLAIN, head, spoken, filmed, directed_by({}))}
    for name, units in strong_conditions().items():
        found[name] = {
            way: _speech_figures(ways, way, head, spoken, filmed, directed_by(units))
            for way in (DIRECTED, OFFSETS)
        }
    return found


def _speech_figures(
    ways: Ways,
    way: str,
    head: BenchHead,
    spoken: Sequence[Spoken],
    filmed: Sequence[Spoken],
    asked: Asked,
) -> dict[str, float]:
    def curves(one: Spoken) -> Any:
        return head.curves(ways.weights(way, one.heard, asked, 0), one.heard.rate_hz)

    scores = joined([score_phones(curves(one), one.clip.phones) for one in spoken])
    of_gap, in_speech = [], []
    for one in filmed:
        tracked, spoken_rows = one.clip.tracked, speech_frames(one.clip)
        gap = curves(one).gap_at(tracked.times_sec)
        of_gap.append(correlation(gap, tracked.gap))
        in_speech.append(correlation(gap[spoken_rows], tracked.gap[spoken_rows]))
    return {
        "closure_j": float(scores.hits.mean() - scores.vowels_closed.mean()),
        "closed": float(scores.hits.mean()),
        "others_closed": float(scores.others_closed.mean()),
        "gap_r": float(np.mean(of_gap)),
        "gap_r_in_speech": float(np.mean(in_speech)),
    }


def compared(ways: Ways, head: BenchHead, spoken: Sequence[Spoken], seed: int) -> dict[str, Any]:
    """Of every way: error of the units as they are read, closure J, and how far performances differ.

    What is asked are the emotions that labels know, coming and going; the error is of what is read off the landmarks
    against what plain speech shows and what is asked, together.
    """
    sums: dict[str, list[dict[str, Any]]] = {way: [] for way in ways.names()}
    for number, one in enumerate(spoken):
        for take in range(2):
            rng = np.random.default_rng([seed, number, take])
            asked = _emotional(rng, one.heard)
            times_sec = (np.arange(len(one.heard.levels)) + 0.5) / one.heard.rate_hz
            plain_units = head.units(heard_weights(one.heard)[::STRIDE])
            wanted = np.minimum(plain_units + asked.units.at(times_sec[::STRIDE]), MAX_INTENSITY)
            for way, rows in sums.items():
                rows.append(_of_way(ways, way, head, one, asked, wanted))
    return {way: _joined(rows) for way, rows in sums.items()}


def _emotional(rng: np.random.Generator, heard: HeardSpeech) -> Asked:
    num_frames = int(np.ceil(float(heard.duration_sec) * FRAME_RATE_HZ))
    units, labels = labelled_direction(rng, num_frames)
    while not units.any():
        units, labels = labelled_direction(rng, num_frames)
    padded = np.pad(labels, ((0, 0), (0, units.shape[1] - labels.shape[1])))
    rate, begin = Fraction(FRAME_RATE_HZ), 0.5 / FRAME_RATE_HZ
    return Asked(ActingDirection(units, rate, begin), ActingDirection(padded, rate, begin))


def _of_way(
    ways: Ways, way: str, head: BenchHead, one: Spoken, asked: Asked, wanted: np.ndarray
) -> dict[str, Any]:
    takes = [ways.weights(way, one.heard, asked, seed) for seed in range(NUM_SEEDS)]
    wrong = np.abs(head.units(takes[0][::STRIDE]) - wanted)
    points_mm = 1000.0 * np.stack([head.points(take[::STRIDE]) for take in takes])
    pairs = [
        np.linalg.norm(points_mm[i] - points_mm[j], axis=2).mean()
        for i in range(NUM_SEEDS)
        for j in range(i)
    ]
    curves = head.curves(takes[0], one.heard.rate_hz)
    return {
        "error": wrong.mean(),
        "upper": wrong[:, UPPER_FACE].mean(),
        "apart_mm": np.mean(pairs),
        "scores": score_phones(curves, one.clip.phones),
    }


def _joined(rows: Sequence[Mapping[str, Any]]) -> dict[str, float]:
    scores = joined([row["scores"] for row in rows])
    means = {n: float(np.mean([row[n] for row in rows])) for n in ("error", "upper", "apart_mm")}
    return means | {"closure_j": float(scores.hits.mean() - scores.vowels_closed.mean())}


@dataclass(frozen=True)
class Recorded:
    """A face that was captured: ARKit weights `[T, 52]` at 30 frames a second, and the frames `[T]` that count."""

    weights: np.ndarray
    counts: np.ndarray


def speaking(heard: HeardSpeech, num_frames: int, late_sec: float = 0.0) -> np.ndarray:
    """Which of the frames at 30 a second lie within phrases of a sound that the face shows `late_sec` later."""
    times_sec = np.arange(num_frames) / CAPTURED_HZ - late_sec
    counts = np.zeros(num_frames, bool)
    for start, end in heard.prosody.phrases:
        counts |= (times_sec >= start) & (times_sec < end)
    return counts


def smoothness(
    ways: Ways,
    head: BenchHead,
    spoken: Sequence[Spoken],
    captured: Mapping[str, Sequence[Recorded]],
) -> dict[str, Any]:
    """Jitter of mouth and of eyes and brows at 30 frames a second while somebody speaks, under every emotion.

    Root mean square of the second difference from frame to frame in millimetres, and as a share of how far the same
    points spread. `captured` holds recorded faces for the mouth, and for eyes and brows.
    """
    found: dict[str, Any] = {}
    for name, part in (("mouth", MOUTH), ("eyes and brows", EYES_AND_BROWS)):
        recorded = [_jitter(head, each.weights, each.counts, part) for each in captured[name]]
        of_part = {"captured": _means(recorded)}
        for way in (PLAIN, DIRECTED):
            values = []
            for number, one in enumerate(spoken):
                for emotion in EMOTIONS if way == DIRECTED else EMOTIONS[:1]:
                    asked = directed_by(direction_units(emotion))
                    weights = _shown(ways, way, one.heard, asked, number)
                    counts = speaking(one.heard, len(weights))
                    values.append(_jitter(head, weights, counts, part))
            of_part[way] = _means(values)
        found[name] = of_part
    return found


def _means(values: Sequence[Mapping[str, float]]) -> dict[str, float]:
    return {key: float(np.mean([value[key] for value in values])) for key in values[0]}


def _shown(ways: Ways, way: str, heard: HeardSpeech, asked: Asked, seed: int) -> np.ndarray:
    """Weights `[T, 52]` as a scene of 30 frames a second keys them, blinks and glances left out."""
    acted = ways.generator.act(heard, asked.units, seed=seed) if way == DIRECTED else None
    layers = heard.perform(fps=Fraction(CAPTURED_HZ), seed=seed, acted=acted).layers
    return sum(layers[name] for name in ("speech", "upper_face", "acting") if name in layers)


def _jitter(
    head: BenchHead, weights: np.ndarray, counts: np.ndarray, part: np.ndarray
) -> dict[str, float]:
    rows = np.flatnonzero(counts)
    points_mm = 1000.0 * head.points(weights[rows])[:, part]
    spread_mm = float(np.sqrt(points_mm.var(0).sum(1).mean()))
    jitter_mm = jitter(points_mm, rows)
    return {"jitter_mm": jitter_mm, "of_spread": jitter_mm / max(spread_mm, 1e-9)}


def speed(ways: Ways, heard: HeardSpeech, clock: Callable[[], float] = time.perf_counter) -> float:
    """How many times faster than the sound the generator acts; the best of five."""
    asked = directed_by(direction_units("joy"))
    taken = []
    for seed in range(5):
        begun = clock()
        ways.weights(DIRECTED, heard, asked, seed)
        taken.append(clock() - begun)
    return float(heard.duration_sec) / min(taken)


def rest(ways: Ways, spoken: Sequence[Spoken]) -> float:
    """The most that acting moves any weight where nothing is asked for."""
    asked = directed_by({})
    return max(
        float(np.abs(ways.weights(DIRECTED, one.heard, asked, 0) - heard_weights(one.heard)).max())
        for one in spoken
    )
