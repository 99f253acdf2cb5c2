"""Pixel-aware density control: more Gaussians where pixels ask for them, none where none is seen.

3D Gaussian Splatting (Kerbl et al. 2023) grows a Gaussian when the gradient of its projected mean is large
on average over the pictures. Pixel-GS (Zhang et al. 2024, arXiv 2403.15530; used for talking heads by
PGSTalker, arXiv 2509.16922) weights each picture by the number of pixels that the Gaussian was blended
into, so that large Gaussians which many pixels want to change are grown as well:

    grow i  if  sum_k m_ik |g_ik| / sum_k m_ik  >  threshold

Pixel-GS also damps gradients near the camera, against floaters; cameras around a head all stand farther
away than that reaches. A grown Gaussian shares its opacity with its copy such that together they cover as
much as it did (Rota Bulo et al. 2024, arXiv 2404.06109).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from ..core.camera import Camera
from .fitted_gaussians import FittedGaussians, rotation_matrices
from .rasterize import SplatStatistics

# A Gaussian that is split becomes two, each smaller by this factor (Kerbl et al. 2023).
SPLIT_FACTOR = 1.6
NUM_PARTS = 2


@dataclass(frozen=True)
class DensitySettings:
    """When and how strongly the number of Gaussians changes; steps are optimiser steps."""

    first_step: int = 300
    last_step: int = 2000
    every_steps: int = 100
    # Of the weighted mean gradient, in the loss per half picture width, as in the papers.
    threshold: float = 2e-4
    # Larger Gaussians are split, smaller ones doubled; share of the subject's size.
    split_scale: float = 0.01
    min_opacity: float = 0.005
    # Larger than this share of the subject's size is a mistake.
    max_scale: float = 0.2
    reset_every_steps: int = 1000
    reset_opacity: float = 0.05
    max_gaussians: int = 30_000


class DensityControl:
    """Gathers what the pictures say about each Gaussian, then grows and prunes."""

    def __init__(self, settings: DensitySettings, size_m: float, count: int) -> None:
        """`size_m` is the subject's, `count` the number of Gaussians at the start."""
        self.settings, self.size_m = settings, size_m
        self._forget(count)

    def observe(self, statistics: SplatStatistics, camera: Camera) -> None:
        """Add one picture, after the backward pass of its loss."""
        pixels = statistics.num_pixels.to(torch.float32)
        norms = statistics.gradient_norms * (0.5 * max(camera.width, camera.height))
        self._weighted += norms * pixels
        self._pixels += pixels

    @property
    def scores(self) -> Tensor:
        """`[N]` mean gradients weighted by pixels; 0 for what no pixel showed."""
        return self._weighted / self._pixels.clamp(min=1)

    def step(self, gaussians: FittedGaussians, step: int, rng: torch.Generator) -> None:
        """Do what is due after optimiser step `step`."""
        settings = self.settings
        if step > settings.last_step:
            return
        if step >= settings.first_step and step % settings.every_steps == 0:
            self.grow_and_prune(gaussians, rng)
        if step % settings.reset_every_steps == 0 and step < settings.last_step:
            gaussians.limit_opacities(settings.reset_opacity)

    def grow_and_prune(self, gaussians: FittedGaussians, rng: torch.Generator) -> None:
        """Double or split what the pixels want more of, drop what adds nothing, start counting anew."""
        scores, seen = self.scores, self._pixels > 0
        grown = self._chosen(scores)
        sizes = gaussians.scales().amax(1)
        is_split = grown & (sizes > self.settings.split_scale * self.size_m)
        kept = seen & (gaussians.opacities() >= self.settings.min_opacity)
        kept &= sizes <= self.settings.max_scale * self.size_m
        with torch.no_grad():
            gaussians.share_opacities(grown & kept)
            doubled = gaussians.rows(grown & ~is_split & kept)
            parts = _parts(gaussians.rows(is_split & kept), rng)
        gaussians.keep(kept & ~is_split)
        gaussians.append({name: torch.cat([doubled[name], parts[name]]) for name in parts})
        self._forget(len(gaussians))

    def _chosen(self, scores: Tensor) -> Tensor:
        """Mask of the Gaussians to grow: those over the threshold, the highest while there is room."""
        room = max(0, self.settings.max_gaussians - len(scores))
        grown = scores > self.settings.threshold
        if int(grown.sum()) > room:
            grown = torch.zeros_like(grown)
            grown[torch.topk(scores, room).indices] = True
        return grown

    def state_dict(self) -> dict[str, Tensor]:
        """What has been gathered since the last growth."""
        return {"weighted": self._weighted, "pixels": self._pixels}

    def load_state_dict(self, state: dict[str, Tensor]) -> None:
        """Stand where `state_dict` was taken."""
        self._weighted, self._pixels = state["weighted"], state["pixels"]

    def _forget(self, count: int) -> None:
        self._weighted, self._pixels = torch.zeros(count), torch.zeros(count)


def _parts(rows: dict[str, Tensor], rng: torch.Generator) -> dict[str, Tensor]:
    """Two smaller Gaussians for each row, at places drawn from it."""
    parts = {name: rows[name].repeat(NUM_PARTS, *[1] * (rows[name].ndim - 1)) for name in rows}
    draws = torch.randn(parts["means"].shape, generator=rng).to(parts["means"].device)
    offsets = draws * parts["log_scales"].exp()
    turned = (rotation_matrices(parts["quats"]) @ offsets[..., None])[..., 0]
    parts["means"] = parts["means"] + turned
    parts["log_scales"] = parts["log_scales"] - math.log(SPLIT_FACTOR)
    return parts
