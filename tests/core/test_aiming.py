"""Where eyes and head turn: geometry at several poses, against directions known otherwise."""

import numpy as np
import pytest
from gaussian_heads.core.aiming import (
    EYES_SIDE_DEG,
    EyeRig,
    eased,
    eye_turns,
    eye_weights,
    followed_pose,
    motion_about,
    posed,
    soft_clip,
    turn_matrix,
    turn_towards,
    turn_vector,
    turned_head,
    unposed,
)
from gaussian_heads.core.avatar.pose import pose_points
from gaussian_heads.core.spaces import ARKIT_INDEX

PIVOT = np.array([0.0, -0.1, -0.09])
RIG_CENTERS = EyeRig.usual().centers_m
POSES = [
    np.zeros(6),
    np.array([0.2, -0.3, 0.1, 0.01, 0.0, 0.02]),
    np.array([-0.25, 0.35, -0.2, -0.02, 0.015, 0.0]),
]


def angle_deg(a, b):
    cosine = a @ b / np.linalg.norm(a) / np.linalg.norm(b)
    return np.degrees(np.arccos(np.clip(cosine, -1, 1)))


def looked_along(turn_deg):
    """The direction of an eye turned by (left, down) degrees about one axis, as the heads' eyes turn."""
    return turn_matrix(np.radians([turn_deg[1], turn_deg[0], 0.0]))[:, 2]


@pytest.mark.parametrize("pose", POSES)
@pytest.mark.parametrize("distance_m", [0.3, 1.0, 20.0])
def test_each_eye_points_at_the_target_from_its_own_place(pose, distance_m):
    rig = EyeRig.usual()
    rng = np.random.default_rng(5)
    for side, down in rng.uniform(-12, 12, (20, 2)):
        local = rig.middle_m + distance_m * looked_along((side, down))
        target = posed(local, pose, PIVOT)
        turns = eye_turns(target, pose, PIVOT, rig)
        for center, turn in zip(rig.centers_m, turns, strict=True):
            seen_from = posed(center, pose, PIVOT)
            looks = turn_matrix(pose[:3]) @ looked_along(turn)
            assert angle_deg(looks, target - seen_from) < 1e-3


def test_near_targets_cross_the_eyes_and_far_ones_do_not():
    rig = EyeRig.usual()
    near, far = (
        eye_turns(np.array([0.0, 0.0, z]), np.zeros(6), PIVOT, rig)[:, 0] for z in (0.25, 100.0)
    )
    np.testing.assert_allclose(near, np.degrees(np.arctan(0.0315 / 0.25)) * np.array([-1, 1]))
    assert np.abs(far).max() < 0.02


def test_weights_name_the_muscles_of_each_eye():
    rig = EyeRig.usual()
    weights = eye_weights(np.array([[17.0, 15.0], [17.0, -12.0]]), rig)
    named = {name: weights[i] for name, i in ARKIT_INDEX.items() if weights[i]}
    expected = {
        "eyeLookOutLeft": 0.5,
        "eyeLookDownLeft": 0.5,
        "eyeBlinkLeft": 0.06,
        "eyeLookInRight": 0.5,
        "eyeLookUpRight": 0.5,
        "eyeWideRight": 0.07,
    }
    assert named.keys() == expected.keys()
    np.testing.assert_allclose(list(named.values()), [expected[n] for n in named], atol=1e-6)


def test_lids_that_a_blink_has_shut_do_not_follow_the_gaze():
    weights = eye_weights(np.full((2, 2), 10.0), EyeRig.usual(), 1.0)
    assert weights[ARKIT_INDEX["eyeBlinkLeft"]] == 0 < weights[ARKIT_INDEX["eyeLookDownLeft"]]


def test_a_soft_limit_is_exact_below_its_knee_and_never_passed():
    values = np.linspace(0, 200, 2001)
    clipped = np.array([soft_clip(float(v), EYES_SIDE_DEG) for v in values])
    below = values <= 0.8 * EYES_SIDE_DEG
    np.testing.assert_array_equal(clipped[below], values[below])
    steps = np.diff(clipped) / np.diff(values)
    assert clipped.max() <= EYES_SIDE_DEG and (steps >= 0).all() and steps.max() < 1 + 1e-9
    # No corner: the slope changes little from step to step.
    assert np.abs(np.diff(steps)).max() < 0.02
    assert soft_clip(-100.0, EYES_SIDE_DEG) == -soft_clip(100.0, EYES_SIDE_DEG)


def test_a_target_that_passes_behind_the_head_makes_no_jump():
    angles = np.radians(np.arange(120.0, 240.0, 0.5))
    turns = [
        eye_turns(np.array([np.sin(a), 0.0, np.cos(a)]), np.zeros(6), PIVOT, EyeRig.usual())[0]
        for a in angles
    ]
    assert np.abs(np.diff(turns, axis=0)).max() < 4.0
    np.testing.assert_array_equal(eased(np.array([180.0, 0.0])), [0, 0])
    np.testing.assert_array_equal(eased(np.array([60.0, 20.0])), [60, 20])


