"""Action Units that other programs measured in videos: tables of OpenFace, LibreFace and Py-Feat.

OpenFace 2 (Baltrusaitis et al. 2018) writes `AU12_r` from 0 to 5 and `AU12_c` for present or not, LibreFace
(Chang et al. 2024) `au_12_intensity` from 0 to 5 and `au_12` for present or not, Py-Feat (Cheong et al. 2023)
`AU12` from 0 to 1 (from 0 to 5 where a value is above 1). The columns say which it is.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import numpy as np
from jaxtyping import Bool, Float32, Float64

from ..direction import ActingDirection
from ..errors import TrackError
from ..expression import MAX_FRAMES
from ..livelink import rate_of
from ..spaces import ACTION_UNITS
from ..spaces.facs import MAX_INTENSITY, NEAREST_UNITS
from ..tables import Table, read_table

# What a unit that is only said to be there is taken for: C on the scale of FACS from A (1) to E (5), "marked".
PRESENT_INTENSITY = 3.0
# Frames in which the tracker trusts its points less show no face.
LEAST_CONFIDENCE = 0.5

INTENSITY, PRESENCE, SHARE = "intensity", "presence", "share"
_COLUMNS = (
    (re.compile(r"AU0*(\d+)_r", re.IGNORECASE), INTENSITY),
    (re.compile(r"AU_0*(\d+)_intensity", re.IGNORECASE), INTENSITY),
    (re.compile(r"AU0*(\d+)", re.IGNORECASE), SHARE),
    (re.compile(r"AU0*(\d+)_c", re.IGNORECASE), PRESENCE),
    (re.compile(r"AU_0*(\d+)", re.IGNORECASE), PRESENCE),
)
# Columns that say when a row was, by how many of their units a second has.
_TIMES = {"timestamp": 1.0, "time_sec": 1.0, "time": 1.0, "frame_time_in_ms": 1e3}
_FRAMES = ("frame", "frame_idx")
_CONFIDENCES = ("confidence", "facescore")
_OTHERS = {*_TIMES, *_FRAMES, *_CONFIDENCES, "success", "face_id"}


@dataclass(frozen=True, eq=False)
class ActionUnitTable:
    """Intensities `[T, 18]` (0 to 5, order of `ACTION_UNITS`) at rising times `[T]` (s) of the video.

    `present` names the units that the file has, the others are 0; `notes` are sentences about what was
    bridged, left out or guessed.
    """

    times_sec: Float64[np.ndarray, " T"]
    intensities: Float32[np.ndarray, "T 18"]
    present: tuple[str, ...]
    notes: tuple[str, ...]

    def direction(self, fps: Fraction | None = None) -> ActingDirection:
        """The same as frames at `fps`, by default at the rate of the rows; second 0 is the video's first."""
        rate = fps or rate_of(self.times_sec) or Fraction(1)
        count = round((self.times_sec[-1] - self.times_sec[0]) * float(rate)) + 1
        if count > MAX_FRAMES:
            raise TrackError(
                f"The Action Units would span {count:,} frames, at most {MAX_FRAMES:,} are read: "
                "cut the recording into parts."
            )
        times = self.times_sec[0] + np.arange(count) / float(rate)
        intensities = np.empty((count, len(ACTION_UNITS)), np.float32)
        for out, column in zip(intensities.T, self.intensities.T, strict=True):
            out[:] = np.interp(times, self.times_sec, column)
        return ActingDirection(intensities, rate, float(self.times_sec[0]))


def read_action_units(path: Path, fps: float | int | Fraction | None = None) -> ActionUnitTable:
    """The Action Units in the table `path`.

    `fps` counts where the file has no times but numbers frames or rows. Of several faces the one seen most is
    read; frames without it, or with cells that are no numbers, lie on the line between their neighbours. A unit
    without intensities that is only said to be present counts as `PRESENT_INTENSITY`. Raises `TrackError`.
    """
    path = Path(path)
    table = read_table(path, lambda name: _unit_of(name) is not None or name.lower() in _OTHERS)
    columns = {name: unit for name in table.header if (unit := _unit_of(name)) is not None}
    if not any(unit in ACTION_UNITS for unit, _ in columns.values()):
        raise TrackError(
            f"'{path}' has no columns of Action Units such as 'AU12_r' or 'au_12_intensity': choose a table "
            "of OpenFace, LibreFace or Py-Feat."
        )
    spelled = {name.lower(): name for name in reversed(table.header)}
    notes: list[str] = []
    is_seen = _seen(table, spelled, path)
    chosen = _one_face(table, spelled, is_seen, notes)
    times_sec = _times(table, spelled, path, fps)[chosen]
    _check_times(times_sec, path)
    units = _units(table, columns, path, notes)
    for unit, values in units.items():
        units[unit] = np.where(is_seen, values, np.nan)[chosen]
    missing = int((~is_seen[chosen]).sum())
    if missing:
        notes.append(
            f"The face was not seen well in {missing} of {len(times_sec)} frames; they were bridged."
        )
    intensities = np.zeros((len(times_sec), len(ACTION_UNITS)), np.float32)
    for unit, values in _bridged(units, times_sec, is_seen[chosen], path, notes).items():
        intensities[:, ACTION_UNITS.index(unit)] = np.clip(values, 0.0, MAX_INTENSITY)
    present = tuple(unit for unit in ACTION_UNITS if unit in units)
    return ActionUnitTable(times_sec, intensities, present, tuple(notes))


def _unit_of(name: str) -> tuple[str, str] | None:
    """Unit and kind of number of a column: "AU24_c" is ("AU23", PRESENCE), the nearest unit there is."""
    for pattern, kind in _COLUMNS:
        if match := pattern.fullmatch(name):
            unit = f"AU{match[1]:0>2}"
            return NEAREST_UNITS.get(unit, unit), kind
    return None


