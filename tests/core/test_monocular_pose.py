"""Head pose before the camera, and the motion that tracks carry."""

import numpy as np
import pytest
from gaussian_heads.core.avatar.pose import pose_points
from gaussian_heads.core.camera import Camera
from gaussian_heads.core.monocular.crops import CropWindow
from gaussian_heads.core.monocular.encoder import FaceReadings
from gaussian_heads.core.monocular.pose import (
    FACING,
    VideoCamera,
    head_poses,
    mean_rotation,
    rotation_matrices,
    rotation_vectors,
    track_poses,
    turns_to,
)


def readings_of(rotation, origin, log_size) -> FaceReadings:
    one = np.zeros((1,), np.float32)
    return FaceReadings(
        code=np.zeros((1, 4), np.float32),
        log_error=one,
        presence=one,
        rotation=np.float32(rotation)[None],
        origin=np.float32(origin)[None],
        log_size=np.float32([log_size]),
        landmarks=np.zeros((1, 68, 2), np.float32),
        gaze=np.zeros((1, 2, 2), np.float32),
        mouth_mm=np.zeros((1, 4), np.float32),
    )


@pytest.mark.parametrize("roll_rad", (0.0, 0.35))
def test_a_pose_seen_in_a_crop_is_that_before_the_camera(roll_rad):
    """What a crop's camera would see of a known head gives the head back."""
    camera = VideoCamera.of(640, 480, 700.0)
    rotation = FACING @ rotation_matrices(np.array([[0.1, -0.4, 0.2]]))[0]
    position = np.array([0.21, -0.1, 0.9])
    seen = camera.camera().K @ position
    window = CropWindow(
        (float(seen[0] / seen[2]) + 12.0, float(seen[1] / seen[2]) - 7.0), 150.0, roll_rad
    )
    cos, sin = np.cos(roll_rad), np.sin(roll_rad)
    roll = np.array([[cos, -sin, 0], [sin, cos, 0], [0, 0, 1]])
    towards = turns_to(camera.rays(np.array([window.center_px])))[0] @ roll
    readings = readings_of(
        towards.T @ rotation,
        window.to_crop(seen[:2] / seen[2]),
        np.log(window.side_px * position[2] / 700.0),
    )
    rotations, positions = head_poses(readings, [window], camera)
    assert np.abs(rotations[0] - rotation).max() < 1e-5
    assert np.abs(positions[0] - position).max() < 1e-5


def test_the_least_turn_takes_forward_to_the_ray_and_leaves_the_axis():
    rays = np.random.default_rng(0).normal(0, 1, (20, 3)) + [0, 0, 3]
    turns = turns_to(rays)
    assert np.allclose(turns @ [0, 0, 1], rays / np.linalg.norm(rays, axis=1, keepdims=True))
    axes = np.cross([0, 0, 1], rays)
    assert np.allclose(np.einsum("tij,tj->ti", turns, axes), axes)


def test_rotation_vectors_and_matrices_are_each_other():
    vectors = np.random.default_rng(0).normal(0, 0.7, (50, 3))
    assert np.allclose(rotation_vectors(rotation_matrices(vectors)), vectors)
    assert np.array_equal(rotation_vectors(np.eye(3)[None]), np.zeros((1, 3)))


def test_an_assumed_camera_says_so():
    assert VideoCamera.of(1080, 1920).is_assumed and VideoCamera.of(1080, 1920).focal_px == 1920.0
    known = VideoCamera.of(640, 480, 500.0)
    assert not known.is_assumed and isinstance(known.camera(), Camera)


def test_a_track_moves_the_head_as_the_video_does():
    """Points of the head posed by the track move in space as they did before the camera."""
    rng = np.random.default_rng(0)
    pivot = np.array([0.0, -0.097, -0.088])
    rotations = FACING @ rotation_matrices([[0.0, 0.5, 0.1]] + rng.normal(0, 0.15, (12, 3)))
    positions = np.array([0.1, 0.05, 0.7]) + rng.normal(0, 0.01, (12, 3))
    weights = rng.uniform(0.2, 1.0, 12)
    poses = track_poses(rotations, positions, weights=weights, neck_pivot=pivot)
    points = rng.normal(0, 0.1, (5, 3)).astype(np.float32)
    mean = mean_rotation(rotations, weights / weights.sum())
    place = weights @ positions / weights.sum()
    for rotation, position, pose in zip(rotations, positions, poses, strict=True):
        before_camera = points @ rotation.T + position
        in_rest = (before_camera - place) @ mean
        assert np.allclose(pose_points(points, pose, pivot.astype(np.float32)), in_rest, atol=1e-5)


def test_a_still_head_has_no_pose():
    rotations = np.repeat(rotation_matrices(np.array([[0.2, 0.4, 0.0]])), 6, axis=0)
    poses = track_poses(
        rotations, np.ones((6, 3)), weights=np.ones(6), neck_pivot=np.array([0.0, -0.1, -0.1])
    )
    assert np.abs(poses).max() < 1e-6
