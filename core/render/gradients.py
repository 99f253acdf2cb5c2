"""What goes into and comes out of the backward pass of a rasteriser."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int32


@dataclass(frozen=True)
class ImageGradients:
    """Derivatives of a loss by the images of a `RenderOutput`; None stands for zeros."""

    colors: Float[np.ndarray, "H W 3"] | None = None
    alphas: Float[np.ndarray, "H W"] | None = None
    depths: Float[np.ndarray, "H W"] | None = None


@dataclass(frozen=True)
class GaussianGradients:
    """Derivatives of a loss by the attributes of `Gaussians`, zero for those that are not seen.

    `means2d` are those by the projected means in pixels and `num_pixels` counts the pixels that each
    Gaussian was blended into: density control grows Gaussians by both (Pixel-GS, Zhang et al. 2024).
    """

    means: Float[np.ndarray, "N 3"]
    quats: Float[np.ndarray, "N 4"]
    scales: Float[np.ndarray, "N 3"]
    opacities: Float[np.ndarray, " N"]
    colors: Float[np.ndarray, "N 3"]
    means2d: Float[np.ndarray, "N 2"]
    num_pixels: Int32[np.ndarray, " N"]
