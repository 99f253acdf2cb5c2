"""Expressions of the face as FACS Action Units, and what sets them on the named controls.

The prototypes of the seven emotions are combinations that the FACS Investigator's Guide (Ekman, Friesen and
Hager 2002) and EMFACS (Friesen and Ekman 1983) name for them, contempt after Ekman and Heider (1988). The
smiles of joy and courtesy differ in the cheeks after Duchenne (Ekman, Davidson and Friesen 1990), pain holds
the four actions that Prkachin (1992) found in most pains, embarrassment is the controlled smile of Keltner
(1995), and concentration and doubt are the lowered and raised brows of Ekman's conversational signals
(1979). Intensities are ours, set by eye.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from .arkit import expand_sides
from .facs import AU_TO_ARKIT, MAX_INTENSITY
from .groups import other_side

# Units that FACS has beside the ones with a slider of their own.
OTHER_UNITS: Mapping[str, Mapping[str, float]] = {
    "AU16": {"mouthLowerDown": 1.0},
    "AU18": {"mouthPucker": 1.0},
    "AU24": {"mouthPress": 1.0, "mouthRollLower": 0.2, "mouthRollUpper": 0.2},
    "AU27": {"jawOpen": 1.0},
    "AU43": {"eyeBlink": 1.0},
    "AU61": {"eyeLookOutLeft": 1.0, "eyeLookInRight": 1.0},
    "AU63": {"eyeLookUp": 1.0},
    "AU64": {"eyeLookDown": 1.0},
}
SIDED = {"L": "Left", "R": "Right"}


@dataclass(frozen=True)
class Expression:
    """Units with their intensities (0 to 5); a unit of one side starts with its letter, as in "R12"."""

    label: str
    group: str
    description: str
    units: Mapping[str, float]

    def pose(self, intensity: float | int = 1.0) -> dict[str, float]:
        """Values by control: units of both sides as themselves, all else as ARKit weights."""
        values: dict[str, float] = {}
        for unit, amount in self.units.items():
            side, name = _read(unit)
            if not side and name in AU_TO_ARKIT:
                values[name] = values.get(name, 0.0) + amount * intensity
                continue
            shapes = AU_TO_ARKIT.get(name) or OTHER_UNITS[name]
            for shape, weight in expand_sides(shapes).items():
                if side and shape.endswith(("Left", "Right")) and not shape.endswith(SIDED[side]):
                    continue
                # What has no sides moves half as much for one of them.
                half = 0.5 if side and not shape.endswith(("Left", "Right")) else 1.0
                added = half * weight * amount * intensity / MAX_INTENSITY
                values[shape] = values.get(shape, 0.0) + added
        return values


def _read(unit: str) -> tuple[str, str]:
    """Side letter and name of a unit: "R12" is ("R", "AU12")."""
    side = unit[0] if unit[0] in SIDED else ""
    return side, f"AU{int(unit.removeprefix(side)):02d}"


def mirrored(pose: Mapping[str, float]) -> dict[str, float]:
    """The pose with its sides swapped, also of what moves to one side by its name."""
    return {other_side(name): value for name, value in pose.items()}


EMOTIONS, FEELINGS, SIGNALS = "Emotions", "Feelings", "Signals"
EXPRESSION_GROUPS = (EMOTIONS, FEELINGS, SIGNALS)


def _make(label: str, group: str, description: str, units: str) -> Expression:
    """`units` as "6:3 R12:2.5"."""
    pairs = (unit.split(":") for unit in units.split())
    return Expression(label, group, description, {unit: float(amount) for unit, amount in pairs})


EXPRESSIONS: Mapping[str, Expression] = {
    name: _make(*row)
    for name, row in {
        "joy": ("Joy", EMOTIONS, "A felt smile that reaches the eyes", "6:3.5 12:4 25:3"),
        "sadness": (
            "Sadness",
            EMOTIONS,
            "Inner brows up, corners of the mouth down",
            "1:3.5 4:2 15:3 17:1.5 64:0.8",
        ),
        "anger": (
            "Anger",
            EMOTIONS,
            "Lowered brows, hard eyes, pressed lips",
            "4:5 5:2.5 7:4 9:1.2 23:3 24:3",
        ),
        "fear": (
            "Fear",
            EMOTIONS,
            "Brows up and drawn together, wide eyes, stretched mouth",
            "1:4 2:2.5 4:2 5:4 20:3 25:2.5 26:1.5",
        ),
        "surprise": (
            "Surprise",
            EMOTIONS,
            "Raised brows, wide eyes, dropped jaw",
            "1:4 2:4 5:3 26:3.5 25:1.5",
        ),
        "disgust": (
            "Disgust",
            EMOTIONS,
            "Wrinkled nose, raised upper lip",
            "9:4 10:2.5 15:1.5 16:1 7:1.5",
        ),
        "contempt": (
            "Contempt",
            EMOTIONS,
            "One corner of the mouth tightened and raised",
            "R12:2 R14:3",
        ),
        "delight": (
            "Delight",
            FEELINGS,
            "An open laugh",
            "6:4.5 12:4.5 25:4 26:2.5 1:1 2:1",
        ),
        "content": ("Content", FEELINGS, "A quiet, closed smile", "6:1.5 12:1.8"),
        "courtesy": (
            "Courtesy",
            FEELINGS,
            "A social smile: the mouth without the eyes",
            "12:3 25:1",
        ),
        "smirk": ("Smirk", FEELINGS, "A smile of one side", "R12:3 R6:1.5 R14:2"),
        "flirt": (
            "Flirt",
            FEELINGS,
            "A sideways smile under a raised brow",
            "R12:2.5 6:1.5 R2:2.5 R1:1 7:1",
        ),
        "embarrassment": (
            "Embarrassment",
            FEELINGS,
            "A held back smile with lowered eyes",
            "12:2 6:1 24:2 14:1.5 64:2.5",
        ),
        "worry": ("Worry", FEELINGS, "Brows up and together, tense lips", "1:3 4:2.5 24:1.5 15:1"),
        "pain": (
            "Pain",
            FEELINGS,
            "Brows down, cheeks up, eyes almost shut",
            "4:4.5 6:3.5 7:4 9:2 10:2 43:1.2 25:1.5 20:1.5",
        ),
        "grief": (
            "Grief",
            FEELINGS,
            "On the edge of tears",
            "1:4.5 4:3.5 6:2 15:4 17:3 7:1.5 25:1",
        ),
        "tired": ("Tired", FEELINGS, "Heavy lids, slack mouth", "43:2 64:1 26:0.6 25:0.8 15:0.6"),
        "concentration": (
            "Concentration",
            SIGNALS,
            "Lowered brows, narrowed eyes, closed lips",
            "4:4 7:3 24:2 17:1.2",
        ),
        "doubt": (
            "Doubt",
            SIGNALS,
            "One brow up, the other down, mouth aside",
            "R2:5 R1:1.5 L4:4 L14:2.5 L7:1.5 17:1.5",
        ),
        "interest": ("Interest", SIGNALS, "Raised brows, open eyes", "1:2 2:2 5:1 12:0.8"),
        "thinking": (
            "Thinking",
            SIGNALS,
            "Eyes up and aside, mouth drawn in",
            "63:2.5 61:1.5 4:1 14:1.2 18:0.8",
        ),
        "determined": (
            "Determined",
            SIGNALS,
            "Firm mouth, steady brows",
            "4:3.5 5:1 7:1 23:3 17:2 24:1.5",
        ),
        "wink": ("Wink", SIGNALS, "One eye closed, with a smile", "R43:5 R6:2.5 R12:2 12:1"),
    }.items()
}
