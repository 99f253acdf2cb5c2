"""Curves of a mouth over time, and how they are read."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from gaussian_heads.core.errors import GaussianHeadsError
from gaussian_heads.core.measure import Measurement

COLUMNS = ("time", "lip_gap", "mouth_width")
MAX_STEP_SEC = 0.05
# Programs that round the length down to whole frames, or end with the last sound, lose no more.
MAX_MISSING_SEC = 0.25


class BenchmarkError(GaussianHeadsError):
    """Clips or curves that cannot be measured."""


@dataclass(frozen=True)
class Curves:
    """Seconds `[T]`, rising; lip gap `[T]`, 0 at contact; mouth width `[T]`, both in any one unit."""

    times_sec: np.ndarray
    gap: np.ndarray
    width: np.ndarray

    @classmethod
    def of_measurement(cls, measured: Measurement) -> Curves:
        """Curves in millimetres."""
        columns = measured.columns_mm
        return cls(
            np.asarray(measured.times_sec, np.float64),
            columns["lip_gap"].astype(np.float64),
            columns["mouth_width"].astype(np.float64),
        )

    def gap_at(self, times_sec: np.ndarray) -> np.ndarray:
        """Lip gap at any times; the first and last value hold beyond the ends."""
        return np.interp(times_sec, self.times_sec, self.gap)

    def width_at(self, times_sec: np.ndarray) -> np.ndarray:
        """Mouth width at any times; the first and last value hold beyond the ends."""
        return np.interp(times_sec, self.times_sec, self.width)

    def least_gap(self, start_sec: float, end_sec: float) -> float:
        """The smallest lip gap within a span of time, of straight lines between the rows."""
        inside = (self.times_sec > start_sec) & (self.times_sec < end_sec)
        ends = self.gap_at(np.array([start_sec, end_sec]))
        return float(min(ends.min(), self.gap[inside].min(initial=np.inf)))

    def looped(self, duration_sec: float) -> Curves:
        """The same motion over and over until `duration_sec`."""
        step_sec = float(np.median(np.diff(self.times_sec)))
        period_sec = self.times_sec[-1] - self.times_sec[0] + step_sec
        rounds = max(int(np.ceil(duration_sec / period_sec)), 1)
        times_sec = self.times_sec + period_sec * np.arange(rounds)[:, None]
        gap, width = np.tile(self.gap, rounds), np.tile(self.width, rounds)
        kept = times_sec.ravel() <= max(duration_sec, self.times_sec[-1])
        return Curves(times_sec.ravel()[kept], gap[kept], width[kept])


def read_curves(path: Path) -> Curves:
    """Curves of a CSV file with a header line; further columns are passed over."""
    try:
        with path.open(encoding="utf-8-sig", newline="") as stream:
            rows = list(csv.DictReader(stream))
    except UnicodeDecodeError:
        raise BenchmarkError(f"'{path}' is not a text file: write curves as CSV.") from None
    columns = [name for name in COLUMNS if not rows or name not in rows[0]]
    if columns:
        raise BenchmarkError(
            f"'{path}' has no column {', '.join(columns)}: write a header line {','.join(COLUMNS)} "
            "and a row per frame."
        )
    try:
        values = np.array([[float(row[name]) for name in COLUMNS] for row in rows])
    except (TypeError, ValueError):
        raise BenchmarkError(
            f"'{path}' holds something that is no number: write it again."
        ) from None
    if not np.isfinite(values).all():
        raise BenchmarkError(f"'{path}' holds numbers that are not finite: write it again.")
    return _checked(Curves(*values.T), path)


def _checked(curves: Curves, path: Path) -> Curves:
    steps_sec = np.diff(curves.times_sec)
    if len(steps_sec) == 0 or (steps_sec <= 0).any():
        raise BenchmarkError(f"The times of '{path}' do not rise from row to row: write seconds.")
    if np.median(steps_sec) > MAX_STEP_SEC:
        raise BenchmarkError(
            f"'{path}' has a row every {np.median(steps_sec):.3g} s, too few to see lips close: "
            "write at least 20 a second."
        )
    if (curves.width <= 0).any():
        raise BenchmarkError(f"'{path}' has a mouth without width: write the corners' distance.")
    return curves


def check_covers(curves: Curves, path: Path, end_sec: float) -> None:
    """Refuse curves that begin after or end before the speech they belong to."""
    first_sec, last_sec = curves.times_sec[[0, -1]]
    if first_sec > MAX_MISSING_SEC or last_sec < end_sec - MAX_MISSING_SEC:
        raise BenchmarkError(
            f"'{path}' is too short: it lasts from {first_sec:.2f} to {last_sec:.2f} s, the speech "
            f"to {end_sec:.2f} s; write curves of the whole clip."
        )
