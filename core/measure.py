"""What the mouth really does: millimetres on the decoded head's own landmarks, frame by frame."""

from __future__ import annotations

import csv
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, runtime_checkable

import numpy as np
from jaxtyping import Float, Float32

from .expression import ExpressionTrack
from .files import replace_on_success
from .landmarks import MarkedHead, track_landmarks

# Of the 68 points of iBUG's 300-W markup, counted from 0; right and left are the person's own.
CHIN = 8
RIGHT_CORNER, LEFT_CORNER = 48, 54
OUTER_LIPS = slice(48, 60)
INNER_UPPER, INNER_LOWER = (61, 62, 63), (67, 66, 65)
UPPER_LIDS, LOWER_LIDS = (37, 38, 43, 44), (41, 40, 47, 46)
RIGHT_EYE_OUTSIDE, LEFT_EYE_OUTSIDE = 36, 45

COLUMNS = ("lip_gap", "mouth_width", "jaw_drop", "lip_protrusion", "eye_opening")


@runtime_checkable
class MeasuredHead(MarkedHead, Protocol):
    """The part of an avatar that is measured."""

    @property
    def lip_contact_offset_mm(self) -> float: ...


@dataclass(frozen=True)
class Measurement:
    """Curves of a head that speaks: seconds `[T]` and millimetres `[T]` by column name.

    `lip_gap` is the mean distance of the three pairs of inner-lip points along the mouth's up axis,
    less the avatar's contact offset; lips that touch or overlap give 0. `mouth_width` joins the
    corners. `jaw_drop` (chin, downwards) and `lip_protrusion` (outer lips, forwards) count from the
    neutral face. `eye_opening` is how high the upper lids stand over the lower ones, 0 where they meet
    or overlap, the mean of four pairs of lid points.
    """

    times_sec: np.ndarray
    columns_mm: Mapping[str, Float32[np.ndarray, " T"]]

    def write_csv(self, path: Path) -> None:
        """Write `time` in seconds and all columns in millimetres, with a header line."""
        with replace_on_success(path) as temporary, temporary.open("w", newline="") as stream:
            writer = csv.writer(stream, lineterminator="\n")
            writer.writerow(("time", *self.columns_mm))
            for time_sec, *values in zip(self.times_sec, *self.columns_mm.values(), strict=True):
                writer.writerow((f"{time_sec:.6f}", *(f"{value:.4f}" for value in values)))


def measure_track(
    track: ExpressionTrack, avatar: MeasuredHead, strengths: Mapping[str, float] | None = None
) -> Measurement:
    """Measure `avatar` on every frame of `track` (of any space that fits); see `track_landmarks`."""
    points = track_landmarks(track, avatar, strengths)
    neutral = avatar.landmarks(np.zeros(avatar.code_dim, np.float32))
    columns = measure_landmarks(points, neutral, avatar.lip_contact_offset_mm)
    return Measurement(track.times_sec(), columns)


def measure_landmarks(
    points: Float32[np.ndarray, "T 68 3"],
    neutral: Float32[np.ndarray, "68 3"],
    lip_contact_offset_mm: float | int = 0.0,
) -> dict[str, Float32[np.ndarray, " T"]]:
    """Columns of `Measurement` from landmarks (m, avatar frame, no head pose) and the neutral ones."""
    gap = 1000.0 * signed_lip_gap(points) - lip_contact_offset_mm
    corners = points[:, LEFT_CORNER] - points[:, RIGHT_CORNER]
    # Lids that hang over the lower ones when they shut are shut, however far they lie in front.
    lids = points[:, UPPER_LIDS] - points[:, LOWER_LIDS]
    opening = (
        lids * up_axes(points[:, LEFT_EYE_OUTSIDE] - points[:, RIGHT_EYE_OUTSIDE])[:, None]
    ).sum(2)
    moved = points - neutral
    columns_mm = (
        np.maximum(gap, 0.0),
        1000.0 * np.linalg.norm(corners, axis=1),
        -1000.0 * moved[:, CHIN, 1],
        1000.0 * moved[:, OUTER_LIPS, 2].mean(1),
        1000.0 * np.maximum(opening, 0.0).mean(1),
    )
    return dict(zip(COLUMNS, (c.astype(np.float32) for c in columns_mm), strict=True))


def signed_lip_gap(points: Float32[np.ndarray, "T 68 3"]) -> Float32[np.ndarray, " T"]:
    """Mean height (m) of the upper over the lower inner lip, negative where they overlap.

    The mouth's up axis is the avatar's, made square to the line through the corners.
    """
    up = up_axes(points[:, LEFT_CORNER] - points[:, RIGHT_CORNER])
    apart = (points[:, INNER_UPPER] - points[:, INNER_LOWER]).mean(1)
    return (apart * up).sum(1).astype(np.float32)


def up_axes(across: Float[np.ndarray, "T 3"]) -> Float[np.ndarray, "T 3"]:
    """The avatar's up axis `[T, 3]` made square to lines `[T, 3]` across the face."""
    across = across / np.maximum(np.linalg.norm(across, axis=1, keepdims=True), 1e-9)
    up = np.array([0.0, 1.0, 0.0], np.float32) - across[:, 1:2] * across
    return up / np.maximum(np.linalg.norm(up, axis=1, keepdims=True), 1e-9)
