"""Cameras around a head: where they stand, what they look at, and their calibration."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ...core.camera import look_at

TARGET_M = (0.0, -0.045, -0.055)
FACE_M, MOUTH_M, EYES_M = (0.0, -0.035, 0.0), (0.0, -0.068, 0.0), (0.0, 0.0, 0.0)
DISTANCE_M = 0.95


@dataclass(frozen=True)
class View:
    """A camera that looks at `target_m` from an azimuth (to the person's left) and a height."""

    turn_deg: float
    rise_deg: float
    zoom: float = 1.0
    target_m: tuple[float, float, float] = TARGET_M


@dataclass(frozen=True)
class ReferenceQuality:
    """Size and samples of the reference pictures."""

    size_px: int = 512
    samples: int = 24
    focal_sizes: float = 2.55  # focal length in picture widths


def camera_around(
    turn_deg: float,
    quality: ReferenceQuality,
    rise_deg: float = 0.0,
    zoom: float = 1.0,
    target_m: tuple[float, float, float] = TARGET_M,
) -> tuple[np.ndarray, np.ndarray]:
    """OpenCV view matrix [4, 4] and intrinsics [3, 3]; positive turns go to the person's left."""
    turn, rise = np.radians([turn_deg, rise_deg])
    out = np.array([np.sin(turn) * np.cos(rise), np.sin(rise), np.cos(turn) * np.cos(rise)])
    target = np.asarray(target_m)
    place = target + DISTANCE_M * out
    viewmat = look_at(place, target, np.array([0.0, 1.0, 0.0]))
    focal, middle = zoom * quality.focal_sizes * quality.size_px, quality.size_px / 2
    k = np.array([[focal, 0.0, middle], [0.0, focal, middle], [0.0, 0.0, 1.0]])
    return viewmat, k
