"""Figures as tables for a terminal and for the documentation."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from .tracked import lines
from .ways import DIRECTED, OFFSETS, PLAIN


def report(found: Mapping[str, Any]) -> str:
    """Tables of all parts that were measured, in Markdown."""
    parts = {
        "intensity": _intensity,
        "speech": _speech,
        "ways": _ways,
        "jitter": _jitter,
        "speed": _speed,
        "video": _video,
        "tracked": _tracked,
    }
    blocks = [make(found) for name, make in parts.items() if name in found]
    return "\n".join(blocks)


def _intensity(found: Mapping[str, Any]) -> str:
    units, part = found["units"], found["intensity"]
    raised = np.array(part["raised_by_5"])
    rows = []
    for number, unit in enumerate(units):
        ranks, over_plain = (
            min(part[name][unit].values())
            for name in ("rank_correlation", "rank_correlation_over_plain")
        )
        others = np.delete(np.abs(raised[number]), number)
        most = int(
            np.argsort(-np.where(np.arange(len(units)) == number, 0, np.abs(raised[number])))[0]
        )
        seen = part["seen_mm"][unit]
        rows.append(
            (
                unit,
                f"{ranks:.3f}",
                f"{over_plain:.3f}",
                " ".join(f"{value:.1f}" for value in seen),
                f"{raised[number, number]:.2f}",
                f"{units[most]} {raised[number, most]:+.2f}",
                f"{others.mean():.3f}",
            )
        )
    titles = (
        "unit",
        "rank r",
        "over plain",
        "seen at 0 to 5, mm",
        "read of 5",
        "most of another",
        "mean of others",
    )
    cross = [
        (unit, *(f"{v:+.1f}" if abs(v) >= 0.05 else "" for v in row))
        for unit, row in zip(units, raised, strict=True)
    ]
    return table(titles, rows) + "\n" + table(("5 of", *(u[2:] for u in units)), cross)


def _speech(found: Mapping[str, Any]) -> str:
    part = found["speech"]
    plain = part[PLAIN]
    rows = [(PLAIN, *_numbers(plain), "", "", "", "")]
    for name, ways in part.items():
        if name != PLAIN:
            rows.append((name, *_numbers(ways[DIRECTED]), *_numbers(ways[OFFSETS])))
    of_way = ("others closed", "gap r", "in speech")
    titles = ("held", "J", *of_way, "offsets: J", *of_way)
    return table(titles, rows)


def _numbers(figures: Mapping[str, float]) -> tuple[str, ...]:
    return tuple(
        f"{figures[name]:.2f}"
        for name in ("closure_j", "others_closed", "gap_r", "gap_r_in_speech")
    )


def _ways(found: Mapping[str, Any]) -> str:
    rows = [
        (
            way,
            *(f"{f[name]:.3f}" for name in ("error", "upper")),
            f"{f['closure_j']:.2f}",
            f"{f['apart_mm']:.3f}",
        )
        for way, f in found["ways"].items()
    ]
    return table(("way", "AU error", "upper face", "closure J", "seeds apart, mm"), rows)


def _jitter(found: Mapping[str, Any]) -> str:
    rows = [
        (name, *(f"{v['jitter_mm']:.2f} ({v['of_spread']:.2f})" for v in part.values()))
        for name, part in found["jitter"].items()
    ]
    titles = ("jitter, mm (of the spread)", *next(iter(found["jitter"].values())))
    return table(titles, rows)


def _speed(found: Mapping[str, Any]) -> str:
    part = found["speed"]
    return (
        f"{part['times_real_time']:.0f} times real time; with nothing asked for, acting moves a weight by "
        f"{part['at_rest']:.1e} at most\n"
    )


def _video(found: Mapping[str, Any]) -> str:
    units, rows = found["units"], []
    for number, unit in enumerate(units):
        cells = []
        for read in found["video"].values():
            row = np.array(read[number])
            other = int(np.argmax(np.where(np.arange(len(units)) == number, -1.0, np.abs(row))))
            cells.append(f"{row[number]:.2f} ({units[other]} {row[other]:+.1f})")
        rows.append((f"{unit} at 4", *cells))
    return table(("shown", *found["video"]), rows)


def _tracked(found: Mapping[str, Any]) -> str:
    titles = ("held", "head", "its own shape, place", "what rises most for MediaPipe")
    return table(titles, lines(found["tracked"]))


def table(titles: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A table in Markdown."""
    lines = [titles, ["---"] * len(titles), *rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)
