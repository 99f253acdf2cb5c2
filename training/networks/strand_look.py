"""How every piece of a strand looks: one small network for all hair of all persons."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from .identity_encoder import SLOPE

# Colour, direction, place on the head, share of the strand, depth in the hair, width, opacity, group.
NUM_GROUPS = 4
NUM_FEATURES = 3 + 3 + 3 + 1 + 1 + 1 + 1 + NUM_GROUPS
CHANNELS = (3, 3, 1, 2, 9)
IDENTITY_CHANNELS = 8
# Natural logarithm of the largest change of a piece's length and width.
SCALE_BOUND = 1.2


class StrandLook(nn.Module):
    """Features `[S, NUM_FEATURES]` and an identity code `[Z]` to changes of each piece."""

    def __init__(self, identity_dim: int, hidden: int) -> None:
        super().__init__()
        self.of_identity = nn.Linear(identity_dim, IDENTITY_CHANNELS)
        self.first = nn.Linear(NUM_FEATURES + IDENTITY_CHANNELS, hidden)
        self.second = nn.Linear(hidden, hidden)
        self.last = nn.Linear(hidden, sum(CHANNELS))
        with torch.no_grad():
            self.of_identity.weight.mul_(0.3)
            self.last.weight.mul_(0.05)
            self.last.bias.zero_()

    def forward(self, features: Tensor, identity: Tensor) -> StrandChange:
        """Changes of all pieces of one person."""
        of_identity = self.of_identity(identity).expand(len(features), -1)
        hidden = _leaky(self.first(torch.cat([features, of_identity], dim=1)))
        return StrandChange(self.last(_leaky(self.second(hidden))))


class StrandChange:
    """What is changed of pieces that were cut from lit strands."""

    def __init__(self, channels: Tensor) -> None:
        self.gain, self.offset, self.logit, self.log_scale, sh = channels.split(CHANNELS, dim=1)
        self.sh = sh.reshape(-1, 3, 3)

    def colors(self, lit: Tensor) -> Tensor:
        """sRGB `[S, 3]`."""
        return (lit * (1 + self.gain) + 0.3 * self.offset).clamp(0.0, 1.0)

    def opacities(self, cut: Tensor) -> Tensor:
        """`[S]` in (0, 1)."""
        return torch.sigmoid(torch.logit(cut.clamp(0.01, 0.99)) + self.logit[:, 0])

    def scales(self, cut_m: Tensor) -> Tensor:
        """Length and width `[S, 3]` (m)."""
        factor = (SCALE_BOUND * torch.tanh(self.log_scale)).exp()
        return cut_m * factor[:, [0, 1, 1]]


def _leaky(values: Tensor) -> Tensor:
    return nn.functional.leaky_relu(values, SLOPE)
