"""Rows of figures as a table for people and as plain values for programs."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from .bootstrap import Figure
from .figures import Row

NOTHING = "-"


def table(rows: Sequence[Row], sources: Sequence[str], titles: Sequence[str] = ()) -> str:
    """Rows of aligned text: every source's value and interval, what is wanted and what was counted."""
    cells = [["", *(titles or sources), "wanted", "counted"]]
    for row in rows:
        figures = [_cell(row.figures.get(source)) for source in sources]
        cells.append([row.title, *figures, row.wanted or NOTHING, row.counted])
    widths = [max(len(line[column]) for line in cells) for column in range(len(cells[0]))]
    lines = (
        "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()
        for line in cells
    )
    return "\n".join(lines)


def _cell(figure: Figure | None) -> str:
    if figure is None:
        return NOTHING
    numbers = [n for n in (figure.value, figure.low, figure.high) if math.isfinite(n)]
    digits = 0 if max(map(abs, numbers)) >= 10 else 2
    value, *interval = (f"{number:.{digits}f}" for number in numbers)
    return f"{value} [{', '.join(interval)}]" if interval else value


def plain(rows: Sequence[Row]) -> dict[str, dict]:
    """Every row by its name, as JSON holds it; a figure of nothing is null."""
    return {
        row.name: {
            "counted": row.counted,
            "wanted": row.wanted,
            **{source: _plain(figure) for source, figure in row.figures.items()},
        }
        for row in rows
    }


def _plain(figure: Figure | None) -> Mapping[str, float | None] | None:
    if figure is None:
        return None
    numbers = {"value": figure.value, "low": figure.low, "high": figure.high}
    return {
        name: round(number, 4) if math.isfinite(number) else None
        for name, number in numbers.items()
    }
