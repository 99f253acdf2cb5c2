"""How the named controls are shown: groups of the face, labels, pairs of sides; every name once."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from .arkit import ARKIT_BLENDSHAPES
from .facs import AU_LABELS
from .visemes import META_VISEMES

SIDE_LABELS = ("Left", "Right")

# Sideways motions of what there is one of: their mirror image undoes them.
_ASIDE = {f"{word}{side}" for word in ("jaw", "mouth") for side in SIDE_LABELS}


@dataclass(frozen=True)
class ControlGroup:
    """Controls that are shown together."""

    label: str
    names: tuple[str, ...]


def _arkit_group(label: str, words: str, others: str = "") -> ControlGroup:
    """Both sides of each of `words`, Left first, and `others` that have none."""
    names = [f"{word}{side}" for word in words.split() for side in SIDE_LABELS]
    return ControlGroup(label, (*others.split(), *names))


ARKIT_GROUPS: tuple[ControlGroup, ...] = (
    _arkit_group("Jaw", "jaw", "jawOpen jawForward"),
    _arkit_group(
        "Mouth",
        "mouth mouthSmile mouthFrown mouthDimple mouthStretch mouthPress mouthLowerDown mouthUpperUp",
        "mouthClose mouthFunnel mouthPucker mouthRollLower mouthRollUpper mouthShrugLower mouthShrugUpper",
    ),
    _arkit_group("Cheeks and Nose", "cheekSquint noseSneer", "cheekPuff"),
    _arkit_group("Eyes", "eyeBlink eyeSquint eyeWide eyeLookUp eyeLookDown eyeLookIn eyeLookOut"),
    _arkit_group("Brows", "browDown browOuterUp", "browInnerUp"),
    _arkit_group("Tongue", "", "tongueOut"),
)

# The parts of the face in the order of the FACS manual (Ekman, Friesen and Hager 2002).
AU_GROUPS: tuple[ControlGroup, ...] = (
    ControlGroup("Upper Face", ("AU01", "AU02", "AU04", "AU05", "AU06", "AU07", "AU45")),
    ControlGroup("Lower Face, Up and Down", ("AU09", "AU10", "AU15", "AU17", "AU25", "AU26")),
    ControlGroup("Lower Face, Sideways", ("AU14", "AU20")),
    ControlGroup("Lower Face, Oblique", ("AU12",)),
    ControlGroup("Lower Face, About the Mouth", ("AU23", "AU28")),
)

# The parts of the face for which an actor is directed.
DIRECTION_GROUPS: tuple[ControlGroup, ...] = (
    ControlGroup("Brows", ("AU01", "AU02", "AU04")),
    ControlGroup("Eyes and Cheeks", ("AU05", "AU06", "AU07", "AU45")),
    ControlGroup(
        "Nose and Mouth",
        (
            "AU09",
            "AU10",
            "AU12",
            "AU14",
            "AU15",
            "AU17",
            "AU20",
            "AU23",
            "AU25",
            "AU26",
            "AU28",
        ),
    ),
)

VISEME_GROUPS: tuple[ControlGroup, ...] = (
    ControlGroup("Rest", ("viseme_sil",)),
    ControlGroup("Lips", ("viseme_PP", "viseme_FF")),
    ControlGroup("Tongue and Teeth", ("viseme_TH", "viseme_DD", "viseme_nn", "viseme_SS")),
    ControlGroup("Palate", ("viseme_CH", "viseme_RR", "viseme_kk")),
    ControlGroup("Vowels", ("viseme_aa", "viseme_E", "viseme_I", "viseme_O", "viseme_U")),
)

_VISEME_SOUNDS: Mapping[str, str] = {
    "sil": "silence",
    "PP": "p, b, m",
    "FF": "f, v",
    "TH": "th",
    "DD": "t, d",
    "kk": "k, g",
    "CH": "ch, j, sh",
    "SS": "s, z",
    "nn": "n, l",
    "RR": "r",
    "aa": "father",
    "E": "bed",
    "I": "tip",
    "O": "toe",
    "U": "book",
}

# The five letters of FACS for how much of a unit is seen, at the intensities 1 to 5.
FACS_INTENSITIES: tuple[tuple[str, str], ...] = (
    ("A", "a trace"),
    ("B", "slight"),
    ("C", "marked"),
    ("D", "severe"),
    ("E", "the most there is"),
)
FACS_SCALE = ", ".join(
    f"{i} {letter} ({words})" for i, (letter, words) in enumerate(FACS_INTENSITIES, 1)
)


def arkit_label(name: str) -> str:
    """The words of an ARKit name: "mouthSmileLeft" is "Mouth Smile Left"."""
    words = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", name)
    return words[0].upper() + words[1:]


def au_label(name: str) -> str:
    """Number and name as FACS has them: "AU12 Lip Corner Puller"."""
    return f"AU{int(name.removeprefix('AU'))} {AU_LABELS[name]}"


def viseme_label(name: str) -> str:
    """The viseme with the sounds it stands for: "PP (p, b, m)"."""
    short = name.removeprefix("viseme_")
    return f"{short} ({_VISEME_SOUNDS[short]})"


CONTROL_LABELS: Mapping[str, str] = {
    **{name: arkit_label(name) for name in ARKIT_BLENDSHAPES},
    **{name: au_label(name) for name in AU_LABELS},
    **{name: viseme_label(name) for name in META_VISEMES},
}


def other_side(name: str) -> str:
    """The same control of the other side; the name itself where the face has one of it."""
    for side, other in (SIDE_LABELS, SIDE_LABELS[::-1]):
        if name.endswith(side) and name.removesuffix(side) + other in ARKIT_BLENDSHAPES:
            return name.removesuffix(side) + other
    return name


def symmetric_partner(name: str) -> str:
    """The control that a symmetric face sets as much; empty for what has none or moves the middle aside."""
    other = other_side(name)
    return "" if other == name or name in _ASIDE else other


def side_of(name: str) -> str:
    """ "Left", "Right", or nothing for a control of both sides."""
    if other_side(name) == name:
        return ""
    return next(side for side in SIDE_LABELS if name.endswith(side))


def matches(name: str, wanted: str) -> bool:
    """Whether all words of a search are found in the control's name or label, in any case and order."""
    text = f"{name} {CONTROL_LABELS[name]}".casefold()
    return all(word in text for word in wanted.casefold().split())
