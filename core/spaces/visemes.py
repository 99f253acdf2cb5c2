"""The 15 visemes of the Oculus (Meta) lip-sync set and their map to ARKit-52."""

from __future__ import annotations

from collections.abc import Mapping

# Our own poses, set by eye on the ICT-FaceKit head; weights at full strength. `mouthClose` brings the
# lips together against the open jaw, so a closure carries as much of it as of `jawOpen`.
VISEME_TO_ARKIT: Mapping[str, Mapping[str, float]] = {
    "viseme_sil": {},
    "viseme_PP": {
        "jawOpen": 0.06,
        "mouthClose": 0.1,
        "mouthPress": 0.4,
        "mouthRollLower": 0.2,
        "mouthRollUpper": 0.15,
    },
    "viseme_FF": {
        "jawOpen": 0.08,
        "mouthRollLower": 0.55,
        "mouthShrugLower": 0.15,
        "mouthUpperUp": 0.2,
    },
    "viseme_TH": {"jawOpen": 0.16, "tongueOut": 0.35, "mouthLowerDown": 0.15, "mouthUpperUp": 0.1},
    "viseme_DD": {"jawOpen": 0.12, "mouthLowerDown": 0.2, "mouthUpperUp": 0.1, "mouthStretch": 0.1},
    "viseme_kk": {"jawOpen": 0.2, "mouthLowerDown": 0.15, "mouthUpperUp": 0.08},
    "viseme_CH": {"jawOpen": 0.1, "mouthFunnel": 0.5, "mouthPucker": 0.1, "mouthLowerDown": 0.15},
    "viseme_SS": {
        "jawOpen": 0.04,
        "mouthStretch": 0.25,
        "mouthLowerDown": 0.3,
        "mouthUpperUp": 0.15,
        "mouthSmile": 0.1,
    },
    "viseme_nn": {"jawOpen": 0.12, "mouthLowerDown": 0.18, "mouthUpperUp": 0.08},
    "viseme_RR": {"jawOpen": 0.12, "mouthFunnel": 0.3, "mouthPucker": 0.2},
    "viseme_aa": {"jawOpen": 0.55, "mouthLowerDown": 0.2, "mouthUpperUp": 0.1},
    "viseme_E": {"jawOpen": 0.32, "mouthStretch": 0.2, "mouthLowerDown": 0.2, "mouthUpperUp": 0.1},
    "viseme_I": {"jawOpen": 0.16, "mouthSmile": 0.25, "mouthStretch": 0.25, "mouthLowerDown": 0.2},
    "viseme_O": {"jawOpen": 0.35, "mouthFunnel": 0.55, "mouthPucker": 0.15},
    "viseme_U": {"jawOpen": 0.14, "mouthPucker": 0.7, "mouthFunnel": 0.25},
}

META_VISEMES: tuple[str, ...] = tuple(VISEME_TO_ARKIT)

# ARPAbet without stress marks; the classes are those of the viseme set's own documentation.
PHONE_TO_VISEME: Mapping[str, str] = {
    phone: f"viseme_{viseme}"
    for viseme, phones in {
        "sil": "SIL SP SPN PAU",
        "PP": "P B M",
        "FF": "F V",
        "TH": "TH DH",
        "DD": "T D",
        "kk": "K G HH NG",
        "CH": "CH JH SH ZH",
        "SS": "S Z",
        "nn": "N L",
        "RR": "R ER",
        "aa": "AA AE AH AY AW",
        "E": "EH EY",
        "I": "IH IY Y",
        "O": "AO OW OY",
        "U": "UH UW W",
    }.items()
    for phone in phones.split()
}
