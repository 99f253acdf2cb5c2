# ruff: noqa: E402 (torch may be missing)
"""Mouth curves whose figures are known, for the tests of the lip-sync benchmark."""

import sys
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("torch", reason="the training environment is not installed")
ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "bench"))

from lipsync.clips import Clip
from lipsync.curves import Curves
from lipsync.sources import MEASURED

RATE_HZ = 100
GAPS_MM = {"P": 0.0, "B": 0.0, "M": 0.0, "AA": 10.0, "EH": 8.0}
WIDTHS_MM = {"UW": 40.0, "W": 42.0, "IY": 60.0, "S": 58.0}
SAMPLE = ROOT / "assets" / "audio"
LISTED = ("sample.flac", "sample.phones.json")


def spoken(names, length_sec=0.1, start_sec=0.2):
    """Phones one after the other."""
    starts = start_sec + length_sec * np.arange(len(names))
    return [(n, s, s + length_sec) for n, s in zip(names, starts, strict=True)]


def curves_of(phones, gaps=GAPS_MM):
    """A mouth that does exactly what the phones ask for; 4 mm and 50 mm where they ask for nothing."""
    times_sec = np.arange(0, phones[-1][2] + 0.3, 1 / RATE_HZ)
    gap, width = np.full(len(times_sec), 4.0), np.full(len(times_sec), 50.0)
    for name, start_sec, end_sec in phones:
        inside = (times_sec >= start_sec - 1e-9) & (times_sec < end_sec - 1e-9)
        gap[inside], width[inside] = gaps.get(name, 4.0), WIDTHS_MM.get(name, 50.0)
    return Curves(times_sec, gap, width)


def clips_of(count, seed=0, language=""):
    random = np.random.default_rng(seed)
    kinds = ["P", "B", "M", "AA", "EH", "T", "K", "F", "UW", "IY", "S", "W"]
    return [
        Clip(f"{language}{i}", Path("none"), spoken(list(random.permutation(kinds * 2))), language)
        for i in range(count)
    ]


def values(rows, source=MEASURED):
    return {row.name: row.figures[source] and row.figures[source].value for row in rows}


def one(curves, clips):
    """A source of one curve per clip."""
    return {clip.name: [c] for clip, c in zip(clips, curves, strict=True)}
