"""From a neutral scan's maps to an identity code and to maps of what the decoder draws.

A U-Net after the identity encoder of Ava-256 (Martinez et al. 2024): every level hands a
bias map to the level of the same size on the way up, so that detail of the scan reaches the Gaussians.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

SLOPE = 0.2
# Maps start near zero: an untrained prior draws the scan.
FIRST_GAIN = 0.02


class IdentityEncoder(nn.Module):
    """Maps `[P, C, R, R]` to codes `[P, identity_dim]` and output maps `[P, outputs, R/2, R/2]`."""

    def __init__(
        self, channels: int, widths: tuple[int, ...], identity_dim: int, outputs: int, image_px: int
    ) -> None:
        super().__init__()
        sizes = [channels, *widths]
        self.down = nn.ModuleList(
            nn.Conv2d(a, b, 4, 2, 1) for a, b in zip(sizes[:-1], sizes[1:], strict=True)
        )
        top = image_px >> len(widths)
        self.top = (widths[-1], top, top)
        self.code = nn.Linear(widths[-1] * top * top, identity_dim)
        self.from_code = nn.Linear(identity_dim, widths[-1] * top * top)
        self.up = nn.ModuleList(
            nn.ConvTranspose2d(a, b, 4, 2, 1)
            for a, b in zip(widths[:0:-1], widths[-2::-1], strict=True)
        )
        self.bias_maps = nn.ModuleList(nn.Conv2d(b, b, 1) for b in widths[-2::-1])
        self.out = nn.Conv2d(widths[0], outputs, 3, padding=1)
        with torch.no_grad():
            self.out.weight.mul_(FIRST_GAIN)
            self.out.bias.zero_()

    def forward(self, maps: Tensor) -> tuple[Tensor, Tensor]:
        """Identity codes, and the maps at half the input's side."""
        levels = []
        for layer in self.down:
            maps = _leaky(layer(maps))
            levels.append(maps)
        code = self.code(levels.pop().flatten(1))
        hidden = _leaky(self.from_code(code)).reshape(-1, *self.top)
        for up, bias_map in zip(self.up, self.bias_maps, strict=True):
            hidden = _leaky((up(hidden) + bias_map(levels.pop())) * 0.7071)
        return code, self.out(hidden)


def _leaky(values: Tensor) -> Tensor:
    return nn.functional.leaky_relu(values, SLOPE)
