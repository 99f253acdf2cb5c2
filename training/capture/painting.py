"""What a person's surfaces are painted with: colours and marks, as plain numbers."""

from __future__ import annotations

from dataclasses import dataclass

Rgb = tuple[float, float, float]
KNITS = ("rib", "jersey", "heather", "stripes")


@dataclass(frozen=True)
class Painting:
    """Choices of one person; colours are linear, amounts 0 (none) to about 1 (much)."""

    lip_blood: float = 1.0
    lipstick: Rgb = (0.30, 0.05, 0.06)
    lipstick_strength: float = 0.0
    blush: float = 0.6
    freckles: float = 0.0
    moles: int = 4
    age_spots: float = 0.0
    under_eye: float = 0.5
    wrinkles: float = 0.0
    pores: float = 1.0
    oil: float = 0.5
    mottling: float = 1.0
    stubble: float = 0.0
    # Of the irises: collarette, body and rim.
    iris: tuple[Rgb, Rgb, Rgb] = (
        (0.170, 0.098, 0.042),
        (0.098, 0.096, 0.066),
        (0.024, 0.027, 0.026),
    )
    pupil_share: float = 0.34
    sclera: Rgb = (0.64, 0.585, 0.555)
    veins: float = 0.5
    wet: float = 1.0  # how much of the studio's light mirrors in the eye
    teeth: Rgb = (0.70, 0.645, 0.555)
    tongue: Rgb = (0.52, 0.205, 0.190)
    shirt: Rgb = (0.030, 0.037, 0.052)
    shirt_second: Rgb = (0.2, 0.2, 0.2)
    knit: str = "rib"
    ribs: float = 330.0
