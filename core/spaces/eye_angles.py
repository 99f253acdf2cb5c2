"""Turns of the eyeballs and the eight ARKit eyeLook controls, one into the other.

Angles have the axes of the head's: yaw about +Y (positive to the person's left) and pitch about +X
(positive downwards), radians.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Float32, Float64

from .arkit import ARKIT_BLENDSHAPES, ARKIT_INDEX

# Turns of the eyeballs by a full control, degrees: sideways, down, up.
FULL_SIDE_DEG, FULL_DOWN_DEG, FULL_UP_DEG = 34.0, 30.0, 24.0
# The control that turns each eye to the person's left, and the one to the right.
_SIDEWAYS = {
    "Left": ("eyeLookOutLeft", "eyeLookInLeft"),
    "Right": ("eyeLookInRight", "eyeLookOutRight"),
}


def eye_angles(weights: Float32[np.ndarray, "T 52"]) -> Float64[np.ndarray, "T 6"]:
    """Yaw, pitch and roll (rad; roll is 0) of the left eye, then of the right, from ARKit weights."""
    angles = np.zeros((len(weights), 6))
    for first, (eye, (to_left, to_right)) in zip((0, 3), _SIDEWAYS.items(), strict=True):
        look = {name: weights[:, ARKIT_INDEX[name]] for name in (to_left, to_right)}
        down, up = (weights[:, ARKIT_INDEX[f"eyeLook{way}{eye}"]] for way in ("Down", "Up"))
        angles[:, first] = FULL_SIDE_DEG * (look[to_left] - look[to_right])
        angles[:, first + 1] = FULL_DOWN_DEG * down - FULL_UP_DEG * up
    return np.radians(angles)


def eye_look_weights(angles: Float64[np.ndarray, "T 6"]) -> Float32[np.ndarray, "T 52"]:
    """ARKit weights (0 to 1; the eyeLook controls only) of eye angles as `eye_angles` gives them."""
    weights = np.zeros((len(angles), len(ARKIT_BLENDSHAPES)), np.float32)
    for first, (eye, (to_left, to_right)) in zip((0, 3), _SIDEWAYS.items(), strict=True):
        yaw, pitch = np.degrees(angles[:, first]), np.degrees(angles[:, first + 1])
        for name, value in (
            (to_left, yaw / FULL_SIDE_DEG),
            (to_right, -yaw / FULL_SIDE_DEG),
            (f"eyeLookDown{eye}", pitch / FULL_DOWN_DEG),
            (f"eyeLookUp{eye}", -pitch / FULL_UP_DEG),
        ):
            weights[:, ARKIT_INDEX[name]] = np.clip(value, 0.0, 1.0)
    return weights
