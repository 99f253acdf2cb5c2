"""A small fully convolutional network that shows where faces are."""

from __future__ import annotations

import torch
from torch import Tensor, nn

WIDTHS = (16, 32, 48)  # at half, a quarter and an eighth of the picture's size
DILATIONS = (1, 2, 4, 8, 2, 1)  # at an eighth: sees 150 pixels to each side
# Chance of a face in a cell before training, and the logit of it.
PRIOR_LOGIT = -4.0


class FaceFinderNetwork(nn.Module):
    """Pictures `[B, H, W, 3]` uint8 to maps of cells of 8 pixels: heat `[B, h, w]` and box `[B, h, w, 3]`.

    The heat is the logit that a face's middle lies in the cell; the box holds the middle's place against the
    cell's (cells, x and y) and the log of its side over 32 pixels.
    """

    def __init__(self) -> None:
        super().__init__()
        half, quarter, eighth = WIDTHS
        self.stem = nn.Sequential(
            _step(3, half, stride=2),
            _step(half, quarter, stride=2),
            _step(quarter, eighth, stride=2),
        )
        self.blocks = nn.ModuleList(_step(eighth, eighth, dilation=d) for d in DILATIONS)
        self.heads = nn.Conv2d(eighth, 4, 1)
        nn.init.zeros_(self.heads.weight)
        with torch.no_grad():
            self.heads.bias.copy_(torch.tensor([PRIOR_LOGIT, 0.0, 0.0, 0.0]))

    def forward(self, pictures: Tensor) -> tuple[Tensor, Tensor]:
        """Heat and box of uint8 pictures."""
        x = pictures.permute(0, 3, 1, 2).float() / 127.5 - 1.0
        x = self.stem(x)
        for block in self.blocks:
            x = x + block(x)
        found = self.heads(x).permute(0, 2, 3, 1)
        return found[..., 0], found[..., 1:]


def _step(inputs: int, outputs: int, *, stride: int = 1, dilation: int = 1) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, 3, stride, padding=dilation, dilation=dilation, bias=False),
        nn.BatchNorm2d(outputs),
        nn.ReLU(),
    )
