"""How a line is delivered, as far as the face is concerned."""

from __future__ import annotations

import math
from dataclasses import dataclass

from ..errors import AudioError

MAX_ARTICULATION = 2.0
MAX_BLINKS_PER_MIN = 60.0
MAX_AMOUNT = 2.0
MAX_SMOOTHING_MS = 200.0
MAX_SYNC_MS = 500.0

# The least and the greatest value of each field of a style.
STYLE_LIMITS = {
    "articulation": (0.0, MAX_ARTICULATION),
    "effort": (0.0, MAX_AMOUNT),
    "jaw": (0.0, MAX_AMOUNT),
    "lips": (0.0, MAX_AMOUNT),
    "rounding": (0.0, MAX_AMOUNT),
    "smoothing_ms": (0.0, MAX_SMOOTHING_MS),
    "sync_ms": (-MAX_SYNC_MS, MAX_SYNC_MS),
    "blinks_per_min": (0.0, MAX_BLINKS_PER_MIN),
    "gaze": (0.0, MAX_AMOUNT),
    "brows": (0.0, MAX_AMOUNT),
    "head": (0.0, MAX_AMOUNT),
    "liveliness": (0.0, MAX_AMOUNT),
}


@dataclass(frozen=True)
class SpeechStyle:
    """Settings of one performance; strengths of whole layers belong to the track instead.

    Only `effort` takes part in hearing the sound; all others shape what was heard (`HeardSpeech.perform`).

    `articulation` scales every mouth weight (closures stay closed, because `mouthClose` scales with
    the jaw it closes). `effort` says how far a louder voice moves the mouth further: 0 not at all. `jaw`,
    `lips` and `rounding` scale parts of the mouth: how far the jaw opens, how far lips part, spread and
    touch the teeth, and how far they purse. Lips that close on p, b and m close whatever the four are.

    `smoothing_ms` averages the mouth over about as long, without a delay and without opening lips that
    touch. `sync_ms` shows the whole face that much later than the sound, earlier where it is negative.

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
    smoothing_ms: float | int = 0.0
    sync_ms: float | int = 0.0
    blinks_per_min: float | int = 19.0
    gaze: float | int = 1.0
    brows: float | int = 1.0
    head: float | int = 1.0
    liveliness: float | int = 1.0

    def __post_init__(self) -> None:
        for name, (least, most) in STYLE_LIMITS.items():
            value = getattr(self, name)
            if not (math.isfinite(value) and least <= value <= most):
                raise AudioError(f"The style's {name} is {value}: give {least:g} to {most:g}.")
