"""FACS Action Units as OpenFace measures them, and their map to ARKit-52.

Intensities run from 0 to 5 as in the FACS manual (A to E); an ARKit weight runs from 0 to 1, so the
map is the shape of the unit at full intensity divided by 5.
"""

from __future__ import annotations

from collections.abc import Mapping

MAX_INTENSITY = 5.0

# Muscle actions after Ekman, Friesen and Hager (2002), as the nearest ARKit shapes.
AU_TO_ARKIT: Mapping[str, Mapping[str, float]] = {
    "AU01": {"browInnerUp": 1.0},
    "AU02": {"browOuterUp": 1.0},
    "AU04": {"browDown": 1.0},
    "AU05": {"eyeWide": 1.0},
    "AU06": {"cheekSquint": 1.0},
    "AU07": {"eyeSquint": 1.0},
    "AU09": {"noseSneer": 1.0, "browDown": 0.25},
    "AU10": {"mouthUpperUp": 1.0},
    "AU12": {"mouthSmile": 1.0},
    "AU14": {"mouthDimple": 1.0},
    "AU15": {"mouthFrown": 1.0},
    "AU17": {"mouthShrugLower": 1.0, "mouthShrugUpper": 0.3},
    "AU20": {"mouthStretch": 1.0},
    "AU23": {"mouthPress": 0.7, "mouthRollLower": 0.3, "mouthRollUpper": 0.3},
    "AU25": {"mouthLowerDown": 0.6, "mouthUpperUp": 0.3},
    "AU26": {"jawOpen": 0.6},
    "AU28": {"mouthRollLower": 0.9, "mouthRollUpper": 0.9},
    "AU45": {"eyeBlink": 1.0},
}

ACTION_UNITS: tuple[str, ...] = tuple(AU_TO_ARKIT)

# The nearest of these for other units that expressions and measurements name: lips pressed for lips tightened,
# mouth stretched open for jaw dropped, eyes closed for a blink that stays, lower lip down for lips parted.
NEAREST_UNITS: Mapping[str, str] = {
    "AU16": "AU25",
    "AU24": "AU23",
    "AU27": "AU26",
    "AU43": "AU45",
}

AU_LABELS: Mapping[str, str] = {
    "AU01": "Inner Brow Raiser",
    "AU02": "Outer Brow Raiser",
    "AU04": "Brow Lowerer",
    "AU05": "Upper Lid Raiser",
    "AU06": "Cheek Raiser",
    "AU07": "Lid Tightener",
    "AU09": "Nose Wrinkler",
    "AU10": "Upper Lip Raiser",
    "AU12": "Lip Corner Puller",
    "AU14": "Dimpler",
    "AU15": "Lip Corner Depressor",
    "AU17": "Chin Raiser",
    "AU20": "Lip Stretcher",
    "AU23": "Lip Tightener",
    "AU25": "Lips Part",
    "AU26": "Jaw Drop",
    "AU28": "Lip Suck",
    "AU45": "Blink",
}
