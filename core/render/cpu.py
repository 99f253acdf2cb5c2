"""The C rasteriser (wheel `gaussian_heads_native`): checks, buffers and threads around it."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float

from ..camera import Camera
from ..errors import RenderError
from ..gaussians import Gaussians
from .output import RenderOutput


def require() -> None:
    """Raise RenderError when the C rasteriser cannot be loaded here."""
    raise RenderError("The wheel gaussian-heads-native is not installed: install it with pip.")


def render(
    gaussians: Gaussians, camera: Camera, background: Float[np.ndarray, " 3"] | None = None
) -> RenderOutput:
    """Draw `gaussians` with the C rasteriser; see `RenderOutput` for what comes back."""
    require()
