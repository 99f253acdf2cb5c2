"""What curves do at the phones of a clip: closures, other consonants, rounding.

A moment is closed where the lip gap is at most 15 % of the clip's own 95th percentile, so that no unit
and no size of a face matters.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields

import numpy as np
from gaussian_heads.training.speech_inventory import ALL_PHONES
from gaussian_heads.training.speech_phones import BILABIALS, VOWELS

from .clips import Phone
from .curves import Curves

CLOSED_SHARE, OPEN_PERCENTILE = 0.15, 95
BEFORE_SEC, AFTER_SEC = 0.04, 0.02
MIN_BILABIAL_MS, MIN_VOWEL_MS = 30, 60
SHORT_MS, LONG_MS = 40, 70
OPEN_VOWELS = frozenset("AA AE AH AO AW AY EH".split())
# YY and OE are front rounded vowels, RR taps and trills, BH fricatives of the lips: nearly shut as F and V are.
ROUNDED = frozenset("UW OW W AO UH YY OE".split())
SPREAD = frozenset("IY EY EH S Z IH".split())
OTHER_CONSONANTS = frozenset(ALL_PHONES) - {
    *("SIL", "F", "V", "BH", "YY", "OE"),
    *BILABIALS,
    *VOWELS,
}


@dataclass(frozen=True)
class PhoneScores:
    """Of one clip: what every phone of a kind did, `[number of such phones]` each.

    `hits`: p, b, m of at least 30 ms whose least gap from 40 ms before to 20 ms after them is closed;
    `durations_ms`: how long these are. `vowels_closed`: open vowels of more than 60 ms, closed at their
    midpoints. `others_closed`: consonants other than p, b, m, f and v, closed at their midpoints.
    `rounded`, `spread`: mouth widths at the midpoints of rounded and of spread phones.
    """

    hits: np.ndarray
    durations_ms: np.ndarray
    vowels_closed: np.ndarray
    others_closed: np.ndarray
    rounded: np.ndarray
    spread: np.ndarray


def score_phones(curves: Curves, phones: Sequence[Phone]) -> PhoneScores:
    """Score one clip's curves at its phones."""
    closed_gap = CLOSED_SHARE * np.percentile(curves.gap, OPEN_PERCENTILE)
    durations_ms = np.array([round(1000 * (end - start)) for _, start, end in phones])
    middles_sec = np.array([(start + end) / 2 for _, start, end in phones])
    is_closed = curves.gap_at(middles_sec) <= closed_gap
    width = curves.width_at(middles_sec)

    def of(kind: frozenset[str] | Sequence[str], longest_left_out_ms: int = 0) -> np.ndarray:
        is_kind = np.array([name in kind for name, _, _ in phones], bool)
        return is_kind & (durations_ms > longest_left_out_ms)

    bilabials = of(BILABIALS, MIN_BILABIAL_MS - 1)
    hits = [
        curves.least_gap(phones[i][1] - BEFORE_SEC, phones[i][2] + AFTER_SEC) <= closed_gap
        for i in np.flatnonzero(bilabials)
    ]
    return PhoneScores(
        hits=np.array(hits, bool),
        durations_ms=durations_ms[bilabials],
        vowels_closed=is_closed[of(OPEN_VOWELS, MIN_VOWEL_MS)],
        others_closed=is_closed[of(OTHER_CONSONANTS)],
        rounded=width[of(ROUNDED)],
        spread=width[of(SPREAD)],
    )


def joined(scores: Sequence[PhoneScores]) -> PhoneScores:
    """The scores of several curves of one clip as one."""
    return PhoneScores(
        *(np.concatenate([getattr(s, field.name) for s in scores]) for field in fields(PhoneScores))
    )