def _seen(table: Table, spelled: Mapping[str, str], path: Path) -> Bool[np.ndarray, " T"]:
    """Rows in which the program says that it saw a face and trusts it."""
    is_seen = np.ones(len(table.rows), bool)
    limits = {"success": 0.5, **dict.fromkeys(_CONFIDENCES, LEAST_CONFIDENCE)}
    for name, least in limits.items():
        if name in spelled:
            values = table.numbers([spelled[name]])[:, 0]
            is_seen &= np.nan_to_num(values) >= least
    if not is_seen.any():
        raise TrackError(
            f"'{path}' shows no face in any frame: measure a video in which the face is seen."
        )
    return is_seen


def _one_face(
    table: Table, spelled: Mapping[str, str], is_seen: np.ndarray, notes: list[str]
) -> Bool[np.ndarray, " T"]:
    """Rows of the face that is seen in most frames."""
    if "face_id" not in spelled:
        return np.ones(len(table.rows), bool)
    faces = table.numbers([spelled["face_id"]])[:, 0]
    numbers, counts = np.unique(faces[is_seen & ~np.isnan(faces)], return_counts=True)
    if len(numbers) < 2:
        return np.ones(len(table.rows), bool)
    most = numbers[np.argmax(counts)]
    notes.append(
        f"The file shows {len(numbers)} faces; number {most:g}, seen in {counts.max()} frames, was read."
    )
    return faces == most


def _times(
    table: Table, spelled: Mapping[str, str], path: Path, fps: float | int | Fraction | None
) -> Float64[np.ndarray, " T"]:
    """Seconds of every row: by its time, else by its frame's number, else by the rows above it."""
    for name, per_sec in _TIMES.items():
        if name in spelled:
            times_sec = table.numbers([spelled[name]])[:, 0] / per_sec
            # Folders of pictures have a column of zeros.
            if len(times_sec) == 1 or times_sec.any():
                return times_sec
    if fps is None:
        raise TrackError(
            f"'{path}' does not say when its frames were: give the frame rate of the video."
        )
    if not (math.isfinite(fps) and fps > 0):
        raise TrackError(f"The frame rate {fps} is not positive: give that of the video.")
    for name in _FRAMES:
        if name in spelled:
            frames = table.numbers([spelled[name]])[:, 0]
            # OpenFace counts from 1, the others from 0.
            first = 1.0 if "success" in spelled and np.nanmin(frames, initial=1.0) >= 1 else 0.0
            return (frames - first) / float(fps)
    return np.arange(len(table.rows)) / float(fps)


def _check_times(times_sec: np.ndarray, path: Path) -> None:
    if np.isnan(times_sec).any():
        row = int(np.flatnonzero(np.isnan(times_sec))[0]) + 1
        raise TrackError(f"'{path}' has no number as the time of row {row}: export it again.")
    if len(times_sec) > MAX_FRAMES:
        raise TrackError(
            f"'{path}' has {len(times_sec):,} frames, at most {MAX_FRAMES:,} are read: cut it into parts."
        )
    falls = np.flatnonzero(np.diff(times_sec) <= 0)
    if len(falls):
        raise TrackError(
            f"The times in '{path}' do not rise at row {int(falls[0]) + 2}: keep one face and one "
            "recording in the file."
        )


def _units(
    table: Table, columns: Mapping[str, tuple[str, str]], path: Path, notes: list[str]
) -> dict[str, np.ndarray]:
    """Intensities of every row by unit; where two columns mean the same unit, the stronger holds."""
    measured = {unit for unit, kind in columns.values() if kind != PRESENCE}
    shares = [name for name, (_, kind) in columns.items() if kind == SHARE]
    # Columns of that name which go beyond 1 are intensities that somebody else wrote.
    whole = MAX_INTENSITY if np.nanmax(table.numbers(shares), initial=0.0) <= 1.0 else 1.0
    found: dict[str, np.ndarray] = {}
    only_present: list[str] = []
    for name, (unit, kind) in columns.items():
        if unit not in ACTION_UNITS or (kind == PRESENCE and unit in measured):
            continue
        values = table.numbers([name])[:, 0]
        if np.isnan(values).all():
            raise TrackError(f"'{path}' holds no numbers in its column '{name}': export it again.")
        if kind == PRESENCE:
            values = PRESENT_INTENSITY * np.clip(values, 0.0, 1.0)
            only_present.append(unit)
        elif kind == SHARE:
            values = whole * values
        found[unit] = np.fmax(found[unit], values) if unit in found else values
    if only_present:
        names = ", ".join(sorted(set(only_present)))
        notes.append(
            f"Only whether they are present is known of {names}; there they count as {PRESENT_INTENSITY:g}."
        )
    return found


def _bridged(
    units: Mapping[str, np.ndarray],
    times_sec: np.ndarray,
    is_seen: np.ndarray,
    path: Path,
    notes: list[str],
) -> dict[str, np.ndarray]:
    """`units` with the rows that hold no number on the line between their neighbours; ends are held."""
    whole, num_cells = {}, 0
    for unit, values in units.items():
        is_number = ~np.isnan(values)
        if 2 * (is_seen & ~is_number).sum() > is_seen.sum():
            raise TrackError(
                f"'{path}' holds no numbers for {unit} in most frames: export it again."
            )
        num_cells += int((is_seen & ~is_number).sum())
        whole[unit] = np.interp(times_sec, times_sec[is_number], values[is_number])
    if num_cells:
        notes.append(f"{num_cells} cells hold no number; they were bridged.")
    if any((values > 1.01 * MAX_INTENSITY).any() for values in whole.values()):
        notes.append(f"Intensities above {MAX_INTENSITY:g} were cut.")
    return whole
