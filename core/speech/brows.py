"""Brows that go with the voice: up on accents and as a phrase begins, down as it ends.

Most quick brow raises come with a rise of the voice, but far from every accent has one (Cavé et al. 1996: 71 %
of the raises); many mark the begin of a turn (Guaïtella et al. 2009). They start before the stressed
syllable and are highest on it (Kim, Cvejic & Davis 2014). Squints and a lowered brow close some phrases.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float32, Float64

from ..spaces import ARKIT_BLENDSHAPES, ARKIT_INDEX
from ..spaces.arkit import BROW_AND_LID_BLENDSHAPES
from .curves import Pulse, Step, drift, sum_pulses, sum_steps
from .prosody import Prosody

BROW_LAYER = "upper_face"
RAISE_CHANCE, RAISE_CHANCE_STRONG = 0.02, 0.36
START_CHANCE, PAUSE_CHANCE = 0.15, 0.12
RAISES_APART_SEC = 1.0
# Weights of ARKit's brow controls; 1 is as far as a face can.
RAISE, RAISE_STRONG, RAISE_LOG_STD, MOST = 0.16, 0.3, 0.3, 0.65
RISE_SEC, HOLD_SEC, FALL_SEC, BEFORE_SEC = (0.14, 0.22), (0.06, 0.3), (0.25, 0.5), (0.0, 0.08)
OUTER, UNEVEN = (0.55, 0.95), 0.1
WIDE, SQUINT, CHEEK = 0.18, 0.16, 0.07
TONE, TONE_SEC, TONE_DRIFT, TONE_KNOTS_HZ = 0.07, (0.3, 0.6), 0.012, 0.8
END_CHANCE, END_DOWN = 0.4, (0.05, 0.14)
CHANNELS = (
    *BROW_AND_LID_BLENDSHAPES,
    "cheekSquintLeft",
    "cheekSquintRight",
)


@dataclass(frozen=True)
class BrowRaise:
    """A raise whose peak begins at `peak_sec`, by `size` of browInnerUp."""

    peak_sec: float
    size: float
    pulse: Pulse


def sample_raises(prosody: Prosody, *, liveliness: float | int, seed: int) -> list[BrowRaise]:
    """Raises on accents, at the begin of phrases, and a few while listening."""
    rng = np.random.default_rng([seed, 7])
    wanted = RAISE_CHANCE + RAISE_CHANCE_STRONG * prosody.strengths
    moments = [
        *zip(prosody.accents_sec, prosody.strengths, wanted, strict=True),
        *((start + 0.05, 0.3, START_CHANCE) for start in prosody.phrases[:, 0]),
        *((time, 0.4, PAUSE_CHANCE) for time in _quiet_moments(prosody)),
    ]
    raises: list[BrowRaise] = []
    last_sec = -np.inf
    for time_sec, strength, chance in sorted(moments):
        drawn, brow = rng.uniform(), _raise(rng, float(time_sec), float(strength))
        if drawn < chance * liveliness and time_sec - last_sec >= RAISES_APART_SEC:
            raises.append(brow)
            last_sec = time_sec
    return raises


def brow_layer(
    times_sec: Float64[np.ndarray, " T"],
    prosody: Prosody,
    raises: list[BrowRaise],
    *,
    amount: float | int,
    seed: int,
) -> Float32[np.ndarray, "T 52"]:
    """ARKit weights of brows, and a little of lids and cheeks, at the times."""
    layer = np.zeros((len(times_sec), len(ARKIT_BLENDSHAPES)), np.float32)
    if amount <= 0:
        return layer
    steps, lowered = _phrase_tone(prosody, seed)
    pulses = [brow.pulse for brow in raises] + lowered
    total = sum_pulses(times_sec, pulses, len(CHANNELS)) + sum_steps(
        times_sec, steps, len(CHANNELS)
    )
    total[:, :5] += TONE_DRIFT * (1.0 + drift(times_sec, TONE_KNOTS_HZ, 5, [seed, 8]))
    columns = [ARKIT_INDEX[name] for name in CHANNELS]
    layer[:, columns] = np.clip(amount * total, 0.0, 1.0)
    return layer


def _raise(rng: np.random.Generator, time_sec: float, strength: float) -> BrowRaise:
    """A raise at a moment; everything is drawn, so that leaving one out changes no other."""
    rise, hold, fall = (float(rng.uniform(*s)) for s in (RISE_SEC, HOLD_SEC, FALL_SEC))
    peak_sec = time_sec - float(rng.uniform(*BEFORE_SEC))
    spread = float(rng.lognormal(0.0, RAISE_LOG_STD))
    size = min((RAISE + RAISE_STRONG * strength) * spread, MOST)
    outer = size * rng.uniform(*OUTER) * (1.0 + UNEVEN * rng.uniform(-1.0, 1.0, 2))
    values = np.zeros(len(CHANNELS))
    values[:3] = size, *outer
    values[5:7] = WIDE * size
    return BrowRaise(peak_sec, size, Pulse(peak_sec - rise, rise, hold, fall, values))


def _phrase_tone(prosody: Prosody, seed: int) -> tuple[list[Step], list[Pulse]]:
    """Brows a little higher for as long as a phrase lasts, and lowered as some of them end."""
    rng = np.random.default_rng([seed, 9])
    steps, lowered = [], []
    for start, end in prosody.phrases:
        tone = np.zeros(len(CHANNELS))
        tone[:3] = TONE * rng.uniform(0.4, 1.3)
        begins, falls = (float(rng.uniform(*TONE_SEC)) for _ in range(2))
        steps += [Step(float(start) - 0.1, begins, tone), Step(float(end) - falls, falls, -tone)]
        drawn, size = rng.uniform(), float(rng.uniform(*END_DOWN))
        down = np.zeros(len(CHANNELS))
        down[3:5], down[7:9], down[9:] = size, size * SQUINT / END_DOWN[1], CHEEK * size
        if drawn < END_CHANCE:
            lowered.append(Pulse(float(end) - 0.35, 0.3, 0.1, 0.5, down))
    return steps, lowered


def _quiet_moments(prosody: Prosody) -> list[float]:
    """A moment every two seconds in pauses of more than that."""
    begins = np.append(0.0, prosody.phrases[:, 1])
    ends = np.append(prosody.phrases[:, 0], prosody.duration_sec)
    return [
        float(moment)
        for begin, end in zip(begins, ends, strict=True)
        for moment in np.arange(begin + 1.0, end - 1.0, 2.0)
    ]
