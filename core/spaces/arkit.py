"""The 52 face-tracking blendshapes of Apple's ARKit: the code space `arkit52`."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from jaxtyping import Float32

ARKIT_SPACE = "arkit52"

# Names and order of ARFaceAnchor.BlendShapeLocation; Left and Right are the person's own.
ARKIT_BLENDSHAPES: tuple[str, ...] = (
    "eyeBlinkLeft",
    "eyeLookDownLeft",
    "eyeLookInLeft",
    "eyeLookOutLeft",
    "eyeLookUpLeft",
    "eyeSquintLeft",
    "eyeWideLeft",
    "eyeBlinkRight",
    "eyeLookDownRight",
    "eyeLookInRight",
    "eyeLookOutRight",
    "eyeLookUpRight",
    "eyeSquintRight",
    "eyeWideRight",
    "jawForward",
    "jawLeft",
    "jawRight",
    "jawOpen",
    "mouthClose",
    "mouthFunnel",
    "mouthPucker",
    "mouthLeft",
    "mouthRight",
    "mouthSmileLeft",
    "mouthSmileRight",
    "mouthFrownLeft",
    "mouthFrownRight",
    "mouthDimpleLeft",
    "mouthDimpleRight",
    "mouthStretchLeft",
    "mouthStretchRight",
    "mouthRollLower",
    "mouthRollUpper",
    "mouthShrugLower",
    "mouthShrugUpper",
    "mouthPressLeft",
    "mouthPressRight",
    "mouthLowerDownLeft",
    "mouthLowerDownRight",
    "mouthUpperUpLeft",
    "mouthUpperUpRight",
    "browDownLeft",
    "browDownRight",
    "browInnerUp",
    "browOuterUpLeft",
    "browOuterUpRight",
    "cheekPuff",
    "cheekSquintLeft",
    "cheekSquintRight",
    "noseSneerLeft",
    "noseSneerRight",
    "tongueOut",
)

ARKIT_INDEX: Mapping[str, int] = {name: i for i, name in enumerate(ARKIT_BLENDSHAPES)}


def expand_sides(weights: Mapping[str, float]) -> dict[str, float]:
    """Spell out weights given without a side: `mouthSmile` becomes its Left and Right."""
    spelled: dict[str, float] = {}
    for name, weight in weights.items():
        names = (name,) if name in ARKIT_INDEX else (f"{name}Left", f"{name}Right")
        for full in names:
            spelled[full] = spelled.get(full, 0.0) + weight
    return spelled


def arkit_vector(weights: Mapping[str, float]) -> Float32[np.ndarray, " 52"]:
    """The 52 weights with `weights` filled in by name; a name without its side means both sides."""
    vector = np.zeros(len(ARKIT_BLENDSHAPES), np.float32)
    for name, weight in expand_sides(weights).items():
        vector[ARKIT_INDEX[name]] = weight
    return vector


def arkit_matrix(rows: Mapping[str, Mapping[str, float]]) -> Float32[np.ndarray, "n 52"]:
    """One row of 52 weights for each entry of `rows`, in its order."""
    return np.stack([arkit_vector(weights) for weights in rows.values()])
