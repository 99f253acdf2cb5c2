"""The motion generator: heard speech, Action Units and noise → what acting adds to the face, at 50 Hz.

| stage       | out             | note                                                                |
|-------------|-----------------|---------------------------------------------------------------------|
| condition   | [B, 96, N]      | features 15 → 64 by two convolutions, units 18 → 32 frame by frame  |
| encoder     | 2 x [B, 16, M]  | training only: WaveNet on the motion, M = N / 8 latents (6.25 Hz)    |
| flow        | [B, 16, M]      | prior: noise backwards through four volume-preserving couplings     |
| decoder     | [B, 43, N]      | WaveNet with dilations, latents repeated                            |
| acting      | [B, N, 52]      | units' own shapes + decoder where units act, within weights 0 to 1  |
| lip guard   | [B, N, 52]      | lips that speech shuts stay shut, mouths that speech opens stay open|

Chang et al. 2025 (arXiv 2509.19749) predict landmarks from speech and Action Units with a variational network whose
prior is a normalising flow; their numbers are not published, ours start from GeneFace's (Ye et al. 2023).
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from ...core.direction.features import FEATURES
from ...core.spaces import ACTION_UNITS, ARKIT_BLENDSHAPES, ARKIT_INDEX, au_to_arkit, expand_sides
from ...core.spaces.facs import MAX_INTENSITY
from .buffers import add_constant

FRAME_RATE_HZ = 50
# What the eyes look at and the tongue does is no acting of the units.
CHANNELS = tuple(
    index
    for index, name in enumerate(ARKIT_BLENDSHAPES)
    if not name.startswith("eyeLook") and name != "tongueOut"
)
CLOSURE = FEATURES.index("closure")
# From this sum of units (0 to 5) on the decoder counts in full; at none it is not heard at all.
FULL_FROM = 0.5
# Who gives way where acting opens lips that speech shuts, and where it shuts a mouth that speech opens.
CLOSING = {
    "mouthClose": 1.0,
    "mouthLowerDown": 1.0,
    "mouthUpperUp": 1.0,
    "noseSneer": 0.15,
    "mouthFunnel": 0.3,
    "mouthPress": 0.4,
    "jawOpen": 0.3,
}
OPENING = {
    "jawOpen": 0.8,
    "mouthLowerDown": 1.0,
    "mouthUpperUp": 0.8,
    "mouthRollLower": 1.0,
    "mouthRollUpper": 1.0,
    "mouthPress": 1.0,
    "mouthShrugLower": 0.5,
    "mouthShrugUpper": 1.0,
    "mouthClose": 0.6,
}
GUARD_ROUNDS = 4


@dataclass(frozen=True)
class MotionShape:
    """Sizes; `conditions` are how many numbers ask for something: the units, or labels that they are compared with."""

    hidden: int = 96
    latent: int = 16
    stride: int = 8
    heard: int = 64
    asked: int = 32
    kernel: int = 5
    dilations: tuple[int, ...] = (1, 2, 4, 8)
    encoder_layers: int = 8
    flows: int = 4
    flow_hidden: int = 48
    flow_layers: int = 4
    conditions: int = len(ACTION_UNITS)


@dataclass(frozen=True)
class GuardSettings:
    """How far lips may part (mm) where speech shuts them, and how much of its openings must be kept."""

    slack_mm: float = 30.0
    power: float = 3.0
    tolerance_mm: float = 0.05
    kept_open: float = 0.7


class WaveNet(nn.Module):
    """Gated convolutions `[B, H, N]` with a condition `[B, C, N]` in every layer."""

    def __init__(
        self, hidden: int, condition: int, kernel: int, dilations: tuple[int, ...]
    ) -> None:
        super().__init__()
        self.convolutions = nn.ModuleList(
            nn.Conv1d(hidden, 2 * hidden, kernel, padding=d * (kernel // 2), dilation=d)
            for d in dilations
        )
        self.conditions = nn.ModuleList(nn.Conv1d(condition, 2 * hidden, 1) for _ in dilations)
        self.mixing = nn.ModuleList(nn.Conv1d(hidden, 2 * hidden, 1) for _ in dilations)
        self.reach = sum(d * (kernel // 2) for d in dilations)

    def forward(self, values: Tensor, condition: Tensor) -> Tensor:
        total = torch.zeros_like(values)
        for convolution, conditioning, mixing in zip(
            self.convolutions, self.conditions, self.mixing, strict=True
        ):
            both = convolution(values) + conditioning(condition)
            signal, gate = both.chunk(2, 1)
            rest, skipped = mixing(torch.tanh(signal) * torch.sigmoid(gate)).chunk(2, 1)
            values = values + rest
            total = total + skipped
        return total


class Coupling(nn.Module):
    """Shifts half of the latents by what the other half says: no change of volume, exactly undone."""

    def __init__(self, shape: MotionShape, condition: int) -> None:
        super().__init__()
        self.half = shape.latent // 2
        self.before = nn.Conv1d(self.half, shape.flow_hidden, 1)
        self.condition = nn.Conv1d(condition, shape.flow_hidden, 1)
        dilations = (1,) * shape.flow_layers
        self.inner = WaveNet(shape.flow_hidden, shape.flow_hidden, 3, dilations)
        self.after = nn.Conv1d(shape.flow_hidden, self.half, 1)
        nn.init.zeros_(self.after.weight)
        nn.init.zeros_(self.after.bias)

    def shift(self, kept: Tensor, condition: Tensor) -> Tensor:
        return self.after(self.inner(self.before(kept), self.condition(condition)))


class Flow(nn.Module):
    """Couplings between what the encoder says and noise of the normal distribution."""

    def __init__(self, shape: MotionShape, condition: int) -> None:
        super().__init__()
        self.couplings = nn.ModuleList(Coupling(shape, condition) for _ in range(shape.flows))

    def forward(self, latent: Tensor, condition: Tensor) -> Tensor:
        """Latents `[B, Z, M]` to noise."""
        for coupling in self.couplings:
            kept, moved = latent.chunk(2, 1)
            latent = torch.cat([moved + coupling.shift(kept, condition), kept], 1)
        return latent

    def back(self, noise: Tensor, condition: Tensor) -> Tensor:
        """Noise `[B, Z, M]` to latents."""
        for coupling in reversed(self.couplings):
            moved, kept = noise.chunk(2, 1)
            noise = torch.cat([kept, moved - coupling.shift(kept, condition)], 1)
        return noise


class LipGuard(nn.Module):
    """Keeps the lips' gap of a face that acts within what speech needs of it.

    The gap is `gap_mm · weights`, for the prior's landmarks are linear in ARKit weights. Where speech shuts the lips
    by `closure`, it may be wider than the plain one by `slack · (1 - closure)^power`; where speech opens them, a part
    of the opening stays. What must give way does so by least squares, round after round, within weights 0 to 1.
    """

    def __init__(self, gap_mm: Tensor, settings: GuardSettings = GuardSettings()) -> None:
        super().__init__()
        self.settings = settings
        add_constant(self, "gap_mm", gap_mm)
        for name, yielding in (("closing", CLOSING), ("opening", OPENING)):
            row = torch.zeros(len(ARKIT_BLENDSHAPES))
            for shape, amount in expand_sides(yielding).items():
                row[ARKIT_INDEX[shape]] = amount
            add_constant(self, name, row * gap_mm)

    def forward(self, plain: Tensor, acted: Tensor, closure: Tensor) -> Tensor:
        """Weights `[B, N, 52]` of speech alone and with acting, closure `[B, N]` → guarded weights."""
        plain_mm = plain @ self.gap_mm
        wider = self.settings.slack_mm * (1.0 - closure) ** self.settings.power
        most = plain_mm.clamp(min=0.0) + wider + self.settings.tolerance_mm
        # Lips that speech itself presses together are as far open as they need to be.
        least = torch.minimum(self.settings.kept_open * plain_mm, plain_mm)
        for _ in range(GUARD_ROUNDS):
            gap = acted @ self.gap_mm
            acted = acted - self._share(gap - most, self.closing)
            acted = acted + self._share(least - gap, self.opening)
            acted = acted.clamp(0.0, 1.0)
        return acted

    def _share(self, missing_mm: Tensor, yielding: Tensor) -> Tensor:
        scale = missing_mm.clamp(min=0.0) / (yielding @ self.gap_mm)
        return scale[..., None] * yielding


class MotionGenerator(nn.Module):
    """Encoder, prior and decoder of what acting adds to heard speech."""

    def __init__(self, shape: MotionShape, gap_mm: Tensor, base: Tensor | None = None) -> None:
        super().__init__()
        self.shape = shape
        base = torch.from_numpy(au_to_arkit()) if base is None else base
        add_constant(self, "base", base)
        places = torch.eye(len(ARKIT_BLENDSHAPES))[list(CHANNELS)]
        self.register_buffer("places", places, persistent=False)
        condition = shape.heard + shape.asked
        self.hearing = nn.Sequential(
            nn.Conv1d(len(FEATURES), shape.heard, 3, padding=1),
            nn.GELU(),
            nn.Conv1d(shape.heard, shape.heard, 3, padding=1),
        )
        self.asking = nn.Sequential(
            nn.Conv1d(shape.conditions, shape.asked, 1),
            nn.GELU(),
            nn.Conv1d(shape.asked, shape.asked, 1),
        )
        hidden, outputs = shape.hidden, len(CHANNELS)
        self.encoder_in = nn.Conv1d(outputs, hidden, shape.stride, stride=shape.stride)
        layers = (1,) * shape.encoder_layers
        self.encoder = WaveNet(hidden, condition, shape.kernel, layers)
        self.encoder_out = nn.Conv1d(hidden, 2 * shape.latent, 1)
        self.flow = Flow(shape, condition)
        self.decoder_in = nn.Conv1d(shape.latent, hidden, 1)
        self.smoothing = nn.Conv1d(
            hidden, hidden, 2 * shape.stride - 1, padding="same", groups=hidden
        )
        self.decoder = WaveNet(hidden, condition, shape.kernel, shape.dilations)
        self.decoder_out = nn.Conv1d(hidden, outputs, 1)
        nn.init.zeros_(self.decoder_out.weight)
        nn.init.zeros_(self.decoder_out.bias)
        self.guard = LipGuard(gap_mm)

    @property
    def reach(self) -> int:
        """Frames to either side that a frame of the output depends on at most."""
        flow = sum(coupling.inner.reach for coupling in self.flow.couplings)
        return 2 + self.decoder.reach + (flow + 2) * self.shape.stride

    def condition(self, features: Tensor, units: Tensor) -> Tensor:
        """Condition `[B, C, N]` from features `[B, N, F]` and units `[B, N, 18]` (0 to 5)."""
        asked = units.transpose(1, 2) / MAX_INTENSITY
        return torch.cat([self.hearing(features.transpose(1, 2)), self.asking(asked)], 1)

    def encode(self, motion: Tensor, condition: Tensor) -> tuple[Tensor, Tensor]:
        """Mean and logarithm of the deviation `[B, Z, M]` of a motion `[B, N, 52]`'s latents."""
        values = self.encoder_in(motion[:, :, CHANNELS].transpose(1, 2))
        coded = self.encoder_out(self.encoder(values, self.slowly(condition)))
        mean, log_std = coded.chunk(2, 1)
        return mean, log_std.clamp(-7.0, 3.0)

    def slowly(self, condition: Tensor) -> Tensor:
        """The condition at the latents' rate."""
        return functional.avg_pool1d(condition, self.shape.stride)

    def sample(self, noise: Tensor, condition: Tensor) -> Tensor:
        """Latents `[B, Z, M]` from noise."""
        return self.flow.back(noise, self.slowly(condition))

    def decode(self, latent: Tensor, condition: Tensor) -> Tensor:
        """What the network adds to the units' own shapes `[B, N, 52]`."""
        repeated = self.decoder_in(latent).repeat_interleave(self.shape.stride, 2)
        values = self.decoder(self.smoothing(repeated), condition)
        return self.decoder_out(values).transpose(1, 2) @ self.places

    def asked_for(self, units: Tensor, added: Tensor) -> Tensor:
        """What is asked of the face `[B, N, 52]`: nothing where no unit acts."""
        acting = (units.sum(2, keepdim=True) / FULL_FROM).clamp(0.0, 1.0)
        return units @ self.base + acting * added

    def forward(
        self, plain: Tensor, features: Tensor, units: Tensor, latent: Tensor, condition: Tensor
    ) -> Tensor:
        """What acting adds `[B, N, 52]` to the plain weights `[B, N, 52]` of speech."""
        asked = self.asked_for(units, self.decode(latent, condition))
        acted = (plain + asked).clamp(0.0, 1.0)
        return self.guard(plain, acted, features[:, :, CLOSURE]) - plain
