"""Expression codes for the monocular encoder's pictures: what faces do, in all the mixtures that are cheap to make.

Captured frames of every person, upper and lower faces of different frames, and ARKit weights of speech, gaze,
blinks, emotions and combinations through the prior's control map.
"""

from __future__ import annotations

import numpy as np
import torch

from ..core.avatar import Controls
from ..core.spaces import ARKIT_BLENDSHAPES, ARKIT_INDEX, arkit_vector
from .capture.performance import range_of_motion
from .capture.performance_limits import plausible
from .capture.performance_mixes import combination, emotion, gaze, look, uneven
from .capture.performance_motion import MotionPool
from .capture.sources import Sources
from .dataset.reader import Subject
from .networks.prior import UniversalPrior
from .prior_bake import encode_subject

# Shares of the kinds of codes; what the data folder does not have goes to the others.
SHARES = {
    "captured": 0.22,
    "mixed": 0.18,
    "speech": 0.28,
    "gaze": 0.12,
    "combination": 0.08,
    "emotion": 0.06,
    "motion": 0.03,
    "range": 0.03,
}
# Upper and lower face part between these heights (m, avatar frame), smoothly.
PARTING_M, PARTING_WIDTH_M = -0.025, 0.012
# How often a code gets another look or blink on top, and how large the jitter of codes is.
LOOK_SHARE, BLINK_SHARE, JITTER = 0.35, 0.22, 0.1


def captured_codes(prior: UniversalPrior, subjects: list[Subject]) -> np.ndarray:
    """Codes `[C, D]` of all frames of persons, from mesh and texture."""
    return np.concatenate([encode_subject(prior, s, s.frame_names) for s in subjects])


def mixed_codes(
    prior: UniversalPrior, subjects: list[Subject], count: int, rng: np.random.Generator
) -> np.ndarray:
    """Codes `[count, D]` of frames whose upper face is of one person's frame and whose lower is of another's."""
    parts = prior.parts
    height = parts.mean_vertices[parts.moving, 1]
    is_upper = 1 / (1 + np.exp(-(height - PARTING_M) / (0.25 * PARTING_WIDTH_M)))
    change_px = prior.settings.network.change_px
    still = torch.zeros(1, 3, change_px, change_px)
    rows = []
    for _ in range(count):
        offsets = []
        for subject in (subjects[i] for i in rng.integers(len(subjects), size=2)):
            frame = rng.integers(len(subject.frames))
            strength = np.float32(rng.uniform(0.5, 1.1))
            offsets.append(strength * subject.offsets[frame][parts.moving].astype(np.float32))
        upper, lower = offsets
        moved = is_upper[:, None] * upper + (1 - is_upper[:, None]) * lower
        rows.append(moved.reshape(-1).astype(np.float32))
    coefficients = prior.coefficients(torch.from_numpy(np.stack(rows)))
    with torch.no_grad():
        codes = [prior.encode(row[None], still)[0][0] for row in coefficients]
    return torch.stack(codes).numpy()


def drawn_weights(
    kind: str, count: int, motion: MotionPool, rng: np.random.Generator
) -> np.ndarray:
    """ARKit weights `[count, 52]` of one kind."""
    makers = {
        "speech": lambda: motion.speech(rng, False),
        "motion": lambda: motion.captured(rng, False),
        "gaze": lambda: gaze(rng),
        "combination": lambda: combination(rng),
        "emotion": lambda: emotion(rng, False),
        "range": lambda: range_of_motion(int(rng.integers(1 << 12)), rng),
    }
    rows = []
    for _ in range(count):
        # Faces rest and move a little more often than they are seen at their utmost.
        strength = np.float32(rng.uniform(0.25, 1.1) if rng.random() < 0.5 else 1.0)
        rows.append(plausible(strength * makers[kind]()))
    return np.stack(rows)


def bank_of_codes(
    prior: UniversalPrior,
    controls: Controls,
    subjects: list[Subject],
    *,
    data: Sources | None,
    count: int,
    seed: int,
) -> np.ndarray:
    """Codes `[about count, D]` in random order."""
    rng = np.random.default_rng(seed)
    motion = MotionPool(data) if data else None
    captured = captured_codes(prior, subjects)
    shares = {
        kind: share
        for kind, share in SHARES.items()
        if kind not in ("speech", "motion")
        or (motion is not None and motion.available["captured" if kind == "motion" else "speech"])
    }
    total, rows = sum(shares.values()), []
    for kind, share in shares.items():
        number = max(round(count * share / total), 1)
        if kind == "captured":
            strength = rng.uniform(0.4, 1.1, (number, 1)) ** (rng.random((number, 1)) < 0.5)
            rows.append(strength * captured[rng.integers(len(captured), size=number)])
        elif kind == "mixed":
            rows.append(mixed_codes(prior, subjects, number, rng))
        else:
            rows.append(drawn_weights(kind, number, motion, rng) @ controls.arkit52)
    codes = np.concatenate(rows).astype(np.float32)
    return codes[rng.permutation(len(codes))]


def varied_code(
    code: np.ndarray, controls: Controls, spread: np.ndarray, rng: np.random.Generator
) -> np.ndarray:
    """A code of the bank with a look, a blink and some jitter of its own."""
    added = np.zeros(len(ARKIT_BLENDSHAPES), np.float32)
    if rng.random() < LOOK_SHARE:
        added = np.maximum(added, np.float32(rng.uniform(0.2, 1.0)) * look(rng))
    if rng.random() < BLINK_SHARE:
        blink = arkit_vector({"eyeBlink": float(rng.uniform(0.1, 1.0))})
        added = np.maximum(added, uneven(blink, rng, 0.1))
    if rng.random() < 0.15:
        added[ARKIT_INDEX["jawOpen"]] += np.float32(rng.uniform(0.02, 0.3))
    jitter = JITTER * rng.random() * spread * rng.standard_normal(len(code))
    return (code + added @ controls.arkit52 + jitter).astype(np.float32)
