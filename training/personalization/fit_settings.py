"""Everything that shapes the fit of a personal head."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from ..density import DensitySettings
from ..fitted_gaussians import LearningRates

# How anchors are chosen to grow: Pixel-GS' rule, 3D Gaussian Splatting's plain mean, by chance, or never.
GrowthRule = Literal["pixel", "mean", "random", "none"]


# Where the budget is small, the fit starts with this share of it.
ROOM_TO_GROW = 0.85


@dataclass(frozen=True)
class StageRates:
    """How much of its full rate each kind of number learns at in one stage, and the stage's share of the steps."""

    name: str
    share: float
    identity: float
    shape: float
    anchors: float
    codes: float
    decoder: float


# First what the whole head shares, then every Gaussian for itself, at last the ends of the decoder.
STAGES = (
    StageRates("identity", 0.22, 1.0, 1.0, 0.15, 0.0, 0.0),
    StageRates("anchors", 0.53, 0.3, 0.5, 1.0, 0.5, 0.0),
    StageRates("decoder", 0.25, 0.2, 0.25, 0.6, 0.5, 0.1),
)


@dataclass(frozen=True)
class FitRates:
    """Adam's learning rates at their highest."""

    identity_code: float = 2e-3
    correction_maps: float = 1e-3
    # Many columns move one colour.
    change_maps: float = 1e-4
    color_affine: float = 1e-3
    # Metres of a handle.
    shape_m: float = 1.2e-4
    # Of one frame's pose and code: Adam, which sees each frame once in a round and goes on by itself between,
    # moves them some thirty times as far at each visit.
    pose_rad: float = 5e-5
    pose_m: float = 8e-6
    codes: float = 1e-3
    # Of the last layers, which learn at a tenth of it.
    decoder: float = 1e-3
    light: float = 1e-3
    colors: float = 5e-3
    logits: float = 2e-2
    log_scales: float = 6e-3
    lifts: float = 1e-2
    sh: float = 2e-3


@dataclass(frozen=True)
class FitPulls:
    """Weights of what keeps the person near the prior where pictures say little; 0 in the ablation."""

    identity_code: float = 0.02
    maps: float = 0.5
    # Of handles in millimetres, of poses in degrees and millimetres, of codes in their own units.
    shape_mm: float = 2e-3
    shape_smooth_mm: float = 4e-3
    pose: float = 2e-3
    codes: float = 0.02
    colors: float = 0.15
    # Between neighbouring anchors, of what was added to their colours.
    roughness: float = 0.03
    logits: float = 2e-4
    log_scales: float = 2e-3
    lifts: float = 2e-3
    sh: float = 0.2
    light: float = 0.1
    decoder: float = 1.0
    # Of free Gaussians: away from where they started (mm), and what they leave open.
    hair_home_mm: float = 2e-3
    hair_color: float = 0.1
    hair_opacity: float = 2e-3


@dataclass(frozen=True)
class GrowthSettings:
    """Pixel-aware density control on the anchors."""

    rule: GrowthRule = "pixel"
    # Of the steps: growth begins, growth ends, and comes each time after so many.
    first: float = 0.25
    last: float = 0.75
    every: float = 0.0625
    # Of the weighted mean gradient, in the loss per half picture width.
    threshold: float = 6e-5
    # Anchors at the start as a share of the prior's, and the most that a head may have.
    first_share: float = 1.0
    max_anchors: int = 62_000
    # Of one growth at most this share of the anchors is split.
    most_at_once: float = 0.06
    # Anchors that no picture and no other view shows are dropped, and those more transparent than this.
    min_opacity: float = 0.02
    drops_idle: bool = True

    def share_at_start(self, count: int) -> float:
        """The share of `count` anchors that a fit starts with: a budget below them leaves room to grow."""
        if self.max_anchors >= count:
            return self.first_share
        return min(self.first_share, ROOM_TO_GROW * self.max_anchors / count)


@dataclass(frozen=True)
class HairSettings:
    """Free Gaussians that move with the skull."""

    is_used: bool = True
    spacing_m: float = 0.0032
    thickest_m: float = 0.06
    max_gaussians: int = 22_000
    rates: LearningRates = LearningRates(
        means=1.5e-3, quats=2e-3, log_scales=8e-3, logit_opacities=2e-2, colors=8e-3
    )
    # Shares of `size_m`, which lengths are told in.
    size_m: float = 0.1
    # Of one growth this share of hair is split: the highest scores, for hair is never drawn strand by strand.
    most_at_once: float = 0.5


@dataclass(frozen=True)
class FitSettings:
    """One fit of one person."""

    steps: int = 2400
    seed: int = 7
    # Longest side of what is drawn in one step, pixels.
    window_px: int = 448
    ssim_share: float = 0.2
    alpha_weight: float = 0.3
    # How much more a pixel of mouth or eyes counts.
    region_weight: float = 4.0
    last_rate: float = 0.05
    checkpoint_steps: int = 200
    preview_steps: int = 200
    device: str = "cpu"
    # The ablations: no prior (mean head, no pulls), and codes that start at zero and are found for each frame.
    uses_prior: bool = True
    uses_codes: bool = True
    rates: FitRates = field(default_factory=FitRates)
    pulls: FitPulls = field(default_factory=FitPulls)
    growth: GrowthSettings = field(default_factory=GrowthSettings)
    hair: HairSettings = field(default_factory=HairSettings)
    stages: tuple[StageRates, ...] = STAGES

    def stage_at(self, progress: float) -> StageRates:
        """The stage at a share of the run."""
        end = 0.0
        for stage in self.stages:
            end += stage.share
            if progress < end:
                return stage
        return self.stages[-1]

    @property
    def growth_steps(self) -> int:
        """Steps from one growth to the next."""
        return max(round(self.growth.every * self.steps), 1)

    def hair_density(self) -> DensitySettings:
        """When free Gaussians are split and dropped."""
        steps, growth, hair = self.steps, self.growth, self.hair
        return DensitySettings(
            first_step=int(growth.first * steps),
            last_step=int(growth.last * steps),
            every_steps=self.growth_steps,
            threshold=0.0,
            split_scale=0.012,
            min_opacity=growth.min_opacity,
            max_scale=0.3,
            reset_every_steps=10 * steps,
            max_gaussians=hair.max_gaussians,
        )
