"""Seeded blinks: when people blink, how fast the lids fall and rise, as a layer of its own.

Blink times lie in seconds of the sound, so that they do not depend on the frame rate or on where the
bake begins. Intervals are log-normal (skewed, as measured blinks are); the lids close in about 90 ms
and open in about 180 ms (Evinger et al. 1991), never perfectly together. Many blinks wait for the end of
a phrase (Nakano & Kitazawa 2010) or come with a large shift of gaze (Evinger et al. 1994).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Float32, Float64

from ..spaces import ARKIT_BLENDSHAPES, ARKIT_INDEX
from .gaze import GazeShift
from .prosody import Prosody

BLINK_LAYER = "blink"
INTERVAL_LOG_STD = 0.55
MIN_INTERVAL_SEC = 0.7
CLOSE_SEC = (0.08, 0.1)
HOLD_SEC = (0.045, 0.06)  # longer than a frame at 24 fps, so that no blink falls between two frames
OPEN_SEC = (0.15, 0.2)
DEPTH = (0.92, 1.0)
SIDE_DELAY_SEC = 0.008
SIDE_DEPTH = 0.04
# How far a blink moves to an occasion, and how many of those that could do.
PULL_SEC, PULL_CHANCE = 0.7, 0.65
LARGE_SHIFT_DEG = 8.0
AFTER_PHRASE_SEC = 0.12


@dataclass(frozen=True)
class Blink:
    """One blink: the lids start to fall at `start_sec`; the right eye differs a little."""

    start_sec: float
    close_sec: float
    hold_sec: float
    open_sec: float
    depth: float
    right_delay_sec: float
    right_depth: float


def blink_times(
    end_sec: float,
    *,
    blinks_per_min: float,
    seed: int,
    occasions_sec: Sequence[float] | np.ndarray = (),
) -> list[Blink]:
    """All blinks that start in [0, end_sec); a longer sound only adds blinks at its end.

    Many move to the nearest of `occasions_sec`, which leaves the mean rate as it is.
    """
    return _at_occasions(_evenly(end_sec, blinks_per_min, seed), occasions_sec, end_sec, seed)


def blink_occasions(prosody: Prosody, shifts: list[GazeShift]) -> Float64[np.ndarray, " O"]:
    """When people like to blink: as a phrase is over, and while their gaze turns far."""
    large = [shift.start_sec for shift in shifts if shift.amplitude_deg >= LARGE_SHIFT_DEG]
    return np.sort(np.concatenate([prosody.phrases[:, 1] + AFTER_PHRASE_SEC, large]))


def _at_occasions(
    blinks: list[Blink], occasions_sec: Sequence[float] | np.ndarray, end_sec: float, seed: int
) -> list[Blink]:
    free = np.sort(np.asarray(occasions_sec, np.float64))
    rng = np.random.default_rng([seed, 10])
    moved: list[Blink] = []
    last_sec = -np.inf
    for blink in blinks:
        chance, beside_sec = rng.uniform(), rng.normal(0.0, 0.04)
        start_sec = max(blink.start_sec, last_sec + MIN_INTERVAL_SEC)
        if len(free) and chance < PULL_CHANCE:
            nearest = int(np.abs(free - blink.start_sec).argmin())
            target_sec = float(free[nearest] + beside_sec)
            is_near = abs(target_sec - blink.start_sec) < PULL_SEC
            if is_near and target_sec >= max(last_sec + MIN_INTERVAL_SEC, 0.0):
                start_sec = target_sec
                free = np.delete(free, nearest)
        if start_sec < end_sec:
            moved.append(replace(blink, start_sec=start_sec))
            last_sec = start_sec
    return moved


def _evenly(end_sec: float, blinks_per_min: float, seed: int) -> list[Blink]:
    if blinks_per_min <= 0:
        return []
    rng = np.random.default_rng(seed)
    mean_sec = 60.0 / blinks_per_min
    # The mean of a log-normal is exp(mu + sigma²/2); what the minimum adds is taken off again.
    log_mean = np.log(max(mean_sec - MIN_INTERVAL_SEC, 0.05)) - INTERVAL_LOG_STD**2 / 2
    blinks: list[Blink] = []
    time_sec = rng.uniform(0.2, 1.0) * mean_sec
    while time_sec < end_sec:
        depth = float(rng.uniform(*DEPTH))
        blinks.append(
            Blink(
                float(time_sec),
                float(rng.uniform(*CLOSE_SEC)),
                float(rng.uniform(*HOLD_SEC)),
                float(rng.uniform(*OPEN_SEC)),
                depth,
                float(rng.uniform(-SIDE_DELAY_SEC, SIDE_DELAY_SEC)),
                depth - float(rng.uniform(0.0, SIDE_DEPTH)),
            )
        )
        time_sec += MIN_INTERVAL_SEC + float(rng.lognormal(log_mean, INTERVAL_LOG_STD))
    return blinks


def blink_layer(times_sec: np.ndarray, blinks: list[Blink]) -> Float32[np.ndarray, "T 52"]:
    """ARKit weights of the blinks at `times_sec` `[T]` (ascending)."""
    layer = np.zeros((len(times_sec), len(ARKIT_BLENDSHAPES)), np.float32)
    left, right = ARKIT_INDEX["eyeBlinkLeft"], ARKIT_INDEX["eyeBlinkRight"]
    for blink in blinks:
        begin = blink.start_sec - SIDE_DELAY_SEC
        end = blink.start_sec + blink.close_sec + blink.hold_sec + blink.open_sec + SIDE_DELAY_SEC
        span = slice(*np.searchsorted(times_sec, [begin, end]))
        if span.start == span.stop:
            continue
        since = times_sec[span] - blink.start_sec
        shape_left = blink.depth * _lid(since, blink)
        shape_right = blink.right_depth * _lid(since - blink.right_delay_sec, blink)
        layer[span, left] = np.maximum(layer[span, left], shape_left)
        layer[span, right] = np.maximum(layer[span, right], shape_right)
    return layer


def _lid(since_sec: np.ndarray, blink: Blink) -> np.ndarray:
    """Lid closure 0 to 1 at seconds after the start: a quick fall, a hold, a slower rise."""
    falling = np.clip(since_sec / blink.close_sec, 0.0, 1.0)
    opened_at = blink.close_sec + blink.hold_sec
    rising = np.clip((since_sec - opened_at) / blink.open_sec, 0.0, 1.0)
    # Lids leave the closed state fast and settle slowly.
    return (0.5 - 0.5 * np.cos(np.pi * falling)) * (0.5 + 0.5 * np.cos(np.pi * rising**0.8))
