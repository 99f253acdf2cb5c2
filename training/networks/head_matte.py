"""A small U-shaped network (after Ronneberger, Fischer & Brox 2015) that tells heads from backgrounds."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

WIDTHS = (12, 24, 40, 56)  # at half, a quarter, an eighth and a sixteenth of the picture's size
DILATIONS = (1, 2, 4)  # at a sixteenth


class HeadMatteNetwork(nn.Module):
    """Pictures `[B, S, S, 3]` uint8 to alpha `[B, S/2, S/2]`: hair, head, neck and clothes of the one in the middle."""

    def __init__(self) -> None:
        super().__init__()
        a, b, c, d = WIDTHS
        self.halved = _step(3, a, stride=2)
        self.quarter = nn.Sequential(_step(a, b, stride=2), _step(b, b))
        self.eighth = nn.Sequential(_step(b, c, stride=2), _step(c, c))
        self.sixteenth = _step(c, d, stride=2)
        self.blocks = nn.ModuleList(_step(d, d, dilation=k) for k in DILATIONS)
        self.to_eighth = _step(d + c, c, size=1)
        self.at_eighth = _step(c, c)
        self.to_quarter = _step(c + b, b, size=1)
        self.at_quarter = _step(b, b)
        self.to_half = _step(b + a, a, size=1)
        self.at_half = _step(a, a)
        self.alpha = nn.Conv2d(a, 1, 1)

    def logits(self, pictures: Tensor) -> Tensor:
        """Alpha's logits `[B, S/2, S/2]`."""
        x = pictures.permute(0, 3, 1, 2).float() / 127.5 - 1.0
        half = self.halved(x)
        quarter = self.quarter(half)
        eighth = self.eighth(quarter)
        x = self.sixteenth(eighth)
        for block in self.blocks:
            x = x + block(x)
        x = self.at_eighth(self.to_eighth(torch.cat([_doubled(x), eighth], 1)))
        x = self.at_quarter(self.to_quarter(torch.cat([_doubled(x), quarter], 1)))
        x = self.at_half(self.to_half(torch.cat([_doubled(x), half], 1)))
        return self.alpha(x)[:, 0]

    def forward(self, pictures: Tensor) -> Tensor:
        """Alpha in [0, 1]."""
        return torch.sigmoid(self.logits(pictures))


def _doubled(x: Tensor) -> Tensor:
    return functional.interpolate(x, scale_factor=2.0, mode="nearest")


def _step(
    inputs: int, outputs: int, *, stride: int = 1, dilation: int = 1, size: int = 3
) -> nn.Sequential:
    padding = dilation * (size // 2)
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, size, stride, padding, dilation, bias=False),
        nn.BatchNorm2d(outputs),
        nn.ReLU(),
    )