@pytest.mark.parametrize("pose", POSES)
def test_a_head_that_turns_all_the_way_faces_the_target(pose):
    rig = EyeRig.usual()
    target = posed(np.array([0.4, 0.2, 0.9]), pose, PIVOT)
    turned = turned_head(target, pose, PIVOT, rig.middle_m, 1.0)
    assert angle_deg(unposed(target, turned, PIVOT) - rig.middle_m, np.array([0, 0, 1.0])) < 0.05
    np.testing.assert_array_equal(turned[3:], pose[3:])


def test_a_share_of_the_way_is_one_and_the_eyes_do_the_rest():
    rig, still = EyeRig.usual(), np.zeros(6)
    target = np.array([0.3, 0.0, 1.0])
    whole = turned_head(target, still, PIVOT, rig.middle_m, 1.0)
    half = turned_head(target, still, PIVOT, rig.middle_m, 0.5)
    np.testing.assert_allclose(half[:3], 0.5 * whole[:3], atol=1e-9)
    assert turned_head(target, still, PIVOT, rig.middle_m, 0.0) is still
    left, right = eye_turns(target, half, PIVOT, rig)
    alone = eye_turns(target, still, PIVOT, rig)
    assert 0 < left[0] < 0.7 * alone[0, 0] and 0 < right[0] < 0.7 * alone[1, 0]


def test_a_pose_moves_points_as_the_avatars_own_does():
    points = np.random.default_rng(2).normal(0, 0.1, (5, 3)).astype(np.float32)
    for pose in POSES:
        expected = pose_points(points, pose, PIVOT.astype(np.float32))
        found = [posed(point.astype(np.float64), pose, PIVOT) for point in points]
        np.testing.assert_allclose(found, expected, atol=1e-6)
        back = [unposed(point, pose, PIVOT) for point in found]
        np.testing.assert_allclose(back, points, atol=1e-9)


def matrix_of(turn, place, scale=1.0):
    matrix = np.eye(4)
    matrix[:3, :3] = scale * turn_matrix(np.array(turn))
    matrix[:3, 3] = place
    return matrix


def test_what_is_followed_carries_the_head_as_if_it_were_its_child():
    rest = matrix_of([0.3, 0.1, -0.2], [0.02, 0.1, -0.05])
    now = matrix_of([-0.2, 0.5, 0.4], [0.05, 0.14, -0.01])
    carried = followed_pose(POSES[1], motion_about(rest, now, PIVOT))
    for point in np.random.default_rng(3).normal(0, 0.1, (4, 3)):
        before = np.r_[posed(point, POSES[1], PIVOT), 1.0]
        expected = (now @ np.linalg.inv(rest) @ before)[:3]
        np.testing.assert_allclose(posed(point, carried, PIVOT), expected, atol=1e-9)


def test_the_size_of_what_is_followed_does_not_count():
    rest = matrix_of([0.3, 0.1, -0.2], [0, 0.1, 0], scale=2.0)
    now = matrix_of([0.3, 0.4, -0.2], [0, 0.1, 0], scale=0.5)
    delta = motion_about(rest, now, np.array([0.0, 0.1, 0.0]))
    expected = turn_matrix(np.array([0.3, 0.4, -0.2])) @ turn_matrix(np.array([0.3, 0.1, -0.2])).T
    np.testing.assert_allclose(turn_matrix(delta[:3]), expected, atol=1e-9)
    np.testing.assert_allclose(delta[3:], 0, atol=1e-9)
    flat = motion_about(np.eye(4), np.zeros((4, 4)), PIVOT)
    assert np.isfinite(flat).all()


@pytest.mark.parametrize("turn", [[0, 0, 0], [1e-9, 0, 0], [0.4, -0.2, 0.9], [3.0, 0.5, 0.1]])
def test_rotation_vectors_come_back(turn):
    np.testing.assert_allclose(turn_vector(turn_matrix(np.array(turn, float))), turn, atol=1e-9)


def test_straight_ahead_is_no_turn_and_straight_behind_is_defined():
    np.testing.assert_array_equal(turn_towards(np.array([0.0, 0.0, 2.0])), [0, 0])
    assert np.isfinite(turn_towards(np.zeros(3))).all()
    assert np.isfinite(turn_towards(np.array([0.0, 0.0, -1.0]))).all()


def test_eyes_that_turn_little_stop_together_before_they_lose_their_shape():
    weak = EyeRig(RIG_CENTERS, np.tile([18.0, 9.0, 9.0, 10.0], (2, 1)))
    turns = eye_turns(np.array([2.0, 1.0, 1.5]), np.zeros(6), PIVOT, weak)
    weights = eye_weights(turns, weak)
    assert weights.max() < 1.6001 and weights[ARKIT_INDEX["eyeLookInRight"]] > 1.5
    np.testing.assert_allclose(turns[0], turns[1], atol=0.2)
    assert EyeRig.usual().limits_deg == (34.0, 28.0, 22.0)
