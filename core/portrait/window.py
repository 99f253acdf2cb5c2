"""Which square of a photo the portrait shows."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float

from ..monocular.crops import CropWindow

PORTRAIT_PX = 256
# Side of the picture over the larger one of the landmarks' bounding box, and how far above its middle.
MARGIN, RISE = 2.1, 0.1


def portrait_window(landmarks_px: Float[np.ndarray, "68 2"]) -> CropWindow:
    """Head and neck of the face with these landmarks, upright."""
    low, high = landmarks_px.min(0), landmarks_px.max(0)
    side = MARGIN * float((high - low).max())
    x, y = 0.5 * (low + high)
    return CropWindow((float(x), float(y) - RISE * side), side)
