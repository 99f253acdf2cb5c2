"""Expressions of the face as acting directions: what is held while speaking, with an onset and an end."""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np

from ..errors import TrackError
from ..spaces import ACTION_UNITS
from ..speech.curves import ease
from .direction import ActingDirection
from .expressions import direction_units


def expression_direction(
    name: str,
    duration_sec: float | int,
    fps: Fraction,
    *,
    intensity: float | int = 1.0,
    onset_sec: float | int = 0.4,
    offset_sec: float | int = 0.5,
) -> ActingDirection:
    """The expression `name` from second 0 on: it comes in `onset_sec`, holds, and is gone at `duration_sec`.

    Both ways follow the path of least jerk; where the time is too short for them, they share it in proportion.
    """
    if not (math.isfinite(duration_sec) and duration_sec > 0):
        raise TrackError(
            f"The expression '{name}' lasts {duration_sec} s: give it a positive duration."
        )
    if min(onset_sec, offset_sec) < 0:
        raise TrackError(
            f"The expression '{name}' comes in {onset_sec} s and goes in {offset_sec} s: "
            "neither may be negative."
        )
    shrink = min(1.0, duration_sec / max(onset_sec + offset_sec, 1e-9))
    onset_sec, offset_sec = max(onset_sec * shrink, 1e-9), max(offset_sec * shrink, 1e-9)
    times_sec = np.arange(math.ceil(duration_sec * fps) + 1) / float(fps)
    envelope = ease(times_sec / onset_sec) * ease((duration_sec - times_sec) / offset_sec)
    units = direction_units(name, intensity)
    row = np.array([units.get(unit, 0.0) for unit in ACTION_UNITS])
    return ActingDirection((envelope[:, None] * row).astype(np.float32), fps)
