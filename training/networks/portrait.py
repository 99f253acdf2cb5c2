"""The portrait network: pixels of a person where landmarks say, from one reference picture, by flow matching.

| part      | in → out                                              | note                                        |
|-----------|-------------------------------------------------------|---------------------------------------------|
| reference | picture, its maps → features at 32² and 16²           | once for a photo                            |
| stem      | noisy change, warped picture, maps, field → 64²       | pictures are folded: 4 x 4 pixels a place   |
| down      | 64² → 32² → 16², each a residual block                | time of the flow scales and shifts          |
| 32²       | joined with the reference's features, warped          |                                             |
| 16²       | attends to the reference's features, all places       |                                             |
| up        | 16² → 32² → 64², with what went down                  | temporal mixing at 16² and 32²              |
| head      | the clean change of the warped picture                | added to it by the sampler                  |

After the outline of Chang et al. 2025 (arXiv 2509.19749): features of a reference picture, landmarks drawn as maps,
temporal layers, guidance without a classifier. Where they run a latent model from pure noise, this one is small and
runs in pixels: the reference picture is warped by the landmarks first, and what flows (Lipman et al. 2023,
arXiv 2210.02747) is how the picture differs from that.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import NamedTuple, TypeVar

import torch
from torch import Tensor, nn
from torch.nn import functional

from ...core.portrait.drawing import NUM_MAPS

Layer = TypeVar("Layer", nn.Conv2d, nn.Linear)
FOLD = 4
COLOR_CHANNELS = 3 * FOLD**2


@dataclass(frozen=True)
class PortraitSettings:
    """Sizes; `sound_dim` is that of the sound's features where the network hears instead of seeing landmarks."""

    widths: tuple[int, int, int] = (48, 96, 160)
    reference_widths: tuple[int, int] = (64, 96)
    time_dim: int = 128
    heads: int = 5
    sound_dim: int = 0


class ReferenceFeatures(NamedTuple):
    """What a photo gives: `[B, C, 32, 32]` and `[B, C, 16, 16]`."""

    fine: Tensor
    coarse: Tensor


@dataclass(frozen=True)
class Conditions:
    """What does not flow, for N pictures: a number of clips times `frames` of each, one after the other."""

    warped: Tensor  # [N, 48, H, W] the folded photo where the landmarks put it; 64² places, or a part of them
    maps: Tensor  # [N, M, H, W] of the landmarks
    reach: Tensor  # [N, 2, H, W] from where it came, in parts of the side
    fine: Tensor  # [N, C, H/2, W/2] of the photo's features, warped too
    coarse: Tensor  # [N, C, 16, 16] those of the whole photo
    frames: int
    sound: Tensor | None = None  # [N, S] where the network hears the mouth


class ResidualBlock(nn.Module):
    """Two convolutions about which the flow's time decides."""

    def __init__(self, channels_in: int, channels: int, time_dim: int) -> None:
        super().__init__()
        self.first = nn.Sequential(_norm(channels_in), nn.SiLU(), _conv(channels_in, channels))
        self.norm = _norm(channels)
        self.manner = nn.Linear(time_dim, 2 * channels)
        self.second = nn.Sequential(nn.SiLU(), _zeroed(_conv(channels, channels)))
        same = channels_in == channels
        self.passed = nn.Identity() if same else nn.Conv2d(channels_in, channels, 1)

    def forward(self, x: Tensor, time: Tensor) -> Tensor:
        scale, shift = self.manner(time)[..., None, None].chunk(2, dim=1)
        inner = self.norm(self.first(x)) * (1 + scale) + shift
        return self.passed(x) + self.second(inner)


