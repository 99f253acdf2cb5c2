"""Which frames of a video a person is fitted to, and which only measure."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ...core.monocular.pose import mean_rotation, rotation_vectors

MAX_FRAMES, MAX_HELD_OUT = 500, 60
# Frames below this share of the usual confidence or sharpness are not used.
LOWEST_CONFIDENCE, LOWEST_SHARPNESS = 0.35, 0.35
# What makes two frames as different as one unit.
TURN_RAD, SHIFT_M, CODE_UNITS = 0.12, 0.04, 6.0
LIPS_MM, MOUTH_MM, LIDS_MM = 2.5, 4.0, 2.0
# Runs of frames: one in so many is held out, with so many frames to either side left unused.
EVERY_RUN, GUARD, SHORTEST, LONGEST = 8, 2, 3, 14
FEWEST_TO_HOLD_OUT = 24


@dataclass(frozen=True)
class Choice:
    """Rows of the frames that are fitted to and of those that are held out, in time's order."""

    fitted: np.ndarray
    held_out: np.ndarray


def choose_frames(
    features: np.ndarray, quality: np.ndarray, *, max_frames: int = MAX_FRAMES
) -> Choice:
    """Frames that cover what the video shows; `features` `[T, F]`, `quality` `[T]` in [0, 1], 0 unusable."""
    held_out, blocked = held_out_runs(len(quality))
    usable = quality > 0
    fitted = spread_out(features, quality * usable * ~blocked, max_frames)
    measured = np.flatnonzero(held_out & usable)
    if len(measured) > MAX_HELD_OUT:
        measured = measured[np.linspace(0, len(measured) - 1, MAX_HELD_OUT).astype(int)]
    if not len(measured) or not len(fitted):
        return Choice(spread_out(features, quality * usable, max_frames), np.zeros(0, int))
    return Choice(fitted, measured)


def held_out_runs(count: int) -> tuple[np.ndarray, np.ndarray]:
    """Masks `[T]` of the frames that are held out, and of those and their neighbours, which nothing is fitted to."""
    held_out, blocked = np.zeros(count, bool), np.zeros(count, bool)
    if count < FEWEST_TO_HOLD_OUT:
        return held_out, blocked
    length = int(np.clip(count // (2 * EVERY_RUN), SHORTEST, LONGEST))
    for start in range(length * (EVERY_RUN // 2), count, length * EVERY_RUN):
        held_out[start : start + length] = True
        blocked[max(start - GUARD, 0) : start + length + GUARD] = True
    return held_out, blocked


def spread_out(features: np.ndarray, quality: np.ndarray, count: int) -> np.ndarray:
    """At most `count` rows that lie far from each other in `features` and are good, in order.

    Farthest points (Gonzalez 1985), distances times quality.
    """
    usable = np.flatnonzero(quality > 0)
    if len(usable) <= count:
        return usable
    points, quality = features[usable], quality[usable]
    middle = np.median(points, axis=0)
    chosen = [int((quality / (1 + np.linalg.norm(points - middle, axis=1))).argmax())]
    gap = np.linalg.norm(points - points[chosen[0]], axis=1)
    while len(chosen) < count:
        chosen.append(int((gap * quality).argmax()))
        gap = np.minimum(gap, np.linalg.norm(points - points[chosen[-1]], axis=1))
        gap[chosen[-1]] = 0.0
    return usable[np.sort(np.array(chosen))]


def frame_features(
    rotation: np.ndarray, position: np.ndarray, codes: np.ndarray, mouth_mm: np.ndarray
) -> np.ndarray:
    """What frames differ in, `[T, F]`: head pose, mouth, lids and the whole code."""
    turns = rotation_vectors(mean_rotation(rotation, np.ones(len(rotation))).T @ rotation)
    return np.concatenate(
        [
            turns / TURN_RAD,
            (position - np.median(position, axis=0)) / SHIFT_M,
            mouth_mm / (LIPS_MM, MOUTH_MM, LIDS_MM, LIDS_MM),
            codes / CODE_UNITS,
        ],
        axis=1,
    )


def frame_quality(confidence: np.ndarray, sharpness: np.ndarray) -> np.ndarray:
    """How good frames are to fit to, `[T]` in [0, 1]; 0 for those that show too little or are blurred."""
    usual = np.median(confidence[confidence > 0]) if (confidence > 0).any() else 1.0
    sharp = sharpness / max(np.percentile(sharpness, 75), 1e-12)
    quality = np.clip(confidence / usual, 0, 1) * np.clip(sharp, 0, 1)
    quality[(confidence < LOWEST_CONFIDENCE * usual) | (sharp < LOWEST_SHARPNESS)] = 0.0
    return quality


def sharpness_of(pixels: np.ndarray) -> float:
    """How much fine detail a small picture `[S, S, 3]` uint8 of a face has."""
    gray = pixels.astype(np.float32).mean(axis=2)
    fine = (
        4 * gray[1:-1, 1:-1] - gray[2:, 1:-1] - gray[:-2, 1:-1] - gray[1:-1, 2:] - gray[1:-1, :-2]
    )
    return float(np.abs(fine).mean() / (gray.std() + 1.0))
