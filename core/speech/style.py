"""How a line is delivered, as far as the face is concerned."""

from __future__ import annotations

import math
from dataclasses import dataclass

from ..errors import AudioError

MAX_ARTICULATION = 2.0
MAX_BLINKS_PER_MIN = 60.0
MAX_AMOUNT = 2.0

# The greatest value of each field of a style; 0 is the least of all.
STYLE_LIMITS = {
    "articulation": MAX_ARTICULATION,
    "effort": MAX_AMOUNT,
    "jaw": MAX_AMOUNT,
    "lips": MAX_AMOUNT,
    "rounding": MAX_AMOUNT,
    "blinks_per_min": MAX_BLINKS_PER_MIN,
    "gaze": MAX_AMOUNT,
    "brows": MAX_AMOUNT,
    "head": MAX_AMOUNT,
    "liveliness": MAX_AMOUNT,
}


@dataclass(frozen=True)
class SpeechStyle:
    """Settings of one analysis; strengths of whole layers belong to the track instead.

    `articulation` scales every mouth weight (closures stay closed, because `mouthClose` scales with
    the jaw it closes). `effort` says how far a louder voice moves the mouth further: 0 not at all. `jaw`,
    `lips` and `rounding` scale parts of the mouth: how far the jaw opens, how far lips part, spread and
    touch the teeth, and how far they purse. Lips that close on p, b and m close whatever the four are.

    `blinks_per_min` is the mean rate; about 17 at rest, 26 in conversation and 4
    to 5 when reading (Bentivoglio et al. 1997). 0 means no blinks.

    `gaze`, `brows` and `head` say how far eyes, brows and head move by themselves; 1 is a person in
    conversation, 0 keeps them still. `liveliness` says how often they do: glances aside, raises and nods.
    """

    articulation: float | int = 1.0
    effort: float | int = 1.0
    jaw: float | int = 1.0
    lips: float | int = 1.0
    rounding: float | int = 1.0
    blinks_per_min: float | int = 19.0
    gaze: float | int = 1.0
    brows: float | int = 1.0
    head: float | int = 1.0
    liveliness: float | int = 1.0

    def __post_init__(self) -> None:
        for name, limit in STYLE_LIMITS.items():
            value = getattr(self, name)
            if not (math.isfinite(value) and 0 <= value <= limit):
                raise AudioError(f"The style's {name} is {value}: give 0 to {limit:g}.")
