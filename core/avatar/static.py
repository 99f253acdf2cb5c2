"""A set of Gaussians that never moves, behind the interface of an avatar."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float32

from ..gaussians import Gaussians

DECODER = "static"
STATIC_SPACE = "static"


@dataclass(frozen=True, eq=False)
class StaticGaussians:
    """A decoder that gives the same Gaussians for the only code there is, the empty one."""

    gaussians: Gaussians

    def decode(self, code: Float32[np.ndarray, " D"]) -> Gaussians:
        """The set itself."""
        return self.gaussians

    def decode_landmarks(self, code: Float32[np.ndarray, " D"]) -> None:
        """None: nobody marked a face in it."""
        return None
