"""What an actor is asked to show while speaking: intensities of Action Units over the sound's time."""

from __future__ import annotations

import math
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
from jaxtyping import Float32

from ..errors import TrackError
from ..spaces import ACTION_UNITS
from ..spaces.facs import MAX_INTENSITY


@dataclass(frozen=True, eq=False)
class ActingDirection:
    """Intensities `[T, 18]` (0 to 5, order of `ACTION_UNITS`) of what is acted beside the speech.

    Row `t` lies at `start_sec + t / fps` seconds of the sound that is performed; before and after the rows the
    first and the last one hold. All zeros ask for plain speech. After Chang et al. 2025 (arXiv 2509.19749), where
    Action Units per frame take the place of emotion labels.
    """

    intensities: Float32[np.ndarray, "T 18"]
    fps: Fraction
    start_sec: float = 0.0

    def __post_init__(self) -> None:
        shape = self.intensities.shape
        if len(shape) != 2 or shape[1] != len(ACTION_UNITS) or not shape[0]:
            raise TrackError(
                f"The acting direction has shape {shape}: give frames by {len(ACTION_UNITS)} Action Units."
            )
        if not (np.isfinite(self.intensities).all() and math.isfinite(self.start_sec)):
            raise TrackError(
                "The acting direction holds numbers that are not finite: set its Action Units and its "
                "start again."
            )
        if self.fps <= 0:
            raise TrackError(f"The acting direction's rate is {self.fps}: it must be positive.")

    @classmethod
    def constant(cls, **intensities: float | int) -> ActingDirection:
        """Units that are held from beginning to end, by name: `constant(AU12=3.0)`."""
        row = np.zeros((1, len(ACTION_UNITS)), np.float32)
        for name, intensity in intensities.items():
            if name not in ACTION_UNITS:
                known = ", ".join(ACTION_UNITS)
                raise TrackError(f"There is no Action Unit '{name}': choose of {known}.")
            row[0, ACTION_UNITS.index(name)] = intensity
        return cls(row, Fraction(1))

    @property
    def is_plain(self) -> bool:
        """Whether nothing is asked for but speech."""
        return not (self.intensities > 0).any()

    def at(self, times_sec: np.ndarray) -> Float32[np.ndarray, "N 18"]:
        """Intensities within 0 to 5 at times (s) of the sound, between rows on a line."""
        rows = np.clip(
            (np.asarray(times_sec, np.float64) - self.start_sec) * float(self.fps),
            0.0,
            len(self.intensities) - 1,
        )
        below = np.minimum(rows.astype(np.int64), max(len(self.intensities) - 2, 0))
        above = np.minimum(below + 1, len(self.intensities) - 1)
        share = (rows - below)[:, None].astype(np.float32)
        mixed = (1 - share) * self.intensities[below] + share * self.intensities[above]
        return np.clip(mixed, 0.0, np.float32(MAX_INTENSITY)).astype(np.float32)
