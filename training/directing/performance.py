"""How a face speaks and acts at once: the motion that the generator learns, another one for every draw.

No open capture pairs speech with graded Action Units, so the motion is composed of what is known of faces. Units
add their own shapes to what speech moves. Articulation comes first where both need the same muscles: a rounded mouth
takes the corners back from a smile, lips that must open are sucked in and pressed less, a jaw that speech has opened
drops less for a unit, and lips that must touch do (the generator's own guard). Expressions grow on accents (Swerts &
Krahmer 2008), brows lead the mouth by some frames, no two sides are equal, and no intensity is held quite still.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from ...core.direction.features import FEATURES
from ...core.spaces import ACTION_UNITS, ARKIT_BLENDSHAPES, ARKIT_INDEX, au_to_arkit
from ...core.spaces.facs import MAX_INTENSITY
from ..networks.au_motion import CLOSURE, FRAME_RATE_HZ, LipGuard

ACCENT = FEATURES.index("accent")
# Units that move as one, each with a will of its own.
GROUPS: Mapping[str, tuple[str, ...]] = {
    "brows": ("AU01", "AU02", "AU04"),
    "eyes": ("AU05", "AU06", "AU07", "AU45"),
    "nose": ("AU09", "AU10"),
    "corners": ("AU12", "AU14", "AU15", "AU20"),
    "lips": ("AU17", "AU23", "AU25", "AU28"),
    "jaw": ("AU26",),
}
# How much of a unit is left out where articulation asks for all of: rounding, an open mouth, touching lips.
ROUNDED = {
    "AU09": 0.3,
    "AU10": 0.5,
    "AU12": 0.38,
    "AU14": 0.35,
    "AU15": 0.2,
    "AU20": 0.55,
    "AU25": 0.5,
    "AU26": 0.4,
    "AU28": 0.3,
}
OPENED = {"AU09": 0.2, "AU10": 0.3, "AU17": 0.4, "AU23": 0.5, "AU28": 0.7}
TOUCHING = {"AU09": 0.1, "AU10": 0.5, "AU25": 0.95, "AU26": 0.8}
# Full rounding in weights of funnel and pucker, and an open mouth in millimetres.
ROUND_GAIN, OPEN_MM = 1.4, 11.0
# Tight and stretched lips speak smaller: what a unit of intensity 5 takes from speech.
TENSED = {"AU23": 0.2, "AU28": 0.15, "AU20": 0.1}
JAW_LIMIT = 0.5
# Nose wrinkler and upper lip raiser pull the same lip: what full wrinkling takes from the raise.
SHARED_LIP = 0.75
LIFTING = ("noseSneer", "mouthUpperUp")
# Muscles do not switch: deviation of the bell (s) that demands are smoothed by.
DEMAND_SEC = 0.035
# Lips that are to touch have whatever parts them on its way back before, and let it go on after.
HELD_SEC, RETURN_SEC = 0.08, 0.06


@dataclass(frozen=True)
class Variation:
    """Spreads of what differs from one performance to the next; at 0 of all there is only one."""

    level: float = 0.09
    drift: float = 0.16
    drift_hz: float = 0.9
    accent_upper: float = 0.25
    accent_lower: float = 0.1
    lead_frames: float = 2.0
    side: float = 0.06
    side_drift: float = 0.03


NONE = Variation(0.0, 0.0, 0.9, 0.0, 0.0, 0.0, 0.0, 0.0)


class Performer:
    """Composes acting with speech on the mean head; all shapes are `[B, N, …]` at 50 Hz."""

    def __init__(self, guard: LipGuard, variation: Variation = Variation()) -> None:
        self.guard, self.variation = guard, variation
        shapes = torch.from_numpy(au_to_arkit())
        names = ARKIT_BLENDSHAPES
        self._left = shapes * torch.tensor([n.endswith("Left") for n in names])
        self._right = shapes * torch.tensor([n.endswith("Right") for n in names])
        self._middle = shapes - self._left - self._right
        self._groups = torch.zeros(len(GROUPS), len(ACTION_UNITS))
        for row, units in enumerate(GROUPS.values()):
            self._groups[row, [ACTION_UNITS.index(unit) for unit in units]] = 1.0
        self._rounded, self._opened, self._touching, self._tensed = (
            torch.tensor([table.get(unit, 0.0) for unit in ACTION_UNITS])
            for table in (ROUNDED, OPENED, TOUCHING, TENSED)
        )
        is_upper = self._groups[:2].sum(0)
        low, high = variation.accent_lower, variation.accent_upper
        self._accent = low + (high - low) * is_upper

    def perform(
        self, plain: Tensor, features: Tensor, units: Tensor, rng: np.random.Generator
    ) -> Tensor:
        """What acting adds `[B, N, 52]` to the plain weights of speech, for units `[B, N, 18]` (0 to 5)."""
        closure = features[:, :, CLOSURE]
        level = self._led(units, rng) * self._levels(features, rng)
        touching = smoothed(held(closure, HELD_SEC), RETURN_SEC)
        level = (level * self._freedom(plain, touching)).clamp(0.0, 1.15 * MAX_INTENSITY)
        left, right = self._sides(level, rng)
        shapes = level @ self._middle + left @ self._left + right @ self._right
        tension = (level / MAX_INTENSITY * self._tensed).sum(2, keepdim=True).clamp(max=0.3)
        jaw = ARKIT_INDEX["jawOpen"]
        shapes[:, :, jaw] = shapes[:, :, jaw] * (1.0 - JAW_LIMIT * plain[:, :, jaw])
        for side in ("Left", "Right"):
            lip, nose = (ARKIT_INDEX[f"{name}{side}"] for name in ("mouthUpperUp", "noseSneer"))
            shapes[:, :, lip] = shapes[:, :, lip] * (1.0 - SHARED_LIP * shapes[:, :, nose])
        self._close_under_nose(shapes, touching)
        acted = (plain * (1.0 - tension) + shapes).clamp(0.0, 1.0)
        return self.guard(plain, acted, closure) - plain

    def _close_under_nose(self, shapes: Tensor, touching: Tensor) -> None:
        """A wrinkled nose and a raised lip stay while lips touch: the mouth closes below them, in good time."""
        close, gap_mm = ARKIT_INDEX["mouthClose"], self.guard.gap_mm
        lifting = [ARKIT_INDEX[f"{name}{side}"] for name in LIFTING for side in ("Left", "Right")]
        lifted_mm = (shapes[:, :, lifting] @ gap_mm[lifting]).clamp(min=0.0)
        shapes[:, :, close] = shapes[:, :, close] - touching * lifted_mm / gap_mm[close]

    def _freedom(self, plain: Tensor, touching: Tensor) -> Tensor:
        """What articulation leaves to each unit `[B, N, 18]`, 0 to 1."""
        funnel, pucker = (plain[:, :, ARKIT_INDEX[f"mouth{n}"]] for n in ("Funnel", "Pucker"))
        rounded = (ROUND_GAIN * (funnel + pucker)).clamp(0.0, 1.0)
        opened = ((plain @ self.guard.gap_mm) / OPEN_MM).clamp(0.0, 1.0)
        rounded, opened = (smoothed(d, DEMAND_SEC) for d in (rounded, opened))
        taken = rounded[..., None] * self._rounded + opened[..., None] * self._opened
        return ((1.0 - taken) * (1.0 - touching[..., None] * self._touching)).clamp(0.0, 1.0)

    def _levels(self, features: Tensor, rng: np.random.Generator) -> Tensor:
        """Factors `[B, N, 18]` of the intensities: of the take, of the moment and of accents."""
        batch, frames = features.shape[:2]
        v, groups = self.variation, len(GROUPS)
        take = v.level * normal(rng, batch, 1, groups)
        moment = v.drift * slow_noise(rng, batch, frames, groups, v.drift_hz)
        keen = torch.from_numpy(rng.uniform(0.0, 2.0, (batch, 1, groups)).astype(np.float32))
        accents = features[:, :, ACCENT, None] * (keen @ self._groups) * self._accent
        return ((1.0 + take + moment) @ self._groups).clamp(min=0.0) + accents

    def _led(self, units: Tensor, rng: np.random.Generator) -> Tensor:
        """The units, each group some frames early or late, brows rather early."""
        batch, frames = units.shape[:2]
        lead = self.variation.lead_frames * normal(rng, batch, len(GROUPS))
        lead[:, 0] -= 0.5 * self.variation.lead_frames
        positions = torch.arange(frames)[None, :, None] - lead[:, None] @ self._groups
        below = positions.floor().clamp(0, frames - 1)
        share = (positions - below).clamp(0.0, 1.0)
        below = below.long()
        above = (below + 1).clamp(max=frames - 1)
        return (1 - share) * units.gather(1, below) + share * units.gather(1, above)

    def _sides(self, level: Tensor, rng: np.random.Generator) -> tuple[Tensor, Tensor]:
        batch, frames = level.shape[:2]
        v, groups = self.variation, len(GROUPS)
        side = v.side * normal(rng, batch, 1, groups)
        side = side + v.side_drift * slow_noise(rng, batch, frames, groups, 0.5)
        side = side @ self._groups
        # Both lids shut alike.
        side[:, :, ACTION_UNITS.index("AU45")] = 0.0
        return level * (1.0 + side), level * (1.0 - side)


def normal(rng: np.random.Generator, *shape: int) -> Tensor:
    """Noise of variance 1."""
    return torch.from_numpy(rng.standard_normal(shape).astype(np.float32))


def slow_noise(
    rng: np.random.Generator, batch: int, frames: int, channels: int, knots_hz: float
) -> Tensor:
    """Smooth noise `[B, N, C]` of about variance 1 with a cubic between knots, `knots_hz` of them a second."""
    count = max(int(np.ceil(frames / FRAME_RATE_HZ * 2 * knots_hz)) + 4, 5)
    knots = normal(rng, batch, channels, count)
    length = int(np.ceil(count * FRAME_RATE_HZ / (2 * knots_hz)))
    smooth = functional.interpolate(knots[:, :, None], (1, length), mode="bicubic")[:, :, 0]
    begin = int(rng.integers(0, max(length - frames, 0) + 1))
    return smooth[:, :, begin : begin + frames].transpose(1, 2)


def held(curve: Tensor, reach_sec: float) -> Tensor:
    """The most of a curve `[B, N]` within a reach to either side."""
    reach = round(reach_sec * FRAME_RATE_HZ)
    return functional.max_pool1d(curve[:, None], 2 * reach + 1, 1, reach)[:, 0]


def smoothed(curve: Tensor, deviation_sec: float) -> Tensor:
    """A curve `[B, N]` averaged over a bell; its ends hold."""
    reach = int(np.ceil(3 * deviation_sec * FRAME_RATE_HZ))
    offsets = torch.arange(-reach, reach + 1) / (deviation_sec * FRAME_RATE_HZ)
    bell = torch.exp(-0.5 * offsets**2)
    padded = functional.pad(curve[:, None], (reach, reach), mode="replicate")
    return functional.conv1d(padded, (bell / bell.sum())[None, None])[:, 0]
