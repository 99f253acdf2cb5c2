"""The head's way through a video: poses that agree with the landmarks and do not tremble."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from scipy.linalg import solveh_banded

from ...core.camera import Camera
from ...core.monocular.pose import rotation_matrices, rotation_vectors
from .alignment import Alignment

# What the pose of one picture may be wrong by when its landmarks are good, and how fast a head changes its speed.
POSE_DOUBT = np.array([0.012, 0.012, 0.008, 0.0012, 0.0012, 0.006])
ACCELERATION = np.array([12.0, 12.0, 12.0, 1.5, 1.5, 1.5])  # rad or m per s²
# Pictures further apart than this (s) know nothing of each other.
GAP_SEC = 0.25
MIN_TRUST = 0.02


def smoothed(state: Alignment, times_sec: np.ndarray, confidence: np.ndarray) -> Alignment:
    """Poses `[M]` at rising times that weigh every picture's own against a head's inertia.

    Whittaker's smoother in the tangent space of the first smooth guess; runs between gaps are apart.
    """
    rotation, position = state.rotation.copy(), state.position.copy()
    breaks = np.flatnonzero(np.diff(times_sec) > GAP_SEC) + 1
    for run in np.split(np.arange(len(times_sec)), breaks):
        if len(run) < 3:
            continue
        base = rotation[run[len(run) // 2]]
        turns = rotation_vectors(state.rotation[run] @ base.T)
        values = np.concatenate([turns, state.position[run]], axis=1)
        trust = np.clip(confidence[run], MIN_TRUST, 1.0)
        smooth = np.stack(
            [
                _whittaker(
                    values[:, k], times_sec[run], trust / POSE_DOUBT[k] ** 2, ACCELERATION[k]
                )
                for k in range(6)
            ],
            axis=1,
        )
        rotation[run] = rotation_matrices(smooth[:, :3]) @ base
        position[run] = smooth[:, 3:]
    return replace(state, rotation=rotation, position=position)


def _whittaker(
    values: np.ndarray, times_sec: np.ndarray, weights: np.ndarray, spread: float
) -> np.ndarray:
    """Values that lie near the given ones while their second derivative has the standard deviation `spread`."""
    count = len(values)
    before, after = np.diff(times_sec)[:-1], np.diff(times_sec)[1:]
    span = np.maximum((before + after) / 2, 1e-6)
    rows = np.stack([1 / (before * span), -(1 / before + 1 / after) / span, 1 / (after * span)])
    rows /= spread
    band = np.zeros((3, count))
    band[2] = weights
    # The upper diagonals of the sum of outer products of three neighbours each.
    for a in range(3):
        for b in range(a, 3):
            band[2 - (b - a), b : count - 2 + b] += rows[a] * rows[b]
    return solveh_banded(band, weights * values)


@dataclass(frozen=True)
class StillCamera:
    """A camera that does not move, in the avatar frame of shoulders at rest."""

    camera: Camera
    # Pose of the shoulders' frame in the camera: what the head's poses are told against.
    rotation: np.ndarray  # [3, 3]
    pivot: np.ndarray  # [3] m, the neck's pivot in camera axes

    def head_poses(
        self, rotation: np.ndarray, position: np.ndarray, neck_pivot: np.ndarray
    ) -> np.ndarray:
        """Rotation vector (rad) and translation (m) about the pivot, `[M, 6]`, of heads in the camera."""
        turns = rotation_vectors(self.rotation.T @ rotation)
        at = rotation @ neck_pivot + position
        return np.concatenate([turns, (at - self.pivot) @ self.rotation], axis=1)


def still_camera(
    state: Alignment,
    confidence: np.ndarray,
    neck_pivot: np.ndarray,
    K: np.ndarray,
    size_px: tuple[int, int],
) -> StillCamera:
    """The camera before which the shoulders rest as the head is held most of the time."""
    weights = np.clip(confidence, 1e-3, 1.0)
    rotation = mean_rotation(state.rotation, weights)
    pivots = state.rotation @ neck_pivot + state.position
    pivot = np.array([weighted_median(pivots[:, k], weights) for k in range(3)])
    viewmat = np.eye(4)
    viewmat[:3, :3] = rotation
    viewmat[:3, 3] = pivot - rotation @ neck_pivot
    scaled = K.copy()
    scaled[0, 0] *= state.focal
    scaled[1, 1] *= state.focal
    return StillCamera(Camera(viewmat, scaled, *size_px), rotation, pivot)


def mean_rotation(rotations: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """A robust mean `[3, 3]` of rotations: far ones count less at every round."""
    weights = weights.copy()
    mean = np.eye(3)
    for _ in range(5):
        u, _, vt = np.linalg.svd(np.tensordot(weights, rotations, axes=1))
        mean = u @ np.diag([1.0, 1.0, np.linalg.det(u @ vt)]) @ vt
        away = np.linalg.norm(rotation_vectors(mean.T @ rotations), axis=1)
        weights = weights / np.maximum(away, 0.03) * 0.03
        weights = np.maximum(weights, 1e-9)
    return mean


def weighted_median(values: np.ndarray, weights: np.ndarray) -> float:
    """The value that half of the weight lies below."""
    order = np.argsort(values)
    total = np.cumsum(weights[order])
    return float(values[order][np.searchsorted(total, total[-1] / 2)])
