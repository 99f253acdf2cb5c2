"""The images that the head's material is made of."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Surfaces:
    """Images of the atlas that the head's material reads, [R, R, C], row 0 is v = 1."""

    colour: np.ndarray  # linear RGB
    roughness: np.ndarray  # [R, R, 1]
    height: np.ndarray  # [R, R, 1] metres of relief finer than the mesh
    flesh: np.ndarray  # [R, R, 1] weight of light scattered under the surface
    glow: np.ndarray  # [R, R, 3] light added as it is: the catch light in the eye
