"""What density control asks a picture about each Gaussian."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass
class SplatStatistics:
    """Filled by `loss.backward()`; None before. Pixel-GS (Zhang et al. 2024) weighs the one by the other."""

    means2d_gradients: Tensor | None = None  # [N, 2] of the loss by the projected mean, px
    num_pixels: Tensor | None = None  # [N] int32, pixels that the Gaussian was blended into

    @property
    def visible(self) -> Tensor:
        """Mask `[N]` of the Gaussians that at least one pixel shows."""
        return self.num_pixels > 0

    @property
    def gradient_norms(self) -> Tensor:
        """`[N]` lengths of `means2d_gradients`."""
        return torch.linalg.vector_norm(self.means2d_gradients, dim=1)
