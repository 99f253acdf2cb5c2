"""All figures of one source of curves, and what is wanted of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from .bootstrap import (
    Figure,
    Statistic,
    difference,
    estimate,
    mean,
    peak_position,
    probability_smaller,
    ratio,
    share,
)
from .clips import TRACKED_HZ, Clip
from .motion_scores import LAG_FRAMES, MotionScores, averaged, score_motion, speech_frames
from .phone_scores import LONG_MS, SHORT_MS, PhoneScores, joined, score_phones
from .sources import LOUDNESS, SHUFFLED, TIMING, Source

ENGLISH = "en"


@dataclass(frozen=True)
class Row:
    """One figure of all sources: its name, what it counts, what is wanted, and the figures by source."""

    name: str
    title: str
    counted: str
    wanted: str
    figures: Mapping[str, Figure | None]


@dataclass(frozen=True)
class _Kind:
    """A figure before it is computed: a statistic and what it counts of one source's scores."""

    title: str
    wanted: str
    statistic: Statistic
    counted: str


def phone_rows(sources: Mapping[str, Source], clips: Sequence[Clip], seed: int) -> list[Row]:
    """Closures, other consonants and rounding at the phones of `clips`, of every source."""
    scores = {
        label: [joined([score_phones(c, clip.phones) for c in source[clip.name]]) for clip in clips]
        for label, source in sources.items()
    }
    kinds = {label: _phone_kinds(of_clips, clips) for label, of_clips in scores.items()}
    return _rows(kinds, len(clips), seed)


def motion_rows(sources: Mapping[str, Source], clips: Sequence[Clip], seed: int) -> list[Row]:
    """Correlation, lag, liveliness and jitter beside the tracked lips of `clips`, of every source."""
    scores = {
        label: [averaged([score_motion(c, clip) for c in source[clip.name]]) for clip in clips]
        for label, source in sources.items()
    }
    kinds = {label: _motion_kinds(of_clips, clips) for label, of_clips in scores.items()}
    timing = kinds[TIMING]["gap_r"].statistic
    for of_source in kinds.values():
        beside = difference(of_source["gap_r"].statistic, timing)
        of_source["gap_r_beside_timing"] = replace(
            of_source["gap_r"],
            title="lip gap r less perfect timing's",
            wanted=">= -.02",
            statistic=beside,
        )
    return _rows(kinds, len(clips), seed)


def _rows(kinds: Mapping[str, Mapping[str, _Kind]], num_clips: int, seed: int) -> list[Row]:
    label, first = next(iter(kinds.items()))
    others = [other for other in kinds if other not in (label, TIMING, LOUDNESS, SHUFFLED)]
    rows = []
    for name, kind in first.items():
        statistics = {source: of_source[name].statistic for source, of_source in kinds.items()}
        for other in others:
            statistics[less(other, label)] = difference(statistics[other], kind.statistic)
        figures = {key: estimate(value, num_clips, seed) for key, value in statistics.items()}
        rows.append(Row(name, kind.title, kind.counted, kind.wanted, figures))
    return rows


def less(other: str, first: str) -> str:
    """The name of the differences between two measured sources, of the same clips."""
    return f"{other} less {first}"


