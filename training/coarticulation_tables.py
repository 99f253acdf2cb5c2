"""What every phone asks of the mouth, how much it insists, and when each articulator moves.

Set by eye and by the lip landmarks of ICT-FaceKit's head (jawOpen 1 parts its lips by 33 mm); the fit
to captured motion starts from here (`speech_motion_fit`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from ..core.speech.mouth import BITE, CLOSURE, GAIN_CONTROLS, LOST_IN_CLOSURE
from .speech_inventory import ALL_PHONES


@dataclass(frozen=True)
class Articulator:
    """Controls that move together: a window in time and how much each phone insists on them.

    The window is a raised cosine: its peak lies `lead_sec` ahead of the moment that is shown, it falls
    to zero `ahead_sec` later and `behind_sec` earlier. `effort` is how much of a louder voice's gain
    its motion takes.
    """

    name: str
    controls: tuple[str, ...]
    ahead_sec: float
    behind_sec: float
    lead_sec: float
    dominance: Mapping[str, float]  # of groups of phones; 1 where none is given
    effort: float = 0.0

    @property
    def gain(self) -> str:
        """The entry of `style` that scales its motion, "" where none does."""
        named = (name for name, scaled in GAIN_CONTROLS.items() if set(self.controls) <= {*scaled})
        return next(named, "")

    def dominances(self) -> list[float]:
        """One per class."""
        given = {phone: value for names, value in self.dominance.items() for phone in names.split()}
        return [given.get(phone, 1.0) for phone in ALL_PHONES]


ARTICULATORS: tuple[Articulator, ...] = (
    Articulator(
        "jaw",
        ("jawOpen",),
        0.08,
        0.12,
        0.02,
        {
            "HH": 0.15,
            "P B M BH": 1.2,
            "S Z": 3.0,
            "SH ZH CH JH F V TH DH": 2.0,
            "K G NG": 0.6,
            "SIL": 0.8,
        },
        effort=1.0,
    ),
    Articulator(
        "contact", (CLOSURE,), 0.04, 0.04, 0.01, {"P B M": 6.0, "F V": 1.5, "HH": 0.3, "SIL": 0.6}
    ),
    Articulator("bite", (BITE,), 0.045, 0.045, 0.01, {"F V": 6.0, "P B M": 1.5, "HH": 0.3}),
    Articulator(
        "lips",
        ("mouthLowerDown", "mouthUpperUp"),
        0.075,
        0.08,
        0.015,
        {"F V": 2.0, "S Z": 2.0, "SH ZH CH JH": 1.5, "HH": 0.2, "K G NG": 0.6},
        effort=0.5,
    ),
    Articulator(
        "rounding",
        ("mouthFunnel", "mouthPucker"),
        0.05,
        0.13,
        0.05,
        {
            "W UW YY": 4.0,
            "OW AO OY SH ZH CH JH UH OE": 2.5,
            "R ER AW": 1.5,
            "P B M": 0.4,
            "T D N L RR K G NG HH": 0.3,
            "S Z TH DH": 0.6,
        },
        effort=0.2,
    ),
    Articulator(
        "spreading",
        ("mouthStretch", "mouthSmile"),
        0.07,
        0.12,
        0.03,
        {"IY EY": 1.6, "W UW OW AO YY OE": 2.0, "T D N L RR K G NG HH": 0.4, "P B M": 0.5},
        effort=0.2,
    ),
    Articulator("tongue", ("tongueOut",), 0.07, 0.07, 0.015, {"TH": 4.0, "DH": 3.0, "L": 1.5}),
)
CONTROLS: tuple[str, ...] = tuple(name for a in ARTICULATORS for name in a.controls)

# `tongueOut` also opens the jaw of a head, by about .3 of it: phones with a tongue ask less of the jaw.
# Values to .15 only fill the dark behind the teeth, as a raised tip does.
_ROWS = """
SIL
AA jawOpen=.5 mouthLowerDown=.14 mouthUpperUp=.08
AE jawOpen=.46 mouthStretch=.22 mouthLowerDown=.18 mouthUpperUp=.14
AH jawOpen=.23 mouthLowerDown=.1 mouthUpperUp=.05
AO jawOpen=.38 mouthFunnel=.5 mouthPucker=.25
AW jawOpen=.43 mouthFunnel=.3 mouthPucker=.25 mouthLowerDown=.06
AY jawOpen=.43 mouthStretch=.12 mouthLowerDown=.15 mouthUpperUp=.08
EH jawOpen=.32 mouthStretch=.17 mouthLowerDown=.16 mouthUpperUp=.09
ER jawOpen=.15 mouthFunnel=.36 mouthPucker=.3
EY jawOpen=.24 mouthStretch=.2 mouthSmile=.16 mouthLowerDown=.15 mouthUpperUp=.07
IH jawOpen=.17 mouthStretch=.12 mouthSmile=.08 mouthLowerDown=.13 mouthUpperUp=.06
IY jawOpen=.12 mouthStretch=.24 mouthSmile=.22 mouthLowerDown=.17 mouthUpperUp=.09
OW jawOpen=.26 mouthFunnel=.45 mouthPucker=.6
OY jawOpen=.3 mouthFunnel=.42 mouthPucker=.4
UH jawOpen=.15 mouthFunnel=.3 mouthPucker=.45
UW jawOpen=.1 mouthFunnel=.3 mouthPucker=.9
YY jawOpen=.11 mouthFunnel=.35 mouthPucker=.8
OE jawOpen=.25 mouthFunnel=.48 mouthPucker=.5
P jawOpen=.05 closure=1
B jawOpen=.06 closure=1
M jawOpen=.06 closure=1
BH jawOpen=.05 closure=.5 mouthPucker=.15
F jawOpen=.05 bite=1 mouthStretch=.06
V jawOpen=.06 bite=1 mouthStretch=.06
TH jawOpen=.04 tongueOut=.38 mouthLowerDown=.12 mouthUpperUp=.1
DH jawOpen=.05 tongueOut=.28 mouthLowerDown=.12 mouthUpperUp=.08
T jawOpen=.06 tongueOut=.08 mouthLowerDown=.18 mouthUpperUp=.08
D jawOpen=.07 tongueOut=.08 mouthLowerDown=.17 mouthUpperUp=.07
N jawOpen=.07 tongueOut=.1 mouthLowerDown=.14 mouthUpperUp=.06
L jawOpen=.1 tongueOut=.14 mouthLowerDown=.12 mouthUpperUp=.06
RR jawOpen=.09 tongueOut=.1 mouthLowerDown=.13 mouthUpperUp=.06
S jawOpen=.035 mouthStretch=.14 mouthSmile=.06 mouthLowerDown=.3 mouthUpperUp=.16
Z jawOpen=.04 mouthStretch=.14 mouthSmile=.06 mouthLowerDown=.28 mouthUpperUp=.15
SH jawOpen=.05 mouthFunnel=.55 mouthPucker=.3 mouthLowerDown=.1
ZH jawOpen=.05 mouthFunnel=.52 mouthPucker=.3 mouthLowerDown=.1
CH jawOpen=.06 mouthFunnel=.52 mouthPucker=.3 mouthLowerDown=.1
JH jawOpen=.06 mouthFunnel=.5 mouthPucker=.28 mouthLowerDown=.1
K jawOpen=.14 mouthLowerDown=.12 mouthUpperUp=.06
G jawOpen=.14 mouthLowerDown=.12 mouthUpperUp=.06
NG jawOpen=.14 mouthLowerDown=.12 mouthUpperUp=.06
HH jawOpen=.16 mouthLowerDown=.08 mouthUpperUp=.04
R jawOpen=.1 mouthFunnel=.36 mouthPucker=.36
W jawOpen=.05 mouthFunnel=.16 mouthPucker=1
Y jawOpen=.09 mouthStretch=.16 mouthSmile=.14 mouthLowerDown=.12
"""


def _targets() -> dict[str, Mapping[str, float]]:
    rows = {}
    for row in _ROWS.strip().splitlines():
        phone, *settings = row.split()
        pairs = (setting.split("=") for setting in settings)
        rows[phone] = MappingProxyType({name: float(value) for name, value in pairs})
    return rows


TARGETS: Mapping[str, Mapping[str, float]] = MappingProxyType(_targets())

# How fast a contact comes about: the closing phones' share of the mouth against all others' share, to
# this power. A network hedges between P and its neighbours: half a closure has to look like one.
CONTACT_POWER = 4.0
# Lips need time to come together: a contact is spread by a Hann window this many frames to either side.
CONTACT_SMOOTHING_FRAMES = 4
# What remains of a control under a full contact. A lip at the teeth holds the jaw up.
KEPT_IN_CLOSURE: Mapping[str, float] = MappingProxyType(dict.fromkeys(LOST_IN_CLOSURE, 0.0))
KEPT_IN_BITE: Mapping[str, float] = MappingProxyType(
    {"jawOpen": 0.6, "mouthLowerDown": 0.0, "mouthUpperUp": 0.0, "mouthFunnel": 0.4}
)
