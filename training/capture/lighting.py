"""Light rigs of the studio: the portrait lamps of the built-in head, and a capture dome."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

Triple = tuple[float, float, float]


@dataclass(frozen=True)
class Lamp:
    """A square area light."""

    place: Triple
    target: Triple
    side_m: float
    power_w: float
    colour: Triple


@dataclass(frozen=True)
class CatchLight:
    """A soft square panel that is painted as a reflection on the corneas."""

    place: Triple
    half_width_rad: float
    strength: float  # linear radiance that it adds
    softness: float = 0.25  # share of the half width over which its edge fades


@dataclass(frozen=True)
class Rig:
    """A dome between the linear radiances `floor` and `ceiling`, lamps, and the light in the eyes."""

    name: str
    floor: Triple
    ceiling: Triple
    lamps: tuple[Lamp, ...]
    catch_light: CatchLight

    def sky(self, height: np.ndarray) -> np.ndarray:
        """Radiance [..., 3] of the dome in directions whose unit vectors rise by `height` [...]."""
        share = np.clip((height - DOME_FROM) / (DOME_TO - DOME_FROM), 0.0, 1.0)[..., None]
        return np.asarray(self.floor) * (1.0 - share) + np.asarray(self.ceiling) * share


# Heights of a direction's unit vector between which the dome goes from floor to ceiling.
DOME_FROM, DOME_TO = -0.7, 0.8
KEY = Lamp((0.50, 0.55, 0.90), (0.0, -0.02, 0.0), 0.60, 9.0, (1.0, 0.95, 0.885))
FILL = Lamp((-0.75, 0.05, 0.80), (0.0, -0.04, 0.0), 0.80, 2.2, (0.95, 0.97, 1.0))
RIM = Lamp((-0.75, 0.40, -0.70), (0.0, 0.0, -0.05), 0.50, 8.5, (0.92, 0.96, 1.0))
# A soft dome (what comes from below is warmer), a warm key, a weak fill and a cool rim.
ADA_RIG = Rig(
    "ada",
    floor=(0.27, 0.25, 0.235),
    ceiling=(0.575, 0.594, 0.625),
    lamps=(KEY, FILL, RIM),
    catch_light=CatchLight(KEY.place, 0.20, 0.75),
)
# Even light from everywhere, so that a face shows its colours and next to no shadows.
DOME_RIG = Rig(
    "dome",
    floor=(0.68, 0.672, 0.665),
    ceiling=(1.10, 1.10, 1.10),
    lamps=(),
    catch_light=CatchLight((0.0, 0.42, 0.9), 0.46, 0.30, softness=0.9),
)
RIGS = {rig.name: rig for rig in (ADA_RIG, DOME_RIG)}
