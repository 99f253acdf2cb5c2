"""Pixel-aware density control on a surface: anchors split where pixels ask for more, and idle ones go.

The rule is that of Pixel-GS (Zhang et al. 2024, arXiv 2403.15530), which PGSTalker (arXiv 2509.16922) uses for
talking heads (`training.density`): an anchor is split when sum_k m_ik |g_ik| / sum_k m_ik is over a threshold, m_ik
being the pixels of picture k that it was blended into. Here the two halves stay on the surface.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from ..splat_statistics import SplatStatistics
from .fit_settings import GrowthSettings


class AnchorDensity:
    """What the pictures since the last growth say about each anchor."""

    def __init__(self, settings: GrowthSettings, count: int) -> None:
        self.settings = settings
        self.forget(count)

    def forget(self, count: int) -> None:
        """Start counting anew, for so many anchors."""
        self.weighted, self.pixels = torch.zeros(count), torch.zeros(count)
        self.sums, self.views = torch.zeros(count), torch.zeros(count)

    def look_at(self, statistics: SplatStatistics, scale: float) -> None:
        """Add one picture after the backward pass of its loss; `scale` tells gradients per half picture width."""
        count = len(self.pixels)
        pixels = statistics.num_pixels[:count].float().cpu()
        norms = statistics.gradient_norms[:count].cpu() * scale
        self.weighted += norms * pixels
        self.pixels += pixels
        seen = (pixels > 0).float()
        self.sums += norms * seen
        self.views += seen

    @property
    def scores(self) -> Tensor:
        """`[N]` by the rule of the settings; 0 for what no pixel showed."""
        if self.settings.rule == "mean":
            return self.sums / self.views.clamp(min=1)
        return self.weighted / self.pixels.clamp(min=1)

    def grown(self, rng: np.random.Generator, kept: np.ndarray) -> np.ndarray:
        """Anchors `[M]` to split, among those that are `kept` `[N]`: as many as there is room for."""
        settings, count = self.settings, int(kept.sum())
        room = min(settings.max_anchors - count, int(settings.most_at_once * count))
        if settings.rule == "none" or room <= 0:
            return np.zeros(0, int)
        if settings.rule == "random":
            choices = np.flatnonzero(kept)
            return np.sort(rng.choice(choices, min(room, len(choices)), replace=False))
        scores = self.scores.numpy() * kept
        wanted = np.flatnonzero(scores > settings.threshold)
        if len(wanted) > room:
            wanted = wanted[np.argsort(-scores[wanted], kind="stable")[:room]]
        return np.sort(wanted)

    def state_dict(self) -> dict[str, Tensor]:
        """What has been gathered."""
        names = ("weighted", "pixels", "sums", "views")
        return {name: getattr(self, name) for name in names}

    def load_state_dict(self, state: dict[str, Tensor]) -> None:
        """Stand where `state_dict` was taken."""
        for name, value in state.items():
            setattr(self, name, value)
