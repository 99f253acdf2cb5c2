"""What every rasteriser returns."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float32


@dataclass(frozen=True)
class RenderOutput:
    """One picture, image row 0 on top.

    `colors` are display-referred sRGB values, premultiplied by alpha (over the background, if one was
    given). `alphas` lie in [0, 1]. `depths` are the expected depth along the camera's z axis in metres:
    the mean of the splats' depths weighted by what each adds to the pixel, and 0 where alpha is 0.
    """

    colors: Float32[np.ndarray, "H W 3"]
    alphas: Float32[np.ndarray, "H W"]
    depths: Float32[np.ndarray, "H W"]
