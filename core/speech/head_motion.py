"""How a head moves while its owner talks: nods on stress, a posture for each phrase, never quite still.

Heads move with the stress of speech (Hadar et al. 1983, Munhall et al. 2004), mostly about the left-right
axis, slower than about 3 Hz, and reach the extreme of a nod just after the stressed vowel (Kim, Cvejic &
Davis 2014). Large gaze shifts take the head along, later and slower than the eyes (Freedman 2008).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float32, Float64

from .curves import Pulse, Step, drift, sum_pulses, sum_steps
from .gaze import GazeShift
from .prosody import Prosody

# Channels: pitch (down), yaw (to the person's left), roll (to the right shoulder) in degrees; left, up,
# forwards in millimetres.
NUM_CHANNELS = 6
SLOW_KNOTS_HZ, SLOW = 0.55, np.array([0.5, 0.75, 0.45, 0.9, 0.5, 1.3])
QUICK_KNOTS_HZ, QUICK = 2.2, np.array([0.14, 0.1, 0.08, 0.12, 0.1, 0.15])
POSTURE = np.array([0.9, 1.8, 1.3, 1.5, 0.0, 2.5])
POSTURE_SEC, REST_PART, LONG_PAUSE_SEC = (0.7, 1.3), 0.35, 0.7
# A long phrase changes its posture on an accent after this many seconds.
SHIFT_SEC = (2.2, 4.5)
# Phrases begin with the head raised and end with it lowered.
FALL_DEG = 1.1
NOD_CHANCE, NOD_CHANCE_STRONG = 0.35, 0.6
NOD_DEG, NOD_DEG_STRONG = 0.9, 2.4
NOD_LOG_STD, UPWARD_CHANCE = 0.35, 0.18
NODS_APART_SEC = 0.4
RISE_SEC, FALL_SEC, APEX_AFTER_SEC = (0.17, 0.25), (0.3, 0.45), (0.04, 0.12)
ASIDE = np.array([0.0, 0.25, 0.3])
LEAN_MM = 0.8
# The part of a gaze shift beyond a few degrees that the head takes over.
GAZE_FREE_DEG, GAZE_SHARE, GAZE_DELAY_SEC, GAZE_SEC = 4.0, 0.35, 0.04, 0.45


@dataclass(frozen=True)
class HeadStrokes:
    """Postures and nods of one performance, in degrees and millimetres."""

    steps: list[Step]
    nods: list[Pulse]


def sample_strokes(
    prosody: Prosody, shifts: list[GazeShift], *, liveliness: float | int, seed: int
) -> HeadStrokes:
    """All strokes of the sound; `liveliness` scales how often the head nods."""
    steps = _postures(prosody, [seed, 3]) + _gaze_steps(shifts)
    return HeadStrokes(steps, _nods(prosody, liveliness, [seed, 4]))


def head_motion(
    times_sec: Float64[np.ndarray, " T"], strokes: HeadStrokes, *, amount: float | int, seed: int
) -> Float64[np.ndarray, "T 6"]:
    """Degrees and millimetres at the times; `amount` scales how far the head moves."""
    if amount <= 0:
        return np.zeros((len(times_sec), NUM_CHANNELS))
    steps, nods = strokes.steps, strokes.nods
    slow = SLOW * drift(times_sec, SLOW_KNOTS_HZ, NUM_CHANNELS, [seed, 5])
    quick = QUICK * drift(times_sec, QUICK_KNOTS_HZ, NUM_CHANNELS, [seed, 6])
    total = sum_steps(times_sec, steps, NUM_CHANNELS) + sum_pulses(times_sec, nods, NUM_CHANNELS)
    return amount * (total + slow + quick)


def head_pose(motion: Float64[np.ndarray, "T 6"]) -> Float32[np.ndarray, "T 6"]:
    """Rotation vectors (rad) and translations (m) of small turns in degrees and shifts in millimetres."""
    return np.concatenate([np.radians(motion[:, :3]), 1e-3 * motion[:, 3:]], 1).astype(np.float32)


def _postures(prosody: Prosody, seed: list[int]) -> list[Step]:
    """A posture for each phrase, the way back to rest after it, and changes within long ones."""
    rng = np.random.default_rng(seed)
    steps, at = [], np.zeros(NUM_CHANNELS)

    def move(time_sec: float, to: np.ndarray) -> None:
        nonlocal at
        length = float(rng.uniform(*POSTURE_SEC))
        steps.append(Step(time_sec - 0.4 * length, length, to - at))
        at = to

    followings = np.append(prosody.phrases[:, 0], np.inf)[1:]
    fall = np.eye(NUM_CHANNELS)[0] * FALL_DEG
    for (start, end), following in zip(prosody.phrases, followings, strict=True):
        move(float(start), _posture(rng) - 0.5 * fall)
        change_sec = start + rng.uniform(*SHIFT_SEC)
        first, last = np.searchsorted(prosody.accents_sec, [start, max(end - 1.0, start)])
        for accent in prosody.accents_sec[first:last]:
            if accent > change_sec:
                move(float(accent), 0.5 * at + _posture(rng))
                change_sec = accent + rng.uniform(*SHIFT_SEC)
        is_long = following - end > LONG_PAUSE_SEC
        move(float(end), at + fall * float(rng.uniform(0.6, 1.2)))
        if is_long:
            move(float(end) + float(rng.uniform(0.4, 0.8)), REST_PART * at)
    return steps


def _posture(rng: np.random.Generator) -> np.ndarray:
    return POSTURE * rng.standard_normal(NUM_CHANNELS).clip(-1.8, 1.8)


def _gaze_steps(shifts: list[GazeShift]) -> list[Step]:
    """What the head adds to gaze shifts, a little after the eyes."""
    steps = []
    for shift in shifts:
        change = _taken(shift.to_deg) - _taken(shift.from_deg)
        if change.any():
            side, down = GAZE_SHARE * change
            turn = np.array([down, side, 0.0, 0.0, 0.0, 0.0])
            steps.append(Step(shift.start_sec + GAZE_DELAY_SEC, GAZE_SEC, turn))
    return steps


def _taken(direction_deg: np.ndarray) -> np.ndarray:
    """A direction less what eyes do alone."""
    angle = np.linalg.norm(direction_deg)
    return direction_deg * max(1.0 - GAZE_FREE_DEG / max(angle, 1e-9), 0.0)


def _nods(prosody: Prosody, liveliness: float | int, seed: list[int]) -> list[Pulse]:
    """Nods on accents, stronger ones more often and further."""
    rng = np.random.default_rng(seed)
    nods: list[Pulse] = []
    last_sec = -np.inf
    for accent, strength in zip(prosody.accents_sec, prosody.strengths, strict=True):
        # All is drawn for every accent, so that one nod more or less changes no other.
        chance, upward = rng.uniform(size=2)
        rise, fall, after = (float(rng.uniform(*s)) for s in (RISE_SEC, FALL_SEC, APEX_AFTER_SEC))
        spread, aside = rng.lognormal(0.0, NOD_LOG_STD), rng.normal(0.0, ASIDE)
        wanted = min(NOD_CHANCE + NOD_CHANCE_STRONG * strength, 0.95) * liveliness
        if chance >= wanted or accent - last_sec < NODS_APART_SEC:
            continue
        degrees = (NOD_DEG + NOD_DEG_STRONG * strength) * min(spread, 1.8)
        direction = -0.6 if upward < UPWARD_CHANCE else 1.0
        turn = degrees * (np.array([direction, 0.0, 0.0]) + aside)
        shift = np.array([0.0, 0.0, LEAN_MM * strength])
        nods.append(
            Pulse(float(accent) + after - rise, rise, 0.02, fall, np.concatenate([turn, shift]))
        )
        last_sec = float(accent)
    return nods
