"""Pixel-aware density control of free hair: as in `training.density`, but what no frame shows stays."""

from __future__ import annotations

import torch

from ..density import DensityControl
from ..fitted_gaussians import FittedGaussians
from ..splat_statistics import SplatStatistics
from .fit_settings import FitSettings
from .hair import HairGaussians
from .silhouettes import Silhouettes

# Farther from home than this, or outside the silhouettes, is a floater.
MOST_STRAYED_MM = 14.0


class HairDensity(DensityControl):
    """Hair grows where pixels ask for it; the back of the head, which nobody sees, keeps its hair."""

    def __init__(self, settings: FitSettings, hair: HairGaussians) -> None:
        self.device, self.rule = hair.home.device, settings.growth.rule
        self.most_at_once = settings.hair.most_at_once
        super().__init__(settings.hair_density(), settings.hair.size_m, len(hair))

    def look_at(self, statistics: SplatStatistics, first: int, scale: float) -> None:
        """Add one picture; rows from `first` on are hair, `scale` tells gradients per half picture width."""
        pixels = statistics.num_pixels[first:].float()
        norms = statistics.gradient_norms[first:] * scale
        if self.rule == "mean":
            pixels = (pixels > 0).float()
        self._weighted += norms * pixels
        self._pixels += pixels

    def grow_and_prune(self, gaussians: FittedGaussians, rng: torch.Generator) -> None:
        """Split or double what pixels want more of; only the transparent and the huge are dropped."""
        self._pixels.clamp_(min=1.0)
        if self.rule == "random":
            self._weighted.copy_(torch.rand(len(self._weighted), generator=rng))
            self._pixels.fill_(1.0)
        super().grow_and_prune(gaussians, rng)

    def _chosen(self, scores: torch.Tensor) -> torch.Tensor:
        """Mask of the hair to split: the highest scores, as many as one growth may."""
        room = max(self.settings.max_gaussians - len(scores), 0)
        count = min(room, int(self.most_at_once * len(scores)), int((scores > 0).sum()))
        grown = torch.zeros(len(scores), dtype=torch.bool, device=scores.device)
        grown[torch.topk(scores, count).indices] = True
        return grown

    def drop_floaters(self, hair: HairGaussians, outlines: Silhouettes) -> int:
        """Drop hair that has left its place or the person; returns how many."""
        means = hair.parameters["means"].detach().cpu().double().numpy()
        inside = torch.from_numpy(outlines.is_inside(means))
        kept = inside & (hair.strayed_mm().detach().cpu().sqrt() < MOST_STRAYED_MM)
        gone = int((~kept).sum())
        if gone and bool(kept.any()):
            kept = kept.to(hair.home.device)
            hair.keep(kept)
            self._weighted, self._pixels = self._weighted[kept], self._pixels[kept]
        return gone

    def _forget(self, count: int) -> None:
        self._weighted, self._pixels = torch.zeros(2, count, device=self.device)
