"""Where the eyes look: at the camera with small movements, and away now and then, as speakers do.

Saccades follow the main sequence of Bahill, Clark & Stark (1975): 2.2 ms for each degree and 21 ms more.
How far and in which direction eyes look away, and how long they rest on the other or beside, follows Lee,
Badler & Badler (2002, "Eyes Alive"): shorter looks at the listener while talking than while listening.
Speakers look away as they begin and back before they end (Kendon 1967).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float32, Float64

from ..spaces import ARKIT_BLENDSHAPES, ARKIT_INDEX
from ..spaces.eye_angles import FULL_DOWN_DEG, FULL_SIDE_DEG, FULL_UP_DEG
from .curves import Step, drift, sum_steps
from .prosody import Prosody

GAZE_LAYER = "gaze"
SECONDS_PER_DEG, SHORTEST_SEC = 0.0022, 0.021
# A glance away: degrees beyond the least are exponential, cut where the head would have to turn far.
LEAST_DEG, MEAN_DEG, MOST_DEG = 3.0, 6.9, 18.0
MOST_UP_DEG, MOST_DOWN_DEG = 8.0, 11.0
# Shares of the eight directions from the person's left counter-clockwise as the camera sees them.
DIRECTIONS = np.array([15.54, 6.46, 17.69, 7.44, 16.80, 7.89, 20.38, 7.79])
SPREAD_DEG = 12.0
# Small movements about the camera, as between the eyes and the mouth of somebody who listens.
NEAR_DEG = np.array([0.9, 0.6])
REST_SEC, LEAST_REST_SEC = 0.95, 0.22
DRIFT_DEG, DRIFT_KNOTS_HZ = 0.12, 1.5
# The eyes stay where they look while the head turns, as far as they comfortably can (degrees).
REACH_DEG = np.array([24.0, 16.0])
PHRASE_PULL_SEC, PHRASE_PULL_CHANCE = 0.8, 0.6
LID_FALL, LID_RISE = 0.12, 0.14
# How much of an upward look gives way to a lid that is shut, as eyes sink in a blink.
SINK_IN_BLINK = 0.6


@dataclass(frozen=True)
class Manner:
    """Mean seconds of looks at the other and beside; `is_even` where the first vary little."""

    at_sec: float
    away_sec: float
    is_even: bool


TALKING = Manner(3.1, 0.93, is_even=False)
LISTENING = Manner(7.9, 0.5, is_even=True)


@dataclass(frozen=True)
class GazeShift:
    """A saccade from one direction to another: degrees to the person's left, and downwards."""

    start_sec: float
    from_deg: np.ndarray
    to_deg: np.ndarray

    @property
    def amplitude_deg(self) -> float:
        """How far the gaze turns."""
        return float(np.linalg.norm(self.to_deg - self.from_deg))

    @property
    def length_sec(self) -> float:
        """Duration by the main sequence."""
        return SECONDS_PER_DEG * self.amplitude_deg + SHORTEST_SEC


class _Walk:
    """Gaze shifts one after the other."""

    def __init__(self) -> None:
        self.shifts: list[GazeShift] = []
        self.at_deg = np.zeros(2)

    def look(self, time_sec: float, to_deg: np.ndarray) -> None:
        """Turn to a direction."""
        self.shifts.append(GazeShift(time_sec, self.at_deg, to_deg))
        self.at_deg = to_deg


def sample_gaze(
    prosody: Prosody, *, amount: float | int, liveliness: float | int, seed: int
) -> list[GazeShift]:
    """All gaze shifts of the sound; `amount` scales how far, `liveliness` how often eyes look away."""
    if amount <= 0:
        return []
    rng = np.random.default_rng([seed, 1])
    walk, time_sec = _Walk(), 0.0
    while time_sec < prosody.duration_sec:
        manner = TALKING if prosody.is_speaking(time_sec, 0.4) else LISTENING
        leave_sec = time_sec + _length_at(rng, manner) / max(liveliness, 1e-3)
        leave_sec = max(_pulled(rng, leave_sec, prosody.phrases[:, 0]), time_sec + 0.6)
        _scan(rng, walk, (time_sec, min(leave_sec, prosody.duration_sec)), amount)
        if leave_sec >= prosody.duration_sec:
            break
        back_sec = leave_sec + 0.3 + rng.exponential(max(manner.away_sec - 0.3, 0.1))
        back_sec = _before_end(rng, prosody, leave_sec, back_sec)
        walk.look(leave_sec, amount * _beside(rng))
        if back_sec - leave_sec > 0.9:
            nearby = walk.at_deg + amount * rng.normal(0.0, 1.6, 2)
            walk.look(leave_sec + rng.uniform(0.4, 0.6) * (back_sec - leave_sec), nearby)
        walk.look(back_sec, amount * _near(rng))
        time_sec = back_sec + LEAST_REST_SEC
    return walk.shifts


