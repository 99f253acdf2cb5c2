"""How a line is delivered, as far as the face is concerned."""

from __future__ import annotations

import math
from dataclasses import dataclass

from ..errors import AudioError

MAX_ARTICULATION = 2.0
MAX_BLINKS_PER_MIN = 60.0


@dataclass(frozen=True)
class SpeechStyle:
    """Settings of one analysis; strengths of whole layers belong to the track instead.

    `articulation` scales every mouth weight (closures stay closed, because `mouthClose` scales with
    the jaw it closes). `blinks_per_min` is the mean rate; about 17 at rest, 26 in conversation and 4
    to 5 when reading (Bentivoglio et al. 1997). 0 means no blinks.
    """

    articulation: float | int = 1.0
    blinks_per_min: float | int = 19.0

    def __post_init__(self) -> None:
        for name, limit in (
            ("articulation", MAX_ARTICULATION),
            ("blinks_per_min", MAX_BLINKS_PER_MIN),
        ):
            value = getattr(self, name)
            if not (math.isfinite(value) and 0 <= value <= limit):
                raise AudioError(f"The style's {name} is {value}: give 0 to {limit:g}.")
