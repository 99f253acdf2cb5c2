"""The prior's mean head, on which the generator's landmarks and the gap of its lips are measured."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch

from ...core.assets import ASSETS
from ...core.avatar.known_spaces import shipped_controls
from ...core.measure import signed_lip_gap
from ..networks.prior import UniversalPrior
from ..personalization.landmark_model import code_offsets
from ..prior_file import load_prior, read_record


@dataclass(frozen=True)
class MeanHead:
    """Landmarks (m, avatar frame) at rest `[68, 3]`, and by how much each ARKit weight moves them `[52, 68, 3]`."""

    neutral: np.ndarray
    moves: np.ndarray

    @property
    def gap_mm(self) -> np.ndarray:
        """Millimetres by which each weight opens the inner lips `[52]`; the rest's own gap is contact."""
        return 1000.0 * (
            signed_lip_gap(self.neutral + self.moves) - signed_lip_gap(self.neutral[None])
        )


def mean_head() -> MeanHead:
    """The head of the prior that ships, with the mean of its persons' identities."""
    folder = ASSETS / "prior"
    prior: UniversalPrior = load_prior(folder)
    controls = shipped_controls(read_record(folder)["code_space"])
    marks = prior.parts.topology.landmarks68
    identity = torch.zeros(prior.settings.network.identity_dim)
    moves = code_offsets(prior, controls.arkit52, identity, marks)
    at_rest = code_offsets(prior, np.zeros_like(controls.arkit52[:1]), identity, marks)
    return MeanHead(
        prior.parts.mean_vertices[marks].astype(np.float32), (moves - at_rest).astype(np.float32)
    )
