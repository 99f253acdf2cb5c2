"""The studio's lights: a soft dome, a warm key, a weak fill and a cool rim."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Lamp:
    """A square area light."""

    place: tuple[float, float, float]
    target: tuple[float, float, float]
    side_m: float
    power_w: float
    colour: tuple[float, float, float]


DOME_COLOUR = (0.46, 0.475, 0.50)
# The dome's floor and ceiling; what comes from below is warmer.
FLOOR_COLOUR = (0.27, 0.25, 0.235)
CEILING_COLOUR = (0.575, 0.594, 0.625)
KEY = Lamp((0.50, 0.55, 0.90), (0.0, -0.02, 0.0), 0.60, 9.0, (1.0, 0.95, 0.885))
FILL = Lamp((-0.75, 0.05, 0.80), (0.0, -0.04, 0.0), 0.80, 2.2, (0.95, 0.97, 1.0))
RIM = Lamp((-0.75, 0.40, -0.70), (0.0, 0.0, -0.05), 0.50, 8.5, (0.92, 0.96, 1.0))
LAMPS = (KEY, FILL, RIM)
