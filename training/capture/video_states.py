"""The expressions whose light a filmed person's frames are mixed from, the most telling first."""

from __future__ import annotations

from collections.abc import Mapping

NEUTRAL = "neutral"


def look_aside(weight: float, towards: str) -> dict[str, float]:
    """Both eyes turned to the person's "Left" or "Right"."""
    other = "Right" if towards == "Left" else "Left"
    return {f"eyeLookOut{towards}": weight, f"eyeLookIn{other}": weight}


def both(name: str, weight: float = 1.0) -> dict[str, float]:
    """The left and right control of one name."""
    return {f"{name}Left": weight, f"{name}Right": weight}


STATES: Mapping[str, Mapping[str, float]] = {
    NEUTRAL: {},
    "jawOpen": {"jawOpen": 1.0},
    # Between closed lips and a wide mouth light does not grow evenly: speech lives here.
    "jawOpen30": {"jawOpen": 0.3},
    "jawOpen10": {"jawOpen": 0.1},
    "partLips": {"jawOpen": 0.06, **both("mouthLowerDown", 0.2), **both("mouthUpperUp", 0.1)},
    "partFunnel": {"jawOpen": 0.06, "mouthFunnel": 0.3},
    "mouthSmile": both("mouthSmile"),
    "mouthPucker": {"mouthPucker": 1.0},
    "mouthFunnel": {"mouthFunnel": 1.0},
    "eyeBlink": both("eyeBlink"),
    "mouthLowerDown": both("mouthLowerDown"),
    "mouthUpperUp": both("mouthUpperUp"),
    "mouthClose": {"jawOpen": 1.0, "mouthClose": 1.0},
    "mouthStretch": both("mouthStretch"),
    "browInnerUp": {"browInnerUp": 1.0},
    "browDown": both("browDown"),
    "browOuterUp": both("browOuterUp"),
    "mouthPress": both("mouthPress"),
    "mouthRollLower": {"mouthRollLower": 1.0},
    "mouthRollUpper": {"mouthRollUpper": 1.0},
    "eyeWide": both("eyeWide"),
    "eyeSquint": both("eyeSquint"),
    "noseSneer": both("noseSneer"),
    "mouthFrown": both("mouthFrown"),
    "cheekSquint": both("cheekSquint"),
    "eyeLookDown": both("eyeLookDown"),
    "eyeLookUp": both("eyeLookUp"),
    "lookLeft": look_aside(0.75, "Left"),
    "lookRight": look_aside(0.75, "Right"),
    "lookLeft30": look_aside(0.3, "Left"),
    "lookRight30": look_aside(0.3, "Right"),
    "openSmile": {"jawOpen": 1.0, **both("mouthSmile")},
    "openFunnel": {"jawOpen": 1.0, "mouthFunnel": 1.0},
    "openLips": {"jawOpen": 0.3, **both("mouthLowerDown"), **both("mouthUpperUp")},
    "tightLips": {"mouthFunnel": 1.0, "mouthPucker": 1.0},
    "tongueOut": {"tongueOut": 1.0},
    "cheekPuff": {"cheekPuff": 1.0},
    "mouthShrugLower": {"mouthShrugLower": 1.0},
    "mouthShrugUpper": {"mouthShrugUpper": 1.0},
    "mouthDimple": both("mouthDimple"),
    "mouthLeft": {"mouthLeft": 1.0},
    "mouthRight": {"mouthRight": 1.0},
    "jawForward": {"jawForward": 1.0},
}
