"""What one person of the studio performs: a list of frames, each with its 52 ARKit weights.

    frames = performance(seed, 40, find_sources())

Persons share the work: the range of motion is dealt out over consecutive seeds, so that about four persons
together meet every control alone, and later ones meet it again at another weight. Captured motion and speech
come from the data folder; where it has none, the other kinds take their place.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float32

from ...core.spaces import ARKIT_BLENDSHAPES, arkit_vector
from .performance_limits import plausible
from .performance_mixes import combination, emotion, gaze
from .performance_motion import MotionPool
from .sources import Sources, StudioError

LOG = logging.getLogger(__name__)
NEUTRAL, RANGE = "neutral", "range"
# How many of a hundred frames are of which kind.
SHARES: Mapping[str, float] = {
    RANGE: 32.0,
    "combination": 18.0,
    "speech": 17.0,
    "captured": 11.0,
    "emotion": 13.0,
    "gaze": 9.0,
}
TRAIN, HELD_OUT = "train", "held_out"
HELD_OUT_EVERY = 6
# A stride without common factor with 52 spreads one person's controls over the whole face.
CONTROL_STRIDE = 19
LEAST_RANGE_WEIGHT, RANGE_JITTER = 0.22, 0.02
# `mouthClose` closes an open mouth; by itself it would push the lips through each other.
COMPANIONS: Mapping[str, Mapping[str, float]] = {"mouthClose": {"jawOpen": 1.0}}


@dataclass(frozen=True)
class PerformedFrame:
    """One frame: ARKit weights in the order of ARKIT_BLENDSHAPES, and whether training may see it."""

    name: str
    kind: str
    controls: Float32[np.ndarray, " 52"]
    split: str


def performance(seed: int, count: int, sources: Sources) -> list[PerformedFrame]:
    """The `count` frames of person `seed`; f000 is the neutral, and the same seed performs the same."""
    if seed < 0 or count < 1:
        raise StudioError(
            f"A performance needs a seed from 0 and at least one frame, not {seed} and {count}."
        )
    motion = MotionPool(sources)
    shares = _shares(motion)
    kinds = _schedule(shares, count - 1, seed)
    turns = round(shares[RANGE] / sum(shares.values()) * (count - 1))
    first_turn = seed * max(turns, 1)
    frames = [PerformedFrame("f000", NEUTRAL, np.zeros(len(ARKIT_BLENDSHAPES), np.float32), TRAIN)]
    for index, (kind, split) in enumerate(zip(kinds, _splits(kinds, seed), strict=True), start=1):
        rng = np.random.default_rng([seed, index])
        if kind == RANGE:
            turn = first_turn + kinds[: index - 1].count(RANGE)
            controls = range_of_motion(turn, rng)
        else:
            controls = plausible(_makers(motion)[kind](rng, split == HELD_OUT))
        frames.append(PerformedFrame(f"f{index:03d}", kind, controls, split))
    return frames


def range_of_motion(turn: int, rng: np.random.Generator) -> Float32[np.ndarray, " 52"]:
    """One control alone: 52 turns meet every control once, the next 52 at another weight."""
    control = ARKIT_BLENDSHAPES[turn * CONTROL_STRIDE % len(ARKIT_BLENDSHAPES)]
    level = 1.0 - _radical_inverse(turn // len(ARKIT_BLENDSHAPES))
    weight = LEAST_RANGE_WEIGHT + (1.0 - LEAST_RANGE_WEIGHT) * level
    weight = float(np.clip(weight - rng.uniform(0.0, RANGE_JITTER), 0.0, 1.0))
    company = {name: share * weight for name, share in COMPANIONS.get(control, {}).items()}
    return arkit_vector({control: weight, **company})


def _makers(
    motion: MotionPool,
) -> dict[str, Callable[[np.random.Generator, bool], np.ndarray]]:
    return {
        "combination": lambda rng, _: combination(rng),
        "emotion": emotion,
        "gaze": lambda rng, _: gaze(rng),
        "captured": motion.captured,
        "speech": motion.speech,
    }


def _shares(motion: MotionPool) -> dict[str, float]:
    missing = [kind for kind, has in motion.available.items() if not has]
    for kind in missing:
        LOG.warning("no %s motion in the data folder: other expressions take its place", kind)
    return {kind: share for kind, share in SHARES.items() if kind not in missing}


def _schedule(shares: Mapping[str, float], count: int, seed: int) -> list[str]:
    """Kinds in an order whose every beginning has about the right shares; persons begin differently."""
    total = sum(shares.values())
    wanted = {kind: share / total for kind, share in shares.items()}
    debt = dict(
        zip(wanted, np.random.default_rng(seed).uniform(0.0, 0.99, len(wanted)), strict=True)
    )
    kinds = []
    for _ in range(count):
        debt = {kind: value + wanted[kind] for kind, value in debt.items()}
        chosen = max(debt, key=lambda kind: debt[kind])
        debt[chosen] -= 1.0
        kinds.append(chosen)
    return kinds


def _splits(kinds: list[str], seed: int) -> list[str]:
    """One frame in six held out, never a control alone: that would be nothing unseen."""
    due = seed % HELD_OUT_EVERY
    splits = []
    for kind in kinds:
        due += 1
        is_held_out = due >= HELD_OUT_EVERY and kind != RANGE
        due -= HELD_OUT_EVERY if is_held_out else 0
        splits.append(HELD_OUT if is_held_out else TRAIN)
    return splits


def _radical_inverse(number: int) -> float:
    """The binary digits of `number` behind the point, reversed: 0, 1/2, 1/4, 3/4, ..."""
    value, place = 0.0, 0.5
    while number:
        number, digit = divmod(number, 2)
        value, place = value + digit * place, place / 2
    return value
