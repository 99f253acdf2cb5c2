"""Figures of one clip: how curves of a mouth and of lids go with a tracker's."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from gaussian_heads.core.monocular.filtering import noise_of

# A blink shuts this much of the eye; two lie further apart than this, and are one another's this near.
SHUT_PART, REOPENED_PART = 0.5, 0.3
SAME_FRAMES = 3
TRACKED_BLINK, TRACKED_REOPENED = 0.45, 0.3
# Lips are closed below this part of the clip's wide gaps; a plosive's closure may come this much beside it.
CLOSED_PART, WIDE_PERCENT = 0.15, 90
BESIDE_SEC = 0.04


@dataclass(frozen=True)
class Blinks:
    """How many blinks the tracker saw, how many of them were found, and how many others."""

    seen: int
    found: int
    others: int


def correlation(curve: np.ndarray, tracked: np.ndarray) -> float:
    """Pearson's r; nan where one of them does not move."""
    if np.std(curve) < 1e-9 or np.std(tracked) < 1e-9:
        return float("nan")
    return float(np.corrcoef(curve, tracked)[0, 1])


def closing_events(closed: np.ndarray, shut: float, reopened: float) -> list[int]:
    """Frames at which a curve of closure (1 is shut) is highest, once for each time that it passes `shut`."""
    events, is_shut = [], False
    for frame, value in enumerate(closed):
        if not is_shut and value >= shut:
            is_shut = True
            events.append(frame)
        elif is_shut and value < reopened:
            is_shut = False
        if is_shut and value > closed[events[-1]]:
            events[-1] = frame
    return events


def blinks(lids_mm: np.ndarray, tracked: np.ndarray) -> Blinks:
    """Blinks by the lids' gap `[T]` (mm), against a tracker's eyeBlink weight `[T]`."""
    wide = np.percentile(lids_mm, 80)
    closed = 1.0 - lids_mm / max(wide, 1e-6)
    ours = closing_events(closed, SHUT_PART, REOPENED_PART)
    theirs = closing_events(tracked, TRACKED_BLINK, TRACKED_REOPENED)
    found = sum(any(abs(a - b) <= SAME_FRAMES for a in ours) for b in theirs)
    others = sum(all(abs(a - b) > SAME_FRAMES for b in theirs) for a in ours)
    return Blinks(len(theirs), found, others)


def closures(
    gap: np.ndarray, plosives: Sequence[tuple[float, float]], frame_rate_hz: float
) -> np.ndarray:
    """Least gap within each plosive (and a little beside it) over the clip's wide gaps, `[P]`."""
    wide = max(float(np.percentile(gap, WIDE_PERCENT)), 1e-9)
    times_sec = np.arange(len(gap)) / frame_rate_hz
    least = []
    for start, end in plosives:
        near = (times_sec >= start - BESIDE_SEC) & (times_sec <= end + BESIDE_SEC)
        if near.any():
            least.append(gap[near].min() / wide)
    return np.array(least)


def jitter(landmarks_px: np.ndarray) -> float:
    """Noise of landmarks `[T, 68, 2]` from frame to frame, in thousandths of the face's width."""
    width = float(np.median(np.ptp(landmarks_px[..., 0], axis=1)))
    noise = noise_of(landmarks_px.reshape(len(landmarks_px), -1))
    return float(1000.0 * np.sqrt((noise**2).mean()) / max(width, 1e-9))
