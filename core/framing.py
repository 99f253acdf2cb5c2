"""How large a head stands in the picture of a camera that is made for it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Framing:
    """From crown to chin the head takes `head_part` of the height; `crown_margin` of it lies above."""

    head_part: float
    crown_margin: float


FRAMINGS = {
    "close-up": Framing(0.86, 0.03),
    "portrait": Framing(0.64, 0.12),
    "medium": Framing(0.36, 0.20),
}
USUAL_FRAMING = "portrait"
