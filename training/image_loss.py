"""How unlike two pictures are, in the form that 3D Gaussian Splatting is trained with (Kerbl et al. 2023)."""

from __future__ import annotations

import torch
from torch import Tensor

# SSIM's constants (Wang et al. 2004) for values in [0, 1].
WINDOW_PX, WINDOW_SIGMA_PX = 11, 1.5
# Windows overlap so much that every third says all.
STRIDE_PX = 3
C1, C2 = 0.01**2, 0.03**2


def picture_loss(ours: Tensor, wanted: Tensor, ssim_share: float = 0.2) -> Tensor:
    """L1 mixed with 1 - SSIM of two pictures `[H, W, 3]`; a share of 0 leaves SSIM out."""
    absolute = (ours - wanted).abs().mean()
    if ssim_share == 0.0:
        return absolute
    return (1 - ssim_share) * absolute + ssim_share * (1 - ssim(ours, wanted))


def ssim(ours: Tensor, wanted: Tensor) -> Tensor:
    """Mean structural similarity of two pictures `[H, W, C]`, without their borders, sampled."""
    a, b = ours.permute(2, 0, 1), wanted.permute(2, 0, 1)
    channels = len(a)
    blurred = _blur(torch.cat([a, b, a * a, b * b, a * b]))
    mean_a, mean_b, aa, bb, ab = blurred.split(channels)
    square_a, square_b, product = mean_a * mean_a, mean_b * mean_b, mean_a * mean_b
    luminance = (2 * product + C1) / (square_a + square_b + C1)
    contrast = (2 * (ab - product) + C2) / (aa - square_a + bb - square_b + C2)
    return (luminance * contrast).mean()


def _blur(images: Tensor) -> Tensor:
    """Gaussian blur of `[C, H, W]` at every `STRIDE_PX`-th pixel.

    Products with band matrices: many times faster on a CPU than torch's convolution of few channels.
    """
    down, across = (_window_matrix(size, images) for size in images.shape[1:])
    return down @ images @ across.T


def _window_matrix(size_px: int, like: Tensor) -> Tensor:
    """Each row the window around one pixel of a line of `size_px`, `[M, size_px]`."""
    offsets = torch.arange(WINDOW_PX) - WINDOW_PX // 2
    window = torch.exp(-0.5 * (offsets / WINDOW_SIGMA_PX) ** 2)
    starts = torch.arange(0, size_px - WINDOW_PX + 1, STRIDE_PX)
    matrix = torch.zeros(len(starts), size_px)
    columns = starts[:, None] + torch.arange(WINDOW_PX)
    matrix.scatter_(1, columns, (window / window.sum()).expand(len(starts), -1))
    return matrix.to(like)