def _phone_kinds(scores: Sequence[PhoneScores], clips: Sequence[Clip]) -> dict[str, _Kind]:
    hits, vowels = [s.hits for s in scores], [s.vowels_closed for s in scores]
    others = [s.others_closed for s in scores]
    rounded, spread = [s.rounded for s in scores], [s.spread for s in scores]
    num_hits, num_vowels = _number(hits), _number(vowels)
    false = share(vowels)
    kinds = {
        "closure_j": _Kind(
            "closure J",
            ">= .85",
            difference(share(hits), false),
            f"{num_hits} p b m, {num_vowels} open vowels",
        ),
        "bilabials_closed": _Kind("p b m closed", "", share(hits), f"{num_hits} p b m"),
        "vowels_closed": _Kind("open vowels closed", "", false, f"{num_vowels} open vowels"),
        "others_closed": _Kind(
            "other consonants closed", "<= .15", share(others), f"{_number(others)} consonants"
        ),
        "rounding_auc": _Kind(
            "rounding AUC",
            ">= .95",
            probability_smaller(rounded, spread),
            f"{_number(rounded)} rounded, {_number(spread)} spread",
        ),
    }
    classes = {
        "closure_j_short": (f"closure J, p b m up to {SHORT_MS} ms", lambda ms: ms <= SHORT_MS),
        "closure_j_long": (f"closure J, p b m from {LONG_MS} ms", lambda ms: ms >= LONG_MS),
    }
    for name, (title, is_chosen) in classes.items():
        chosen = [s.hits[is_chosen(s.durations_ms)] for s in scores]
        counted = f"{_number(chosen)} p b m"
        kinds[name] = _Kind(title, "", difference(share(chosen), false), counted)
    return kinds | _language_kinds(scores, clips)


def _language_kinds(scores: Sequence[PhoneScores], clips: Sequence[Clip]) -> dict[str, _Kind]:
    kinds = {}
    for language in sorted({clip.language for clip in clips} - {""}):
        keep = [slice(None if clip.language == language else 0) for clip in clips]
        hits, vowels, others = (
            [getattr(s, name)[k] for s, k in zip(scores, keep, strict=True)]
            for name in ("hits", "vowels_closed", "others_closed")
        )
        kinds[_of_language(language)] = _Kind(
            f"closure J, {language}",
            "",
            difference(share(hits), share(vowels)),
            f"{_number(hits)} p b m, {_number(vowels)} open vowels",
        )
        kinds[f"others_closed_language_{language}"] = _Kind(
            f"other consonants closed, {language}",
            "<= .15",
            share(others),
            f"{_number(others)} consonants",
        )
    return kinds | _less_english(kinds)


def _less_english(kinds: Mapping[str, _Kind]) -> dict[str, _Kind]:
    """Closure J of every other language less that of English, where there is English."""
    english = kinds.get(_of_language(ENGLISH))
    return {
        f"{name}_less_english": replace(
            kind,
            title=f"{kind.title} less {ENGLISH}",
            wanted=">= -.05",
            statistic=difference(kind.statistic, english.statistic),
        )
        for name, kind in kinds.items()
        if name.startswith(_of_language("")) and english is not None and kind is not english
    }


def _of_language(language: str) -> str:
    return f"closure_j_language_{language}"


def _motion_kinds(scores: Sequence[MotionScores], clips: Sequence[Clip]) -> dict[str, _Kind]:
    spoken = [speech_frames(clip) for clip in clips]
    frames = f"{_number(spoken)} frames of {len(clips)} clips"
    frames_in_speech = f"{sum(s.sum() for s in spoken)} frames of {len(clips)} clips"
    lags_ms = 1000 / TRACKED_HZ * LAG_FRAMES

    def values(name: str) -> list[np.ndarray]:
        return [getattr(s, name) for s in scores]

    def of_r(name: str, title: str, wanted: str = "") -> dict[str, _Kind]:
        counted = frames_in_speech if name.endswith("in_speech") else frames
        return {name: _Kind(title, wanted, mean(values(name)), counted)}

    lag = peak_position(values("gap_r_by_lag"), lags_ms)
    liveliness = ratio(values("spread"), values("tracked_spread"))
    jitter = ratio(values("acceleration"), values("tracked_acceleration"))
    return {
        **of_r("gap_r", "lip gap r"),
        **of_r("gap_r_in_speech", "lip gap r in speech"),
        **of_r("width_r", "mouth width r", ">= .5"),
        **of_r("width_r_in_speech", "mouth width r in speech"),
        "lag_ms": _Kind("lag, ms", "-20 to 20", lag, frames),
        "liveliness": _Kind("liveliness", ".8 to 1.2", liveliness, frames),
        "jitter": _Kind("jitter", "<= 1", jitter, frames),
    }


def _number(events: Sequence[np.ndarray]) -> int:
    return sum(e.size for e in events)