class ReferenceAttention(nn.Module):
    """Every place looks for what it needs in the reference picture."""

    def __init__(self, channels: int, reference_channels: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.norm = _norm(channels)
        self.queries = nn.Conv2d(channels, channels, 1)
        self.keys = nn.Conv2d(reference_channels, channels, 1)
        self.values = nn.Conv2d(reference_channels, channels, 1)
        self.out = _zeroed(nn.Conv2d(channels, channels, 1))

    def forward(self, x: Tensor, reference: Tensor) -> Tensor:
        def split(y: Tensor) -> Tensor:
            return y.flatten(2).unflatten(1, (self.heads, -1)).transpose(2, 3)

        q, k, v = (
            split(part)
            for part in (self.queries(self.norm(x)), self.keys(reference), self.values(reference))
        )
        weights = torch.softmax(q @ k.transpose(2, 3) / math.sqrt(q.shape[-1]), dim=-1)
        found = (weights @ v).transpose(2, 3).flatten(1, 2).unflatten(2, x.shape[2:])
        return x + self.out(found)


class TemporalMixing(nn.Module):
    """Frames learn from the ones before and after them; the clip's ends go on."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.norm = _norm(channels)
        self.taps = nn.Parameter(torch.tensor([0.0, 1.0, 0.0])[:, None].repeat(1, channels))
        self.out = _zeroed(nn.Conv2d(channels, channels, 1))

    def forward(self, x: Tensor, frames: int) -> Tensor:
        """`x [B * frames, C, H, W]`, frames one after the other."""
        y = self.norm(x).unflatten(0, (-1, frames))
        before = torch.cat([y[:, :1], y[:, :-1]], dim=1)
        after = torch.cat([y[:, 1:], y[:, -1:]], dim=1)
        taps = self.taps[:, None, None, :, None, None]
        mixed = taps[0] * before + taps[1] * y + taps[2] * after
        return x + self.out(functional.silu(mixed.flatten(0, 1)))


class ReferenceEncoder(nn.Module):
    """What the photo shows, at two scales."""

    def __init__(self, settings: PortraitSettings) -> None:
        super().__init__()
        fine, coarse = settings.reference_widths
        self.stem = _conv(COLOR_CHANNELS + NUM_MAPS, fine, stride=2)
        self.fine = nn.Sequential(nn.SiLU(), _conv(fine, fine), nn.SiLU(), _conv(fine, fine))
        self.coarse = nn.Sequential(
            nn.SiLU(), _conv(fine, coarse, stride=2), nn.SiLU(), _conv(coarse, coarse)
        )

    def forward(self, picture: Tensor, maps: Tensor) -> ReferenceFeatures:
        """Folded picture `[B, 48, 64, 64]` in [-1, 1] and its maps."""
        x = self.stem(torch.cat([picture, maps], dim=1))
        fine = x + self.fine(x)
        return ReferenceFeatures(fine, self.coarse(fine))


class PortraitNetwork(nn.Module):
    """Predicts the clean change of warped pictures; `encode` makes the reference's features."""

    def __init__(self, settings: PortraitSettings | None = None) -> None:
        super().__init__()
        self.settings = settings = settings or PortraitSettings()
        high, middle, low = settings.widths
        time_dim, fine = settings.time_dim, settings.reference_widths[0]
        self.reference = ReferenceEncoder(settings)
        self.time = nn.Sequential(nn.Linear(64, time_dim), nn.SiLU(), nn.Linear(time_dim, time_dim))
        if settings.sound_dim:
            self.sound = nn.Sequential(
                nn.Linear(settings.sound_dim, 2 * time_dim),
                nn.SiLU(),
                _zeroed(nn.Linear(2 * time_dim, time_dim)),
            )
        self.stem = _conv(2 * COLOR_CHANNELS + NUM_MAPS + 2, high)
        self.high_down = ResidualBlock(high, high, time_dim)
        self.to_middle = _conv(high, middle, stride=2)
        self.middle_down = ResidualBlock(middle + fine, middle, time_dim)
        self.to_low = _conv(middle, low, stride=2)
        self.low_down = ResidualBlock(low, low, time_dim)
        self.attention = ReferenceAttention(low, settings.reference_widths[1], settings.heads)
        self.low_mixing = TemporalMixing(low)
        self.low_up = ResidualBlock(low, low, time_dim)
        self.from_low = nn.Conv2d(low, middle, 1)
        self.middle_up = ResidualBlock(2 * middle, middle, time_dim)
        self.middle_mixing = TemporalMixing(middle)
        self.from_middle = nn.Conv2d(middle, high, 1)
        self.high_up = ResidualBlock(2 * high, high, time_dim)
        self.head = nn.Sequential(_norm(high), nn.SiLU(), _zeroed(_conv(high, COLOR_CHANNELS)))

    def encode(self, picture: Tensor, maps: Tensor) -> ReferenceFeatures:
        """Features of a folded reference picture and its maps."""
        return self.reference(picture, maps)

    def forward(self, change: Tensor, time: Tensor, given: Conditions) -> Tensor:
        """The clean change `[N, 48, 64, 64]` of one that is noisy at `time [N]` in [0, 1]; 1 is clean."""
        when = self.time(_waves(time))
        if given.sound is not None:
            when = when + self.sound(given.sound)
        x = self.stem(torch.cat([change, given.warped, given.maps, 4 * given.reach], dim=1))
        high = self.high_down(x, when)
        middle = self.middle_down(torch.cat([self.to_middle(high), given.fine], dim=1), when)
        low = self.low_down(self.to_low(middle), when)
        low = self.low_mixing(self.attention(low, given.coarse), given.frames)
        low = self.low_up(low, when)
        x = torch.cat([_doubled(self.from_low(low)), middle], dim=1)
        x = self.middle_mixing(self.middle_up(x, when), given.frames)
        x = torch.cat([_doubled(self.from_middle(x)), high], dim=1)
        return self.head(self.high_up(x, when))


def warped_conditions(
    picture: Tensor,
    features: ReferenceFeatures,
    maps: Tensor,
    field: Tensor,
    frames: int,
    sound: Tensor | None = None,
) -> Conditions:
    """Of whole pictures `[N, 3, S, S]` and their features, moved by `field [N, 2, 33, 33]`."""
    return Conditions(
        warped=fold(warp(picture, field)),
        maps=maps,
        reach=functional.interpolate(field, maps.shape[2:], mode="bilinear"),
        fine=warp(features.fine, field),
        coarse=features.coarse,
        frames=frames,
        sound=sound,
    )


def warp(picture: Tensor, field: Tensor) -> Tensor:
    """`[N, C, H, W]` sampled where `field [N, 2, 33, 33]` says, in parts of the side; borders go on."""
    height, width = picture.shape[2:]
    moves = functional.interpolate(field, (height, width), mode="bilinear", align_corners=True)
    y = (torch.arange(height, dtype=picture.dtype) * 2 + 1) / height - 1
    x = (torch.arange(width, dtype=picture.dtype) * 2 + 1) / width - 1
    grid = torch.stack([x[None, :].expand(height, -1), y[:, None].expand(-1, width)], dim=-1)
    grid = grid.to(picture.device) + 2 * moves.permute(0, 2, 3, 1)
    return functional.grid_sample(picture, grid, padding_mode="border", align_corners=False)


def fold(picture: Tensor) -> Tensor:
    """`[N, 3, 4H, 4W]` in [-1, 1] to `[N, 48, H, W]`."""
    return functional.pixel_unshuffle(picture, FOLD)


def unfold(folded: Tensor) -> Tensor:
    """The reverse of `fold`."""
    return functional.pixel_shuffle(folded, FOLD)


def _waves(time: Tensor) -> Tensor:
    rates = torch.exp(torch.linspace(0.0, math.log(200.0), 32, device=time.device))
    angles = time[:, None] * rates
    return torch.cat([angles.sin(), angles.cos()], dim=1)


def _conv(channels_in: int, channels: int, stride: int = 1) -> nn.Conv2d:
    return nn.Conv2d(channels_in, channels, 3, stride=stride, padding=1)


def _zeroed(layer: Layer) -> Layer:
    nn.init.zeros_(layer.weight)
    nn.init.zeros_(layer.bias)
    return layer


def _norm(channels: int) -> nn.GroupNorm:
    return nn.GroupNorm(math.gcd(8, channels), channels)


def _doubled(x: Tensor) -> Tensor:
    return functional.interpolate(x, scale_factor=2.0, mode="nearest")
