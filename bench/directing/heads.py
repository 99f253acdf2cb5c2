"""Heads whose landmarks are measured, and the Action Units that are read off them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from gaussian_heads.core.assets import avatar_path
from gaussian_heads.core.avatar import Avatar
from gaussian_heads.core.measure import (
    INNER_LOWER,
    INNER_UPPER,
    LOWER_LIDS,
    UPPER_LIDS,
    measure_landmarks,
)
from gaussian_heads.core.monocular.action_units import fitted_units
from gaussian_heads.core.spaces import ACTION_UNITS, au_to_arkit
from lipsync.curves import Curves

INNER_BROWS, OUTER_BROWS = (21, 22), (17, 18, 25, 26)
CHEEKS, NOSE_WINGS, CORNERS = (2, 3, 13, 14), (31, 35), (48, 54)
UPPER_LIP, CHIN, LIPS_MIDDLE = (50, 51, 52), (7, 8, 9), (62, 66)


@dataclass(frozen=True)
class BenchHead:
    """A decoded head, its landmarks being linear in ARKit weights: what its decoder says of each weight."""

    name: str
    neutral: np.ndarray  # [68, 3] m
    moves: np.ndarray  # [52, 68, 3] m
    contact_mm: float

    @classmethod
    def open(cls, reference: str) -> BenchHead:
        """Decode the landmarks of every control of an avatar; raises where they are not linear."""
        avatar = Avatar.open(avatar_path(reference))
        offsets = avatar.control_offsets("arkit52")
        neutral = avatar.landmarks(np.zeros(avatar.code_dim, np.float32))
        moves = np.stack([avatar.landmarks(row) - neutral for row in offsets])
        head = cls(avatar.name, neutral, moves, avatar.lip_contact_offset_mm)
        probe = np.random.default_rng(0).uniform(0, 0.5, (1, len(offsets))).astype(np.float32)
        off_m = np.abs(head.points(probe)[0] - avatar.landmarks((probe @ offsets)[0])).max()
        if off_m > 1e-5:
            raise ValueError(f"Landmarks of '{avatar.name}' are {1000 * off_m:.2f} mm off a line.")
        return head

    def points(self, weights: np.ndarray) -> np.ndarray:
        """Landmarks `[T, 68, 3]` (m) for weights `[T, 52]`."""
        return (self.neutral + np.tensordot(weights, self.moves, 1)).astype(np.float32)

    def curves(self, weights: np.ndarray, rate_hz: float) -> Curves:
        """Lip gap and mouth width over time."""
        columns = measure_landmarks(self.points(weights), self.neutral, self.contact_mm)
        times_sec = (np.arange(len(weights)) + 0.5) / rate_hz
        return Curves(
            times_sec, *(columns[n].astype(np.float64) for n in ("lip_gap", "mouth_width"))
        )

    def units(self, weights: np.ndarray) -> np.ndarray:
        """Intensities `[T, 18]` of the units whose shapes come closest to where the landmarks went."""
        moved_mm = 1000.0 * (self.points(weights) - self.neutral)
        shapes_mm = 1000.0 * np.tensordot(au_to_arkit(), self.moves, 1)
        return fitted_units(
            moved_mm.reshape(len(moved_mm), -1), shapes_mm.reshape(len(shapes_mm), -1)
        )

    def signs(self, weights: np.ndarray) -> np.ndarray:
        """What FACS says one sees of each unit, in millimetres of single landmarks `[T, 18]`: no fit to any shape."""
        points = 1000.0 * (self.points(weights) - self.neutral)
        return np.stack([SIGNS[unit](points) for unit in ACTION_UNITS], 1)


def _up(points: np.ndarray, chosen: tuple[int, ...]) -> np.ndarray:
    return points[:, chosen, 1].mean(1)


def _apart(points: np.ndarray, upper: tuple[int, ...], lower: tuple[int, ...]) -> np.ndarray:
    return _up(points, upper) - _up(points, lower)


def _outwards(points: np.ndarray, right: int, left: int) -> np.ndarray:
    return points[:, left, 0] - points[:, right, 0]


def _thickness(points: np.ndarray) -> np.ndarray:
    upper = _apart(points, UPPER_LIP, INNER_UPPER)
    return upper + _apart(points, INNER_LOWER, (56, 57, 58))


SIGNS = {
    "AU01": lambda p: _up(p, INNER_BROWS),
    "AU02": lambda p: _up(p, OUTER_BROWS),
    "AU04": lambda p: -_outwards(p, 20, 23) - _outwards(p, 21, 22),
    "AU05": lambda p: _up(p, UPPER_LIDS),
    "AU06": lambda p: _up(p, CHEEKS),
    "AU07": lambda p: _up(p, LOWER_LIDS),
    "AU09": lambda p: _up(p, NOSE_WINGS),
    "AU10": lambda p: _up(p, UPPER_LIP),
    "AU12": lambda p: _up(p, CORNERS) + 0.5 * _outwards(p, *CORNERS),
    "AU14": lambda p: -p[:, CORNERS, 2].mean(1),
    "AU15": lambda p: -_up(p, CORNERS),
    "AU17": lambda p: _up(p, CHIN),
    "AU20": lambda p: _outwards(p, *CORNERS),
    "AU23": lambda p: -_thickness(p),
    "AU25": lambda p: _apart(p, INNER_UPPER, INNER_LOWER),
    "AU26": lambda p: -_up(p, CHIN),
    "AU28": lambda p: -p[:, LIPS_MIDDLE, 2].mean(1),
    "AU45": lambda p: -_apart(p, UPPER_LIDS, LOWER_LIDS),
}
"""What is seen of a unit: millimetres `[T]` from displaced landmarks `[T, 68, 3]` after the FACS manual."""
