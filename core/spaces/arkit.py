"""The 52 face-tracking blendshapes of Apple's ARKit: the code space `arkit52`."""

from __future__ import annotations

from collections.abc import Mapping

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

# What the brows and lids do besides blinking.
BROW_AND_LID_BLENDSHAPES: tuple[str, ...] = (
    "browInnerUp",
    "browOuterUpLeft",
    "browOuterUpRight",
    "browDownLeft",
    "browDownRight",
    "eyeWideLeft",
    "eyeWideRight",
    "eyeSquintLeft",
    "eyeSquintRight",
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