def gaze_direction(
    times_sec: Float64[np.ndarray, " T"],
    shifts: list[GazeShift],
    *,
    amount: float | int,
    seed: int,
) -> Float64[np.ndarray, "T 2"]:
    """Degrees to the person's left and downwards at the times, with the slow drift of a fixation."""
    steps = [Step(s.start_sec, s.length_sec, s.to_deg - s.from_deg) for s in shifts]
    wander = min(amount, 1.0) * DRIFT_DEG * drift(times_sec, DRIFT_KNOTS_HZ, 2, [seed, 2])
    return sum_steps(times_sec, steps, 2) + wander


def gaze_layer(
    direction_deg: Float64[np.ndarray, "T 2"],
    head_deg: Float64[np.ndarray, "T 2"],
    lids_closed: Float32[np.ndarray, " T"],
) -> Float32[np.ndarray, "T 52"]:
    """ARKit weights that turn both eyes to the direction while the head is turned by `head_deg`.

    Lids follow the gaze up and down a little more than the eyeLook controls move them, except where a
    blink has them already. Eyes that look up sink while the lids are shut (Collewijn et al. 1985).
    """
    side, down = np.clip(direction_deg - head_deg, -REACH_DEG, REACH_DEG).T
    left, lower = np.maximum(side, 0.0) / FULL_SIDE_DEG, np.maximum(down, 0.0) / FULL_DOWN_DEG
    right, upper = np.maximum(-side, 0.0) / FULL_SIDE_DEG, np.maximum(-down, 0.0) / FULL_UP_DEG
    closed = np.clip(lids_closed, 0.0, 1.0)
    upper = np.maximum(upper - SINK_IN_BLINK * closed, 0.0)
    values = {
        "eyeLookOutLeft": left,
        "eyeLookInRight": left,
        "eyeLookInLeft": right,
        "eyeLookOutRight": right,
    }
    for eye in ("Left", "Right"):
        values[f"eyeLookDown{eye}"] = lower
        values[f"eyeLookUp{eye}"] = upper
        values[f"eyeBlink{eye}"] = LID_FALL * lower * (1.0 - closed)
        values[f"eyeWide{eye}"] = LID_RISE * upper * (1.0 - closed)
    layer = np.zeros((len(direction_deg), len(ARKIT_BLENDSHAPES)), np.float32)
    for name, column in values.items():
        layer[:, ARKIT_INDEX[name]] = column
    return layer


def _length_at(rng: np.random.Generator, manner: Manner) -> float:
    """Seconds of a look at the other: spread like an exponential, or narrowly about the mean."""
    shape = 16.0 if manner.is_even else 1.2
    return 0.5 + float(rng.gamma(shape, (manner.at_sec - 0.5) / shape))


def _pulled(rng: np.random.Generator, time_sec: float, starts_sec: np.ndarray) -> float:
    """The time, or shortly before a phrase that begins near it."""
    chance, before_sec = rng.uniform(), rng.uniform(0.0, 0.25)
    if not len(starts_sec) or chance > PHRASE_PULL_CHANCE:
        return time_sec
    nearest = starts_sec[np.abs(starts_sec - time_sec).argmin()]
    is_near = abs(nearest - time_sec) < PHRASE_PULL_SEC
    return float(nearest - before_sec) if is_near else time_sec


def _before_end(
    rng: np.random.Generator, prosody: Prosody, leave_sec: float, back_sec: float
) -> float:
    """The return of the eyes, drawn to just before a phrase that ends while they are away."""
    before_sec = rng.uniform(0.0, 0.3)
    ends = prosody.phrases[:, 1]
    passed = ends[(ends > leave_sec + 0.5) & (ends < back_sec)]
    return float(passed[0] - before_sec) if len(passed) else back_sec


def _scan(
    rng: np.random.Generator, walk: _Walk, span_sec: tuple[float, float], amount: float | int
) -> None:
    """Small movements about the camera within the span."""
    time_sec, end_sec = span_sec
    while True:
        time_sec += LEAST_REST_SEC + rng.gamma(2.0, (REST_SEC - LEAST_REST_SEC) / 2.0)
        near = amount * _near(rng)
        if time_sec > end_sec - LEAST_REST_SEC:
            return
        walk.look(time_sec, near)


def _near(rng: np.random.Generator) -> np.ndarray:
    return rng.normal(0.0, 1.0, 2).clip(-2.0, 2.0) * NEAR_DEG


def _beside(rng: np.random.Generator) -> np.ndarray:
    """A direction away from the camera, degrees to the left and downwards."""
    # The quantile of an exponential that is cut at the greatest amplitude.
    kept = 1.0 - np.exp(-(MOST_DEG - LEAST_DEG) / MEAN_DEG)
    amplitude = LEAST_DEG - MEAN_DEG * np.log1p(-kept * rng.uniform())
    octant = rng.choice(8, p=DIRECTIONS / DIRECTIONS.sum())
    angle = np.radians(45.0 * octant + rng.normal(0.0, SPREAD_DEG))
    side, up = amplitude * np.cos(angle), amplitude * np.sin(angle)
    return np.array([side, -np.clip(up, -MOST_DOWN_DEG, MOST_UP_DEG)])
