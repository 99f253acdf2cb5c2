"""Opening, decoding and posing avatars of both kinds."""

import numpy as np
import pytest
from gaussian_heads.core.avatar import Avatar
from gaussian_heads.core.errors import AvatarError
from gaussian_heads.core.gaussians import quat_to_matrix
from gaussian_heads.core.spaces import (
    ACTION_UNITS,
    ARKIT_BLENDSHAPES,
    ARKIT_INDEX,
    META_VISEMES,
    arkit_vector,
)

from .small_heads import (
    JAW_DROP_M,
    LOWER_LIP,
    NECK_PIVOT,
    UPPER_LIP,
    small_linear_avatar,
    small_onnx_avatar,
)


@pytest.fixture(scope="module")
def linear(tmp_path_factory):
    return Avatar.open(small_linear_avatar(tmp_path_factory.mktemp("linear") / "a.uhap"))


@pytest.fixture(scope="module")
def networked(tmp_path_factory):
    return Avatar.open(small_onnx_avatar(tmp_path_factory.mktemp("onnx") / "a.uhap"))


@pytest.fixture(params=["linear", "networked"])
def avatar(request):
    return request.getfixturevalue(request.param)


def test_neutral_is_the_zero_code(avatar):
    gaussians = avatar.decode(np.zeros(52, np.float32))
    assert gaussians.num_gaussians == avatar.num_gaussians == 600
    low, high = avatar.bounds
    np.testing.assert_allclose(gaussians.means.min(axis=0), low, atol=1e-6)
    np.testing.assert_allclose(gaussians.means.max(axis=0), high, atol=1e-6)


def test_jaw_open_moves_the_lower_lip_down(avatar):
    neutral = avatar.landmarks(np.zeros(52, np.float32))
    opened = avatar.landmarks(arkit_vector({"jawOpen": 0.5}))
    moved = opened - neutral
    np.testing.assert_allclose(moved[list(LOWER_LIP), 1], -0.5 * JAW_DROP_M, atol=1e-6)
    np.testing.assert_allclose(moved[list(UPPER_LIP)], 0.0, atol=1e-7)


def test_both_kinds_decode_to_the_same_gaussians(linear, networked):
    code = np.random.default_rng(0).uniform(0, 1, 52).astype(np.float32)
    pose = np.array([0.1, -0.4, 0.2, 0.01, 0.0, -0.02])
    one, other = linear.decode(code, pose), networked.decode(code, pose)
    for name in ("means", "quats", "scales", "opacities", "colors"):
        np.testing.assert_allclose(getattr(one, name), getattr(other, name), atol=2e-6)
    np.testing.assert_allclose(
        linear.landmarks(code, pose), networked.landmarks(code, pose), atol=2e-6
    )


def test_extreme_codes_still_give_drawable_gaussians(avatar):
    gaussians = avatar.decode(np.full(52, 100.0, np.float32))
    for name in ("means", "quats", "scales", "opacities", "colors"):
        assert np.isfinite(getattr(gaussians, name)).all()
    np.testing.assert_allclose(np.linalg.norm(gaussians.quats, axis=1), 1.0, atol=1e-6)
    assert (gaussians.scales > 0).all()
    assert ((gaussians.opacities > 0) & (gaussians.opacities < 1)).all()
    assert gaussians.colors.min() >= 0 and gaussians.colors.max() <= 1


def test_decode_is_stateless(avatar):
    code = arkit_vector({"jawOpen": 0.7, "eyeBlink": 1.0})
    before = avatar.decode(code).means.copy()
    avatar.decode(arkit_vector({"mouthPucker": 1.0}))
    np.testing.assert_array_equal(avatar.decode(code).means, before)


