"""What a face can do at once: keeps mixes of ARKit weights anatomically possible.

ICT-FaceKit adds its expressions without any limit: lips driven by four controls at once leave the face, lids
closed by three pass through each other. Opposites cancel here, and what moves the same part in the same
direction is scaled down together.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from jaxtyping import Float32

from ...core.spaces import ARKIT_INDEX

# The weaker one of a pair gives way by `share` of the stronger one; 1 makes them exclude each other.
OPPOSITES: tuple[tuple[str, str, float], ...] = (
    ("eyeLookUp", "eyeLookDown", 1.0),
    ("eyeLookIn", "eyeLookOut", 1.0),
    ("eyeBlink", "eyeWide", 1.0),
    ("eyeBlink", "eyeLookUp", 0.6),
    ("eyeSquint", "eyeWide", 0.8),
    ("jawLeft", "jawRight", 1.0),
    ("mouthLeft", "mouthRight", 1.0),
    ("mouthSmile", "mouthFrown", 0.7),
    ("mouthSmile", "mouthPucker", 0.7),
    ("mouthStretch", "mouthPucker", 0.9),
    ("mouthStretch", "mouthFunnel", 0.6),
    ("mouthPress", "mouthFunnel", 0.8),
    ("mouthPress", "mouthUpperUp", 0.9),
    ("mouthPress", "mouthLowerDown", 0.9),
    ("mouthRollLower", "mouthLowerDown", 0.8),
    ("mouthRollUpper", "mouthUpperUp", 0.8),
    ("mouthRollLower", "mouthFunnel", 0.8),
    ("mouthRollUpper", "mouthFunnel", 0.8),
    ("mouthRollLower", "mouthShrugLower", 0.6),
    ("mouthShrugLower", "mouthLowerDown", 0.8),
    ("cheekPuff", "jawOpen", 0.9),
    ("cheekPuff", "mouthFunnel", 0.7),
    ("cheekPuff", "mouthStretch", 0.8),
    ("cheekPuff", "mouthSmile", 0.6),
    ("browDown", "browOuterUp", 0.8),
    ("browDown", "browInnerUp", 0.5),
)
# What moves one part the same way: the weighted sum stays below the limit. Names without a side hold for
# each side by itself.
LIMITS: tuple[tuple[Mapping[str, float], float], ...] = (
    ({"eyeBlink": 1.0, "eyeSquint": 0.35, "eyeLookDown": 0.3}, 1.0),
    ({"mouthSmile": 1.0, "mouthStretch": 0.7, "mouthDimple": 0.6}, 1.2),
    ({"mouthPucker": 1.0, "mouthFunnel": 0.8}, 1.15),
    ({"mouthUpperUp": 1.0, "noseSneer": 0.5, "mouthShrugUpper": 0.6}, 1.1),
    ({"jawOpen": 1.0, "mouthLowerDown": 0.35, "mouthFunnel": 0.2, "mouthStretch": 0.2}, 1.2),
    ({"mouthShrugLower": 1.0, "mouthRollLower": 0.6, "mouthPress": 0.5}, 1.1),
    ({"mouthFrown": 1.0, "mouthShrugLower": 0.4, "mouthStretch": 0.5}, 1.15),
    ({"cheekSquint": 1.0, "mouthSmile": 0.4, "noseSneer": 0.3}, 1.25),
    ({"jawLeft": 1.0, "mouthLeft": 0.6, "jawOpen": 0.4}, 1.1),
    ({"jawRight": 1.0, "mouthRight": 0.6, "jawOpen": 0.4}, 1.1),
)
# Lips that press, roll in or hold air are closed: the jaw opens no further than this.
CLOSED_LIPS, CLOSED_JAW = ("mouthPress", "mouthRollLower", "mouthRollUpper", "cheekPuff"), 0.45
# A tongue needs an open mouth: `tongueOut` itself lowers the jaw by 0.3, and no closure goes with it.
TONGUE_EXCLUDES = ("mouthClose", "mouthPress", "mouthRollLower", "mouthRollUpper", "cheekPuff")


def plausible(controls: np.ndarray) -> Float32[np.ndarray, " 52"]:
    """The nearest sensible weights to `controls` [52]: 0 to 1, opposites apart, sums within limits."""
    weights = np.clip(np.asarray(controls, np.float32), 0.0, 1.0)
    for first, second, share in OPPOSITES:
        for a, b in _sided(first, second):
            weaker, stronger = (a, b) if weights[a] < weights[b] else (b, a)
            weights[weaker] = max(weights[weaker] - share * weights[stronger], 0.0)
    for index in _every(*TONGUE_EXCLUDES):
        weights[index] *= 1.0 - weights[ARKIT_INDEX["tongueOut"]]
    closed = max(float(weights[index]) for index in _every(*CLOSED_LIPS))
    jaw, close = ARKIT_INDEX["jawOpen"], ARKIT_INDEX["mouthClose"]
    weights[jaw] = min(weights[jaw], 1.0 - (1.0 - CLOSED_JAW) * closed)
    for members, limit in LIMITS:
        _keep_below(weights, members, limit)
    weights[close] = min(weights[close], weights[jaw])
    return weights


def _keep_below(weights: np.ndarray, members: Mapping[str, float], limit: float) -> None:
    for indices in _sided(*members):
        total = float(np.dot(weights[list(indices)], list(members.values())))
        if total > limit:
            weights[list(indices)] *= limit / total


def _sided(*names: str) -> list[tuple[int, ...]]:
    """Indices of `names` on each side, or once where none of them has sides."""
    if all(name in ARKIT_INDEX for name in names):
        return [tuple(ARKIT_INDEX[name] for name in names)]
    return [
        tuple(ARKIT_INDEX.get(name, ARKIT_INDEX.get(name + side, -1)) for name in names)
        for side in ("Left", "Right")
    ]


def _every(*names: str) -> list[int]:
    return sorted({index for name in names for indices in _sided(name) for index in indices})
