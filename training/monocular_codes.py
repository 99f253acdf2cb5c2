"""Expression codes for the monocular encoder's pictures: what faces do, in all the mixtures that are cheap to make.

Captured frames of every person, upper and lower faces of different frames, and expressions of
`capture.expression_bank` through the prior's control map.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from ..core.avatar import Controls
from .dataset.reader import Subject
from .networks.prior import UniversalPrior
from .prior_bake import encode_subject
from .prior_settings import TrainingError

# Codes of captured frames and of mixed ones for every expression of the bank.
CAPTURED_SHARE, MIXED_SHARE = 0.37, 0.3
# Upper and lower face part between these heights (m, avatar frame), smoothly.
PARTING_M, PARTING_WIDTH_M = -0.025, 0.012
JITTER = 0.1


@dataclass(frozen=True)
class CodeBank:
    """Codes to draw from, and what to put on top of them."""

    codes: np.ndarray  # [C, D]
    additions: np.ndarray  # [A, D]

    def draw(self, rng: np.random.Generator) -> np.ndarray:
        """A code with a look, a blink and some jitter of its own, `[D]` float32."""
        code = self.codes[rng.integers(len(self.codes))]
        added = self.additions[rng.integers(len(self.additions))]
        jitter = JITTER * rng.random() * self.codes.std(0) * rng.standard_normal(len(code))
        return (code + added + jitter).astype(np.float32)


def bank_of_codes(
    prior: UniversalPrior, controls: Controls, subjects: list[Subject], expressions: Path, seed: int
) -> CodeBank:
    """All codes, in random order; `expressions` is what `capture.expression_bank` wrote."""
    if not expressions.is_file():
        raise TrainingError(f"There is no '{expressions}': run capture.expression_bank first.")
    with np.load(expressions) as stored:
        weights, additions = stored["weights"], stored["additions"]
    rng = np.random.default_rng(seed)
    captured = captured_codes(prior, subjects)
    count = max(round(CAPTURED_SHARE * len(weights)), 1)
    strength = rng.uniform(0.4, 1.1, (count, 1)) ** (rng.random((count, 1)) < 0.5)
    rows = [
        strength * captured[rng.integers(len(captured), size=count)],
        mixed_codes(prior, subjects, max(round(MIXED_SHARE * len(weights)), 1), rng),
        weights @ controls.arkit52,
    ]
    codes = np.concatenate(rows).astype(np.float32)
    added = (additions @ controls.arkit52).astype(np.float32)
    return CodeBank(codes[rng.permutation(len(codes))], added)


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
