"""The expressions whose light a filmed person's frames are mixed from, the most telling first."""

from __future__ import annotations

from collections.abc import Mapping

from .bake_states import NEUTRAL, both
from .bake_states import STATES as BAKED_STATES


def look_aside(weight: float, towards: str) -> dict[str, float]:
    """Both eyes turned to the person's "Left" or "Right"."""
    other = "Right" if towards == "Left" else "Left"
    return {f"eyeLookOut{towards}": weight, f"eyeLookIn{other}": weight}


# Made for this: between closed lips and a wide mouth light does not grow evenly, and speech lives here.
MIXED: Mapping[str, Mapping[str, float]] = {
    "jawOpen30": {"jawOpen": 0.3},
    "jawOpen10": {"jawOpen": 0.1},
    "partLips": {"jawOpen": 0.06, **both("mouthLowerDown", 0.2), **both("mouthUpperUp", 0.1)},
    "partFunnel": {"jawOpen": 0.06, "mouthFunnel": 0.3},
    "lookLeft": look_aside(0.75, "Left"),
    "lookRight": look_aside(0.75, "Right"),
    "lookLeft30": look_aside(0.3, "Left"),
    "lookRight30": look_aside(0.3, "Right"),
    "openSmile": {"jawOpen": 1.0, **both("mouthSmile")},
    "openFunnel": {"jawOpen": 1.0, "mouthFunnel": 1.0},
    "openLips": {"jawOpen": 0.3, **both("mouthLowerDown"), **both("mouthUpperUp")},
    "tightLips": {"mouthFunnel": 1.0, "mouthPucker": 1.0},
}
# In this order, whatever the number of states that are baked; names of one control stand in `bake_states`.
ORDER = (
    NEUTRAL,
    "jawOpen",
    "jawOpen30",
    "jawOpen10",
    "partLips",
    "partFunnel",
    "mouthSmile",
    "mouthPucker",
    "mouthFunnel",
    "eyeBlink",
    "mouthLowerDown",
    "mouthUpperUp",
    "mouthClose",
    "mouthStretch",
    "browInnerUp",
    "browDown",
    "browOuterUp",
    "mouthPress",
    "mouthRollLower",
    "mouthRollUpper",
    "eyeWide",
    "eyeSquint",
    "noseSneer",
    "mouthFrown",
    "cheekSquint",
    "eyeLookDown",
    "eyeLookUp",
    "lookLeft",
    "lookRight",
    "lookLeft30",
    "lookRight30",
    "openSmile",
    "openFunnel",
    "openLips",
    "tightLips",
    "tongueOut",
    "cheekPuff",
    "mouthShrugLower",
    "mouthShrugUpper",
    "mouthDimple",
    "mouthLeft",
    "mouthRight",
    "jawForward",
)
STATES: Mapping[str, Mapping[str, float]] = {
    name: MIXED.get(name) or BAKED_STATES[name] for name in ORDER
}
