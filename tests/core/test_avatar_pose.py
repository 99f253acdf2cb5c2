"""Head pose against Rodrigues' formula, Gaussian by Gaussian in double precision."""

import numpy as np
import pytest
from gaussian_heads.core.avatar.pose import pose_gaussians, pose_points
from gaussian_heads.core.gaussians import Gaussians, quat_to_matrix

PIVOT = np.float32([0.0, -0.1, -0.08])


def rodrigues(rotation):
    angle = np.linalg.norm(rotation)
    x, y, z = rotation / angle if angle else np.zeros(3)
    cross = np.array([[0, -z, y], [z, 0, -x], [-y, x, 0]])
    return np.eye(3) + np.sin(angle) * cross + (1 - np.cos(angle)) * cross @ cross


def random_gaussians(count, rng):
    quats = rng.normal(size=(count, 4))
    quats /= np.linalg.norm(quats, axis=1, keepdims=True)
    ones = np.ones((count, 3), np.float32)
    means = rng.normal(0, 0.1, (count, 3)).astype(np.float32)
    return Gaussians(means, quats.astype(np.float32), ones, ones[:, 0] / 2, ones)


@pytest.mark.parametrize("count", [1, 2, 200])
@pytest.mark.parametrize("rotation", [(0.3, -0.8, 1.9), (0, 0, 0), (0, 3.1, 0), (1e-9, 0, 0)])
def test_pose_is_the_weighted_turn_about_the_pivot(count, rotation):
    rng = np.random.default_rng(count)
    before = random_gaussians(count, rng)
    weights = np.clip(rng.uniform(-0.3, 1.3, count), 0, 1).astype(np.float32)
    pose = np.array([*rotation, 0.02, -0.01, 0.005])
    after = pose_gaussians(before, pose, PIVOT, weights)
    for index, weight in enumerate(weights.astype(np.float64)):
        turn = rodrigues(weight * pose[:3])
        mean = turn @ (before.means[index].astype(np.float64) - PIVOT) + PIVOT + weight * pose[3:]
        np.testing.assert_allclose(after.means[index], mean, atol=2e-7)
        frame = turn @ quat_to_matrix(before.quats[index].astype(np.float64))
        got = quat_to_matrix(after.quats[index].astype(np.float64))
        np.testing.assert_allclose(got, frame, atol=1e-6)


def test_points_follow_entirely():
    points = np.random.default_rng(0).normal(0, 0.1, (68, 3)).astype(np.float32)
    pose = np.array([0.4, 0.1, -0.2, 0.0, 0.03, 0.0])
    want = (points - PIVOT) @ rodrigues(pose[:3]).T + PIVOT + pose[3:]
    np.testing.assert_allclose(pose_points(points, pose, PIVOT), want, atol=2e-7)


def test_no_pose_changes_nothing():
    gaussians = random_gaussians(5, np.random.default_rng(0))
    assert pose_gaussians(gaussians, np.zeros(6), PIVOT, np.ones(5, np.float32)) is gaussians
