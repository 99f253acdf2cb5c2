"""How a fit goes, row by row in a file that outlives interruptions: likeness and number of Gaussians by step."""

from __future__ import annotations

import csv
from pathlib import Path

from ...core.files import replace_on_success

CURVE = "fit.curve.csv"
CURVE_COLUMNS = ("step", "stage", "seconds", "psnr_db", "surface", "free")


def add_row(path: Path, row: dict[str, float | str]) -> None:
    """Add a row with `CURVE_COLUMNS`; rows of later steps, from before a checkpoint was read, go."""
    rows = [old for old in read_curve(path) if int(old["step"]) < int(row["step"])]
    with replace_on_success(path) as temporary, temporary.open("w", newline="") as stream:
        writer = csv.DictWriter(stream, CURVE_COLUMNS, lineterminator="\n")
        writer.writeheader()
        writer.writerows([*rows, row])


def read_curve(path: Path) -> list[dict[str, str]]:
    """The rows that are there; none where the file is missing or holds other columns."""
    if not path.is_file():
        return []
    with path.open(encoding="utf8", newline="") as stream:
        rows = list(csv.DictReader(stream))
    return rows if rows and set(CURVE_COLUMNS) <= set(rows[0]) else []
