"""Faces that are nothing but labels: cameras, poses and landmarks with a known truth."""

import numpy as np
from gaussian_heads.core.avatar import Controls
from gaussian_heads.core.avatar.members import CONTROL_NAMES
from gaussian_heads.training.monocular_labels import Labels

PICTURE_PX = 96


def flat_face():
    """68 landmarks (m) roughly where a face has them; lids and lips apart."""
    points = np.zeros((68, 3))
    angle = np.linspace(np.pi, 2 * np.pi, 17)
    points[:17] = np.stack([0.07 * np.cos(angle), 0.11 * np.sin(angle) - 0.01, 0 * angle], 1)
    points[17:27, 0], points[17:27, 1] = np.linspace(-0.05, 0.05, 10), 0.025
    points[27:36] = np.stack([np.zeros(9), np.linspace(0, -0.04, 9), np.full(9, 0.04)], 1)
    for first, x in ((36, -0.032), (42, 0.032)):
        turn = np.radians([180, 120, 60, 0, -60, -120])
        points[first : first + 6] = np.stack(
            [x + 0.015 * np.cos(turn), 0.006 * np.sin(turn), 0.02 + 0 * turn], 1
        )
    turn = np.radians(180 - 30 * np.arange(12))
    points[48:60] = np.stack([0.025 * np.cos(turn), -0.07 + 0.012 * np.sin(turn), 0 * turn], 1)
    turn = np.radians(180 - 45 * np.arange(8))
    points[60:68] = np.stack([0.018 * np.cos(turn), -0.07 + 0.004 * np.sin(turn), 0 * turn], 1)
    return points


def labels_before(K, rotation, origin_m, code_dim=6):
    """Labels of the flat face in a pose before a camera."""
    seen = flat_face() @ rotation.T + origin_m
    pixels = seen @ K.T
    return Labels(
        K=K,
        rotation=rotation,
        origin_m=np.asarray(origin_m, np.float64),
        landmarks=pixels[:, :2] / pixels[:, 2:],
        code=np.full(code_dim, 0.1),
        identity=np.zeros(5),
        gaze=np.zeros((2, 2)),
        mouth_mm=np.array([8.0, 50.0, 10.0, 10.0]),
    )


def turn(axis, angle_rad):
    matrix = np.eye(3)
    a, b = [i for i in range(3) if i != axis]
    cos, sin = np.cos(angle_rad), np.sin(angle_rad)
    matrix[a, a], matrix[a, b], matrix[b, a], matrix[b, b] = cos, -sin, sin, cos
    return matrix


def front_labels(yaw_rad=0.0, code_dim=6):
    """A face in the middle of a picture of `PICTURE_PX`."""
    K = np.array([[300.0, 0, PICTURE_PX / 2], [0, 300.0, PICTURE_PX / 2 + 20], [0, 0, 1]])
    rotation = np.diag([1.0, -1.0, -1.0]) @ turn(1, yaw_rad)
    return labels_before(K, rotation, [0.0, 0.0, 0.9], code_dim)


def random_controls(code_dim, seed=0):
    rng = np.random.default_rng(seed)
    rows = {name: len(names) for name, names in CONTROL_NAMES.items()}
    arrays = {
        k: (0.2 * rng.standard_normal((n, code_dim))).astype(np.float32) for k, n in rows.items()
    }
    return Controls(
        **arrays,
        readout_weights=np.zeros((52, code_dim), np.float32),
        readout_bias=np.zeros(52, np.float32),
    )