def test_head_pose_turns_the_head_and_leaves_the_shoulders(avatar):
    zero = np.zeros(52, np.float32)
    neutral = avatar.decode(zero)
    pose = np.array([0.0, np.pi / 2, 0.0, 0.0, 0.01, 0.0])
    posed = avatar.decode(zero, pose)
    weights = avatar.rig.neck_weights
    np.testing.assert_array_equal(posed.means[weights == 0], neutral.means[weights == 0])
    # A quarter turn about +Y takes +Z (the nose) to +X, the person's left.
    local = neutral.means[weights == 1] - np.float32(NECK_PIVOT)
    want = np.stack([local[:, 2], local[:, 1], -local[:, 0]], axis=1) + np.float32(NECK_PIVOT)
    want[:, 1] += 0.01
    np.testing.assert_allclose(posed.means[weights == 1], want, atol=1e-6)
    nose = quat_to_matrix(posed.quats[weights == 1])[:, :, 2]
    np.testing.assert_allclose(nose, np.tile([1.0, 0.0, 0.0], (len(nose), 1)), atol=1e-6)


def test_neck_weight_scales_the_angle(linear):
    zero = np.zeros(52, np.float32)
    weights = linear.rig.neck_weights
    part = (weights > 0.05) & (weights < 0.95)
    assert part.any()
    posed = linear.decode(zero, np.array([0.6, 0, 0, 0, 0, 0], np.float32))
    angles = 2 * np.arccos(np.clip(posed.quats[part, 0], -1, 1))
    np.testing.assert_allclose(angles, 0.6 * weights[part], atol=1e-3)


def test_landmarks_follow_the_head_pose(avatar):
    zero = np.zeros(52, np.float32)
    points = avatar.landmarks(zero, np.array([0, np.pi / 2, 0, 0, 0, 0]))
    local = avatar.landmarks(zero) - np.float32(NECK_PIVOT)
    want = np.stack([local[:, 2], local[:, 1], -local[:, 0]], axis=1) + np.float32(NECK_PIVOT)
    np.testing.assert_allclose(points, want, atol=1e-6)


def test_avatar_without_landmarks_says_none(tmp_path):
    avatar = Avatar.open(small_linear_avatar(tmp_path / "a.uhap", has_landmarks=False))
    assert avatar.landmarks(np.zeros(52, np.float32)) is None


def test_controls_and_readout(avatar):
    assert avatar.control_names("arkit52") == avatar.channel_names == ARKIT_BLENDSHAPES
    assert avatar.control_offsets("au").shape == (len(ACTION_UNITS), 52)
    assert avatar.control_offsets("visemes").shape == (len(META_VISEMES), 52)
    jaw = avatar.control_offsets("arkit52")[ARKIT_INDEX["jawOpen"]]
    assert avatar.readout(2 * jaw)[ARKIT_INDEX["jawOpen"]] == 1.0
    np.testing.assert_allclose(avatar.readout(0.3 * jaw), arkit_vector({"jawOpen": 0.3}))
    with pytest.raises(AvatarError, match="no controls 'visime'"):
        avatar.control_offsets("visime")


def test_guide_mesh_is_within_the_head(avatar):
    vertices, triangles = avatar.guide_mesh
    assert triangles.dtype == np.int32 and triangles.max() < len(vertices)
    centre = vertices.mean(axis=0)
    np.testing.assert_allclose(centre, [0.0, -0.035, -0.09], atol=1e-3)


@pytest.mark.parametrize(
    ("code", "message"),
    [
        (np.zeros(51, np.float32), "takes 52 numbers"),
        (np.zeros((1, 52), np.float32), "takes 52 numbers"),
        (np.full(52, np.nan, np.float32), "'eyeBlinkLeft' is not finite"),
        (arkit_vector({"jawOpen": 1e9}), "'jawOpen' is not finite or beyond 100"),
    ],
)
def test_bad_codes_are_refused(avatar, code, message):
    # The shape check of jaxtyping is off in Blender, so the avatar checks by itself.
    with pytest.raises(AvatarError, match=message):
        type(avatar)._checked(avatar, code)


@pytest.mark.parametrize("pose", [np.full(6, np.nan), np.full(6, 1e6)])
def test_bad_head_poses_are_refused(avatar, pose):
    with pytest.raises(AvatarError, match="head pose is not finite"):
        avatar.decode(np.zeros(52, np.float32), pose)
