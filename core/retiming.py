"""A track at another frame rate: exact times, and no closed mouth or blink lost between two frames."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

import numpy as np
from jaxtyping import Float32, Float64

from .errors import TrackError
from .expression import MAX_FRAMES, ExpressionTrack
from .spaces import ARKIT_INDEX, ARKIT_SPACE
from .spaces.conversion import arkit_track
from .spaces.face_parts import part_indices

# A closing or a blink must stand out by this much to be worth a frame of its own.
LEAST_DIP = 0.08


def retime_track(track: ExpressionTrack, fps: Fraction) -> ExpressionTrack:
    """`track` sampled at `fps`, frame `t` at exactly `t / fps` seconds after the first."""
    if fps == track.fps:
        return track
    if fps <= 0:
        raise TrackError(f"The frame rate is {fps}: it must be positive.")
    num_frames = _num_frames(track, fps)
    ratio = track.fps / fps
    frames = np.arange(num_frames, dtype=np.int64) * ratio.numerator / ratio.denominator
    if track.code_space == ARKIT_SPACE:
        return sample_track(track, frames, fps)
    times = np.clip(frames, 0, track.num_frames - 1)
    return _sampled(track, np.repeat(times[:, None], track.code_dim, axis=1), times, fps)


def sample_track(
    track: ExpressionTrack, frames: Float64[np.ndarray, " S"], fps: Fraction
) -> ExpressionTrack:
    """`track` at the fractional `frames` of its own, which rise or fall steadily, as a track at `fps`.

    Values are interpolated linearly. A frame next to a moment of closed lips or lids takes the mouth or the
    eyes of that very moment, at most half a frame away; where codes do not tell mouth and eyes apart, all
    of the face.
    """
    times = np.clip(frames, 0, track.num_frames - 1)
    step = abs(frames[-1] - frames[0]) / (len(frames) - 1) if len(frames) > 1 else 1.0
    columns = np.repeat(times[:, None], track.code_dim, axis=1)
    is_arkit = track.code_space == ARKIT_SPACE
    total = (track if is_arkit else arkit_track(track)).codes()
    for part, openness in (("eyes", _lid_opening), ("mouth", _lip_opening)):
        snapped = _snap_to_dips(times, openness(total), step)
        if is_arkit:
            columns[:, part_indices([part])] = snapped[:, None]
        else:
            columns[snapped != times] = snapped[snapped != times, None]
    return _sampled(track, columns, times, fps)


def _sampled(
    track: ExpressionTrack, columns: np.ndarray, times: np.ndarray, fps: Fraction
) -> ExpressionTrack:
    layers = {name: _sample(codes, columns) for name, codes in track.layers.items()}
    pose = _sample(track.head_pose, np.repeat(times[:, None], 6, axis=1))
    return replace(track, layers=layers, head_pose=pose, fps=fps)


def _num_frames(track: ExpressionTrack, fps: Fraction) -> int:
    """Whole frames at `fps` until half a frame after the last of the track."""
    count = int((track.num_frames - 1) * fps / track.fps + Fraction(1, 2)) + 1
    if count > MAX_FRAMES:
        raise TrackError(
            f"At {float(fps):g} fps the recording would have {count:,} frames, at most {MAX_FRAMES:,} "
            "are read: cut it into parts."
        )
    return count


def _sample(
    values: Float32[np.ndarray, "T D"], frames: Float64[np.ndarray, "S D"]
) -> Float32[np.ndarray, "S D"]:
    """Linear interpolation, each column at its own fractional frames."""
    below = np.clip(frames.astype(np.int64), 0, max(len(values) - 2, 0))
    above = np.minimum(below + 1, len(values) - 1)
    part = (frames - below).astype(np.float32)
    columns = np.arange(values.shape[1])
    return (1 - part) * values[below, columns] + part * values[above, columns]


def _snap_to_dips(
    times: Float64[np.ndarray, " S"], openness: Float32[np.ndarray, " T"], step: float
) -> Float64[np.ndarray, " S"]:
    """`times` (fractional source frames), moved onto dips of `openness` within half a `step`."""
    padded = np.pad(openness, 1, mode="edge")
    reach = max(1, int(np.ceil(step)))
    around = np.pad(openness, reach, mode="edge")
    nearby = np.lib.stride_tricks.sliding_window_view(around, 2 * reach + 1)
    is_dip = (openness <= padded[:-2]) & (openness <= padded[2:])
    is_dip &= np.minimum(nearby[:, :reach].max(1), nearby[:, reach + 1 :].max(1)) > (
        openness + LEAST_DIP
    )
    moved, depth = times.copy(), np.full(len(times), np.inf, np.float32)
    rising = np.argsort(times, kind="stable")
    for dip in np.flatnonzero(is_dip):
        after = int(np.searchsorted(times, dip, sorter=rising))
        beside = rising[max(after - 1, 0) : after + 1]
        nearest = int(beside[np.argmin(np.abs(times[beside] - dip))])
        if abs(times[nearest] - dip) <= step / 2 + 1e-9 and openness[dip] < depth[nearest]:
            moved[nearest], depth[nearest] = dip, openness[dip]
    return moved


def _mean(weights: np.ndarray, *names: str) -> np.ndarray:
    return weights[:, [ARKIT_INDEX[name] for name in names]].mean(axis=1)


def _lip_opening(weights: Float32[np.ndarray, "T 52"]) -> Float32[np.ndarray, " T"]:
    """A rough measure of how far the lips stand apart; what presses them together counts against it."""
    opening = weights[:, ARKIT_INDEX["jawOpen"]] - weights[:, ARKIT_INDEX["mouthClose"]]
    opening = opening + _mean(
        weights,
        "mouthLowerDownLeft",
        "mouthLowerDownRight",
        "mouthUpperUpLeft",
        "mouthUpperUpRight",
    )
    return opening - 0.5 * _mean(
        weights, "mouthPressLeft", "mouthPressRight", "mouthRollLower", "mouthRollUpper"
    )


def _lid_opening(weights: Float32[np.ndarray, "T 52"]) -> Float32[np.ndarray, " T"]:
    return 1.0 - _mean(weights, "eyeBlinkLeft", "eyeBlinkRight")
