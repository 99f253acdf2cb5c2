"""Where on the shared mesh the controls are judged: lips, lids, the whole face, and the gap between the lips."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.spatial import cKDTree

from ..core.measure import INNER_LOWER, INNER_UPPER
from .head_regions import EYES, MOUTH
from .networks.prior import UniversalParts

LIPS_M, LIDS_M = 0.008, 0.006
# Vertices further below the eyes or behind them than this are no face.
FACE_BELOW_M, FACE_BEHIND_M = 0.14, 0.07
# Shares of the regions' mean squared errors, and of the squared error of the lip gap.
SHARES = {"face": 1.0, "lips": 2.0, "lids": 1.0}
GAP_SHARE = 4.0


@dataclass(frozen=True)
class Regions:
    """Moving vertices by region, and the landmarks of the inner lips among them."""

    masks: dict[str, np.ndarray]  # [M]
    upper: np.ndarray  # [3] positions among the moving vertices
    lower: np.ndarray  # [3]

    @classmethod
    def of(cls, parts: UniversalParts) -> Regions:
        """Regions of a prior's shared mesh."""
        points = parts.mean_vertices[parts.moving]
        landmarks = parts.topology.landmarks68
        position = np.full(len(parts.mean_vertices), -1)
        position[parts.moving] = np.arange(len(parts.moving))
        corners = parts.mean_vertices[landmarks]
        face = (points[:, 1] > -FACE_BELOW_M) & (points[:, 2] > -FACE_BEHIND_M)
        lids = np.concatenate([corners[eye] for eye in EYES])
        masks = {
            "face": face,
            "lips": face & _near(points, corners[MOUTH], LIPS_M),
            "lids": face & _near(points, lids, LIDS_M),
        }
        upper, lower = (position[landmarks[list(ids)]] for ids in (INNER_UPPER, INNER_LOWER))
        return cls(masks, upper, lower)

    def gap(self, moved: np.ndarray) -> np.ndarray:
        """What offsets `[..., M, 3]` add to the height (same unit) between the inner lips."""
        return (moved[..., self.upper, 1] - moved[..., self.lower, 1]).mean(-1)

    def metric(self, basis: np.ndarray) -> np.ndarray:
        """Matrix `[G, G]` of the squared error (mm²) that an error of the coefficients of `basis` makes."""
        rows = 1e3 * np.asarray(basis, np.float64).reshape(len(basis), -1, 3)
        gap = self.gap(rows)
        total = GAP_SHARE * np.outer(gap, gap)
        for name, mask in self.masks.items():
            region = rows[:, mask].reshape(len(rows), -1)
            total += SHARES[name] / max(mask.sum(), 1) * region @ region.T
        return total

    def errors_mm(self, moved: np.ndarray, wanted: np.ndarray) -> dict[str, np.ndarray]:
        """Mean distance `[F]` (mm) of offsets `[F, M, 3]` (m) in each region, and of the lip gap."""
        distance = 1e3 * np.linalg.norm(moved - wanted, axis=-1)
        errors = {name: distance[:, mask].mean(1) for name, mask in self.masks.items()}
        return errors | {"gap": 1e3 * np.abs(self.gap(moved) - self.gap(wanted))}


def _near(points: np.ndarray, targets: np.ndarray, distance_m: float) -> np.ndarray:
    return cKDTree(targets).query(points)[0] < distance_m
