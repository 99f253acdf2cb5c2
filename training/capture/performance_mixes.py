"""Made-up expressions: combinations of mouth, brows and eyes, emotions in FACS units, gaze and blinks."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from ...core.spaces import ACTION_UNITS, ARKIT_INDEX, arkit_vector, au_to_arkit
from ...core.spaces.facs import MAX_INTENSITY

Pose = Mapping[str, float]

MOUTHS: tuple[Pose, ...] = (
    {"jawOpen": 0.85},
    {"jawOpen": 0.9, "mouthStretch": 0.35, "mouthLowerDown": 0.4},
    {"mouthSmile": 0.95, "mouthDimple": 0.3},
    {"mouthSmile": 0.85, "mouthUpperUp": 0.5, "mouthLowerDown": 0.45, "jawOpen": 0.2},
    {"mouthPucker": 1.0, "mouthFunnel": 0.2},
    {"mouthFunnel": 0.95, "jawOpen": 0.4},
    {"mouthFrown": 0.9, "mouthShrugLower": 0.5},
    {"mouthShrugLower": 0.9, "mouthPucker": 0.35},
    {"mouthShrugUpper": 0.7, "mouthShrugLower": 0.6},
    {"mouthPress": 0.9, "mouthRollLower": 0.4, "mouthRollUpper": 0.35},
    {"mouthRollLower": 0.9, "mouthRollUpper": 0.8, "jawOpen": 0.15},
    {"mouthRollLower": 0.8, "mouthUpperUp": 0.4, "jawOpen": 0.12},
    {"tongueOut": 0.9, "jawOpen": 0.3},
    {"cheekPuff": 1.0, "mouthPucker": 0.25},
    {"mouthStretch": 0.9, "mouthLowerDown": 0.6, "jawOpen": 0.15},
    {"jawOpen": 0.6, "mouthClose": 0.6},
    {"mouthUpperUp": 0.85, "mouthLowerDown": 0.85, "jawOpen": 0.08},
    {"mouthLeft": 0.9, "mouthSmileLeft": 0.4},
    {"mouthRight": 0.9, "mouthSmileRight": 0.4},
    {"jawLeft": 0.8, "jawOpen": 0.3},
    {"jawRight": 0.8, "jawOpen": 0.3},
    {"jawForward": 0.9, "mouthLowerDown": 0.5, "jawOpen": 0.1},
    {"mouthDimple": 0.9, "mouthPress": 0.3},
    {"noseSneer": 0.9, "mouthUpperUp": 0.6, "mouthFrown": 0.3},
)
UPPER_FACES: tuple[Pose, ...] = (
    {},
    {"browInnerUp": 0.9, "browOuterUp": 0.9},
    {"browDown": 0.95, "eyeSquint": 0.3},
    {"browInnerUp": 0.9, "browDown": 0.4},
    {"eyeWide": 0.95, "browOuterUp": 0.6, "browInnerUp": 0.5},
    {"eyeSquint": 0.9, "cheekSquint": 0.7},
    {"eyeBlink": 1.0},
    {"eyeBlink": 0.5},
    {"browOuterUpLeft": 0.95, "browDownRight": 0.5},
    {"browOuterUpRight": 0.95, "browDownLeft": 0.5},
    {"browDown": 0.8, "noseSneer": 0.7},
    {"cheekSquint": 0.9},
)
# Units at their full intensity; Ekman, Friesen and Hager's prototypes and common variants of them.
EMOTIONS: Mapping[str, Mapping[str, float]] = {
    "happiness": {"AU06": 4.0, "AU12": 4.5},
    "laughter": {"AU06": 4.5, "AU12": 4.5, "AU25": 4.0, "AU26": 4.0, "AU07": 2.0},
    "sadness": {"AU01": 4.5, "AU04": 2.5, "AU15": 4.0, "AU17": 2.5},
    "surprise": {"AU01": 4.5, "AU02": 4.5, "AU05": 3.5, "AU26": 4.5},
    "fear": {"AU01": 4.5, "AU02": 2.5, "AU04": 2.5, "AU05": 4.5, "AU20": 4.0, "AU26": 2.5},
    "anger": {"AU04": 5.0, "AU05": 2.0, "AU07": 3.0, "AU23": 4.0},
    "rage": {"AU04": 5.0, "AU09": 3.5, "AU10": 4.0, "AU25": 4.5, "AU26": 3.0},
    "disgust": {"AU09": 4.5, "AU10": 3.0, "AU15": 2.5, "AU17": 2.5},
    "contempt": {"AU12": 2.5, "AU14": 4.0, "AU02": 1.5},
    "pain": {"AU04": 4.5, "AU06": 4.0, "AU07": 4.0, "AU09": 3.0, "AU10": 3.0, "AU20": 2.5},
    "doubt": {"AU02": 4.0, "AU17": 3.5, "AU15": 2.0},
    "thought": {"AU04": 3.0, "AU07": 2.5, "AU28": 3.0},
}
# Mixed feelings that training never sees.
HELD_OUT_EMOTIONS: Mapping[str, Mapping[str, float]] = {
    "glad surprise": {"AU01": 3.5, "AU02": 3.5, "AU12": 4.0, "AU25": 3.5, "AU26": 3.5},
    "bitter smile": {"AU12": 3.0, "AU15": 2.5, "AU04": 2.0, "AU01": 2.5},
    "horror": {"AU01": 4.0, "AU04": 3.0, "AU05": 4.0, "AU10": 3.0, "AU20": 3.0, "AU26": 4.0},
    "embarrassment": {"AU12": 3.0, "AU23": 3.0, "AU06": 2.0, "AU45": 1.5},
    "indignation": {"AU02": 2.0, "AU04": 3.5, "AU09": 2.5, "AU17": 3.5, "AU23": 2.0},
    "weeping": {"AU01": 4.0, "AU04": 3.5, "AU06": 3.0, "AU07": 3.0, "AU20": 3.0, "AU25": 4.0},
}
ONE_SIDED_UNITS = ("AU02", "AU10", "AU12", "AU14", "AU15")
ONE_SIDED_SHARE, SIDE_SPREAD = 0.3, 0.12
# Full gaze weights: about 32 degrees sideways and 25 up or down.
GAZE_SPREAD, VERGENCE, MAX_VERGENCE = 0.85, 0.1, 0.2


def combination(rng: np.random.Generator) -> np.ndarray:
    """A mouth, an upper face and now and then a look aside, each at its own strength, [52]."""
    mouth = MOUTHS[rng.integers(len(MOUTHS))]
    upper = UPPER_FACES[rng.integers(len(UPPER_FACES))]
    weights = uneven(arkit_vector(mouth) * np.float32(rng.uniform(0.4, 1.0)), rng)
    weights = np.maximum(weights, uneven(arkit_vector(upper) * rng.uniform(0.5, 1.0), rng))
    if rng.random() < 0.4:
        weights = np.maximum(weights, look(rng))
    return weights


def emotion(rng: np.random.Generator, is_held_out: bool) -> np.ndarray:
    """An emotion by its action units at a random intensity [52]; held-out ones are feelings apart."""
    prototypes = tuple((HELD_OUT_EMOTIONS if is_held_out else EMOTIONS).values())
    units = prototypes[rng.integers(len(prototypes))]
    intensity = rng.uniform(0.35, 1.05)
    table = au_to_arkit()
    weights = np.zeros(table.shape[1], np.float32)
    for unit, value in units.items():
        felt = min(value * intensity * rng.uniform(0.75, 1.15), MAX_INTENSITY)
        shape = uneven(np.float32(felt) * table[ACTION_UNITS.index(unit)], rng, SIDE_SPREAD)
        if unit in ONE_SIDED_UNITS and rng.random() < 0.2:
            shape = uneven(shape, rng, 1.0)
        weights = weights + shape
    if rng.random() < 0.35:
        weights = np.maximum(weights, look(rng))
    return weights


def gaze(rng: np.random.Generator) -> np.ndarray:
    """Eyes that look somewhere, blink, half blink or wink, [52]."""
    weights = look(rng) if rng.random() < 0.75 else np.zeros(len(ARKIT_INDEX), np.float32)
    action = rng.random()
    if action < 0.3:
        weights = np.maximum(weights, arkit_vector({"eyeBlink": rng.uniform(0.25, 0.75)}))
    elif action < 0.45:
        weights = np.maximum(weights, uneven(arkit_vector({"eyeBlink": 1.0}), rng, 0.04))
    elif action < 0.6:
        side = ("Left", "Right")[rng.integers(2)]
        wink = {f"eyeBlink{side}": rng.uniform(0.8, 1.0), f"cheekSquint{side}": 0.5}
        weights = np.maximum(weights, arkit_vector(wink))
    elif action < 0.75:
        weights = np.maximum(weights, arkit_vector({"eyeWide": rng.uniform(0.3, 0.9)}))
    elif action < 0.9:
        weights = np.maximum(weights, arkit_vector({"eyeSquint": rng.uniform(0.3, 0.9)}))
    return weights


def look(rng: np.random.Generator) -> np.ndarray:
    """Both eyes turned the same way, a little crossed now and then as for a near thing, [52]."""
    turn, rise = rng.uniform(-GAZE_SPREAD, GAZE_SPREAD, 2)
    crossing = np.clip(rng.normal(0.0, VERGENCE), 0.0, MAX_VERGENCE)
    return arkit_vector(
        {
            "eyeLookOutLeft": max(turn - crossing, 0.0),
            "eyeLookInLeft": max(crossing - turn, 0.0),
            "eyeLookInRight": max(turn + crossing, 0.0),
            "eyeLookOutRight": max(-turn - crossing, 0.0),
            "eyeLookUp": max(rise, 0.0),
            "eyeLookDown": max(-rise, 0.0),
        }
    )


def uneven(
    weights: np.ndarray, rng: np.random.Generator, spread: float | None = None
) -> np.ndarray:
    """The weights with left and right a little apart; without `spread` often far apart."""
    if spread is None:
        spread = 0.9 if rng.random() < ONE_SIDED_SHARE else SIDE_SPREAD
    weaker = ("Left", "Right")[rng.integers(2)]
    factor = np.float32(1.0 - rng.uniform(0.0, spread))
    # Directions (jawLeft, mouthRight, a glance) have no other side to differ from.
    kept = {"jawLeft", "jawRight", "mouthLeft", "mouthRight"}
    scale = [
        factor if name.endswith(weaker) and name not in kept else np.float32(1.0)
        for name in ARKIT_INDEX
    ]
    return (weights * np.array(scale, np.float32)).astype(np.float32)
