"""How curves move beside the tracked lips of a filmed speaker.

Curves are read at the tracked frames' times. Tracked lips come in units of a face, curves in whatever
their program writes, so that sizes are compared in mouth widths: lip gap over the clip's median width.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields

import numpy as np
from gaussian_heads.training.lip_curves import correlation

from .clips import Clip
from .curves import Curves

MAX_LAG_FRAMES = 5
LAG_FRAMES = np.arange(-MAX_LAG_FRAMES, MAX_LAG_FRAMES + 1)


@dataclass(frozen=True)
class MotionScores:
    """Of one clip; arrays so that several curves may be averaged.

    `gap_r`, `width_r` and `..._in_speech`: Pearson's r over all tracked frames, and over those within
    phones. `gap_r_by_lag` `[L]`: r of the gap against tracked frames 5 before to 5 after. `spread` and
    `tracked_spread`: standard deviation of the gap. `acceleration` and `tracked_acceleration`: root
    mean square of the gap's second difference from frame to frame.
    """

    gap_r: np.ndarray
    gap_r_in_speech: np.ndarray
    width_r: np.ndarray
    width_r_in_speech: np.ndarray
    gap_r_by_lag: np.ndarray
    spread: np.ndarray
    tracked_spread: np.ndarray
    acceleration: np.ndarray
    tracked_acceleration: np.ndarray


def score_motion(curves: Curves, clip: Clip) -> MotionScores:
    """Score one clip's curves against its tracked lips."""
    tracked = clip.tracked
    step_sec = tracked.times_sec[1] - tracked.times_sec[0]
    times_sec = tracked.times_sec
    gap, width = curves.gap_at(times_sec), curves.width_at(times_sec)
    is_speech = speech_frames(clip)
    size, tracked_size = np.median(width), np.median(tracked.width)
    values = (
        correlation(gap, tracked.gap),
        correlation(gap[is_speech], tracked.gap[is_speech]),
        correlation(width, tracked.width),
        correlation(width[is_speech], tracked.width[is_speech]),
        [_lagged(curves, tracked, lag * step_sec) for lag in LAG_FRAMES],
        gap.std() / size,
        tracked.gap.std() / tracked_size,
        _acceleration(gap) / size,
        _acceleration(tracked.gap) / tracked_size,
    )
    return MotionScores(*map(np.asarray, values))


def speech_frames(clip: Clip) -> np.ndarray:
    """Which tracked frames lie within phones, `[T]`."""
    times_sec = clip.tracked.times_sec
    is_speech = np.zeros(len(times_sec), bool)
    for name, start_sec, end_sec in clip.phones:
        is_speech |= (name != "SIL") & (times_sec >= start_sec) & (times_sec < end_sec)
    return is_speech


def averaged(scores: Sequence[MotionScores]) -> MotionScores:
    """The mean over several curves of one clip."""
    return MotionScores(
        *(np.mean([getattr(s, field.name) for s in scores], 0) for field in fields(MotionScores))
    )


def _lagged(curves: Curves, tracked: Curves, lag_sec: float) -> float:
    """Correlation of the tracked gap with what the curve shows `lag_sec` later, where both are known."""
    shifted_sec = tracked.times_sec + lag_sec
    inside = (shifted_sec >= curves.times_sec[0]) & (shifted_sec <= curves.times_sec[-1] + 1e-6)
    return correlation(curves.gap_at(shifted_sec[inside]), tracked.gap[inside])


def _acceleration(gap: np.ndarray) -> float:
    return float(np.sqrt(np.mean(np.diff(gap, 2) ** 2)))
