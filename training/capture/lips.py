"""Lips that meet at rest, whatever the face."""

from __future__ import annotations

import numpy as np
from scipy.interpolate import PchipInterpolator

# Inner outline of the lips in the 68-point scheme: corners, and pairs of upper and lower points.
CORNERS = (60, 64)
PAIRS = ((61, 67), (62, 66), (63, 65))
# How far above and below the seam skin follows, and how far beyond the corners, centimetres.
REACH_CM, BESIDE_CM = 1.0, 0.35
# Points on the outline lie a little inside the roll of the lips: they touch when this is left.
TOUCHING_CM = 0.006


def close_lips(neutral: np.ndarray, shape: np.ndarray, landmarks: np.ndarray) -> np.ndarray:
    """Vertices [V, 3] of `shape` with its lips brought together or apart until they touch.

    All in ICT's frame, centimetres. `neutral` [V, 3] is the mean head, whose seam says which vertices
    belong to the upper and which to the lower lip; only a neighbourhood of the mouth moves, up or down.
    """
    mean, own = neutral[landmarks], shape[landmarks]
    seam_x = np.r_[
        mean[CORNERS[0], 0], [mean[list(p), 0].mean() for p in PAIRS], mean[CORNERS[1], 0]
    ]
    seam_y = np.r_[
        mean[CORNERS[0], 1], [mean[list(p), 1].mean() for p in PAIRS], mean[CORNERS[1], 1]
    ]
    gap = np.r_[0.0, [own[upper, 1] - own[lower, 1] - TOUCHING_CM for upper, lower in PAIRS], 0.0]
    x = np.clip(neutral[:, 0], seam_x[0], seam_x[-1])
    above = neutral[:, 1] - PchipInterpolator(seam_x, seam_y)(x)
    beside = np.abs(neutral[:, 0] - x) / BESIDE_CM
    is_front = np.clip((neutral[:, 2] - 8.6) / 0.8, 0.0, 1.0)
    follows = np.exp(-0.5 * (above / (0.45 * REACH_CM)) ** 2 - 0.5 * beside**2) * is_front
    move = -0.5 * np.sign(above) * PchipInterpolator(seam_x, gap)(x) * follows
    closed = shape.copy()
    closed[:, 1] += move.astype(np.float32)
    return closed
