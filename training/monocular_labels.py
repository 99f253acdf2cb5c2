"""What the monocular encoder must read off a picture, and how a crop changes it."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from ..core.avatar.pose import pose_points
from ..core.measure import LOWER_LIDS, UPPER_LIDS, measure_landmarks, signed_lip_gap

CODE_DIM, IDENTITY_DIM = 64, 64
# Pairs of lid landmarks of the right eye come first in core.measure.
PAIRS_PER_EYE = 2


@dataclass(frozen=True)
class Labels:
    """One picture's truth; angles are radians, yaw to the person's left and pitch downwards."""

    K: np.ndarray  # [3, 3] of the picture, px
    rotation: np.ndarray  # [3, 3] head's axes to the camera's
    origin_m: np.ndarray  # [3] of the head's origin in the camera
    landmarks: np.ndarray  # [68, 2] px
    code: np.ndarray  # [D]
    identity: np.ndarray  # [Z]
    gaze: np.ndarray  # [2, 2] left, right
    mouth_mm: np.ndarray  # [4] lip gap, mouth width, left and right eyelid gap

    def through(self, K: np.ndarray) -> Labels:
        """Landmarks given as tangents in pixels of a camera with these intrinsics."""
        return replace(self, K=K, landmarks=self.landmarks @ K[:2, :2].T + K[:2, 2])

    def filled(
        self, *, code: np.ndarray, identity: np.ndarray, gaze: np.ndarray, mouth_mm: np.ndarray
    ) -> Labels:
        """With all that does not depend on the camera."""
        return replace(self, code=code, identity=identity, gaze=gaze, mouth_mm=mouth_mm)


def seen_labels(
    viewmat: np.ndarray, head_pose: np.ndarray, neck_pivot: np.ndarray, landmarks_m: np.ndarray
) -> Labels:
    """Pose and landmarks `[68, 3]` (head at rest) through a camera; landmarks come as tangents of angles."""
    points = np.concatenate([landmarks_m, np.zeros((1, 3)), np.eye(3)]).astype(np.float32)
    posed = pose_points(points, head_pose, np.asarray(neck_pivot, np.float32)).astype(np.float64)
    seen = posed @ viewmat[:3, :3].T + viewmat[:3, 3]
    origin = seen[68]
    empty = np.zeros(0)
    return Labels(
        K=np.eye(3),
        rotation=(seen[69:] - origin).T,
        origin_m=origin,
        landmarks=seen[:68, :2] / seen[:68, 2:],
        code=empty,
        identity=empty,
        gaze=empty,
        mouth_mm=empty,
    )


def mouth_mm(landmarks_m: np.ndarray, contact_mm: float) -> np.ndarray:
    """Lip gap, mouth width, left and right eyelid gap as `core.measure` has them, `[4]`."""
    points = landmarks_m[None].astype(np.float32)
    measured = measure_landmarks(points, points[0], contact_mm)
    # One eye at a time: the other one's points take the first one's place.
    gaps = []
    for pairs in (slice(PAIRS_PER_EYE, None), slice(None, PAIRS_PER_EYE)):
        lids = points[0, UPPER_LIDS[pairs], :] - points[0, LOWER_LIDS[pairs], :]
        across = points[0, 45] - points[0, 36]
        across = across / np.linalg.norm(across)
        up = np.array([0.0, 1.0, 0.0]) - across[1] * across
        gaps.append(1e3 * np.maximum(lids @ (up / np.linalg.norm(up)), 0.0).mean())
    return np.array([measured["lip_gap"][0], measured["mouth_width"][0], *gaps])


def signed_gap_mm(landmarks_m: np.ndarray, contact_mm: float) -> np.ndarray:
    """The lip gap without its floor `[T]`: negative where lips overlap."""
    return 1e3 * signed_lip_gap(landmarks_m.astype(np.float32)) - contact_mm


def gaze_angles(
    points: np.ndarray, neutral: np.ndarray, irises: list[np.ndarray], centers: np.ndarray
) -> np.ndarray:
    """Yaw and pitch `[2, 2]` of the eyes by where the irises' points went from straight ahead."""
    angles = []
    for rows, center in zip(irises, centers, strict=True):
        now, before = (_angles(values[rows].mean(0) - center) for values in (points, neutral))
        angles.append(now - before)
    return np.stack(angles)


def _angles(direction: np.ndarray) -> np.ndarray:
    x, y, z = direction
    return np.array([np.arctan2(x, z), np.arctan2(-y, np.hypot(x, z))])
