"""Action Units as a table in OpenFace's layout, which most programs for them read."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
from jaxtyping import Bool, Float32, Float64

from ..files import replace_on_success
from ..spaces import ACTION_UNITS

# A on the scale of FACS: from here on a unit counts as present.
TRACE = 1.0

HEADER = (
    "frame",
    "face_id",
    "timestamp",
    "confidence",
    "success",
    *(f"{unit}_r" for unit in ACTION_UNITS),
    *(f"{unit}_c" for unit in ACTION_UNITS),
)


def write_action_units(
    path: Path,
    times_sec: Float64[np.ndarray, " T"],
    intensities: Float32[np.ndarray, "T 18"],
    *,
    confidence: Float32[np.ndarray, " T"] | None = None,
    is_present: Bool[np.ndarray, " T"] | None = None,
) -> None:
    """Write intensities (0 to 5, order of `ACTION_UNITS`) at `times_sec` as OpenFace's FeatureExtraction does.

    `confidence` (0 to 1) and `is_present` say where a face was seen, by default surely everywhere. Frames count
    from 1. Beyond OpenFace AU28 has an intensity too; a unit is present (`_c`) from intensity 1 on.
    """
    count = len(times_sec)
    confidence = np.ones(count, np.float32) if confidence is None else confidence
    is_present = np.ones(count, bool) if is_present is None else is_present
    rows = zip(times_sec, confidence, is_present, intensities, strict=True)
    with replace_on_success(path) as temporary, temporary.open("w", newline="") as stream:
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow(HEADER)
        for frame, (time_sec, sureness, is_seen, units) in enumerate(rows, start=1):
            beginning = (frame, 0, f"{time_sec:.6f}", f"{sureness:.3f}", int(is_seen))
            amounts = (f"{amount:.3f}" for amount in units)
            writer.writerow((*beginning, *amounts, *(int(amount >= TRACE) for amount in units)))
