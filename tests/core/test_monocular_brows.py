"""Brows and lids that landmarks tell: known motion of a shipped head, seen by a known camera."""

import numpy as np
import pytest
from gaussian_heads.core.assets import builtin_avatars
from gaussian_heads.core.avatar import Avatar
from gaussian_heads.core.monocular.brows import FEWEST_FRAMES, followed_brows
from gaussian_heads.core.monocular.pose import FACING, rotation_matrices
from gaussian_heads.core.spaces import ARKIT_INDEX

FPS, FRAMES, PIXELS_PER_M = 25.0, 60, 2000.0
HELD = slice(25, 35)


@pytest.fixture(scope="module")
def avatar():
    return Avatar.open(builtin_avatars()["otto"], threads=1)


def filmed(avatar, weights, turns=None, noise_px=0.0):
    """Landmarks `[T, 68, 2]` (px) of ARKit weights `[T, 52]`, and the camera's rotations `[T, 3, 3]`."""
    turns = np.zeros((len(weights), 3)) if turns is None else turns
    rotations = FACING @ rotation_matrices(turns)
    codes = weights @ avatar.control_offsets("arkit52")
    points = np.stack([avatar.landmarks(code.astype(np.float32)) for code in codes])
    seen = np.einsum("tij,tpj->tpi", rotations, points)[..., :2] * PIXELS_PER_M + 256.0
    return seen + noise_px * np.random.default_rng(0).standard_normal(seen.shape), rotations


def raised(*names, weight=0.8):
    """A face at rest that does something in the middle of the clip."""
    weights = np.zeros((FRAMES, len(ARKIT_INDEX)), np.float32)
    for name in names:
        weights[HELD, ARKIT_INDEX[name]] = weight
    return weights


def found(avatar, weights, seen, read=None):
    """ARKit weights that followed codes amount to, where the codes said `read` (nothing by default)."""
    points, rotations = seen
    read = np.zeros_like(weights) if read is None else read
    codes = read @ avatar.control_offsets("arkit52")
    codes = followed_brows(codes, points, rotations, FPS, avatar.code_space)
    return codes @ avatar.controls.readout_weights.T


@pytest.mark.parametrize(
    ("names", "least"),
    [
        (("browInnerUp",), 0.55),
        (("browOuterUpLeft", "browOuterUpRight"), 0.55),
        (("browDownLeft", "browDownRight"), 0.4),
        (("eyeWideLeft", "eyeWideRight"), 0.2),
        (("browOuterUpLeft",), 0.5),
    ],
)
def test_what_the_codes_do_not_say_is_followed(avatar, names, least):
    weights = raised(*names)
    after = found(avatar, weights, filmed(avatar, weights))
    for name in names:
        assert after[29:31, ARKIT_INDEX[name]].min() > least
        assert np.abs(after[:18, ARKIT_INDEX[name]]).max() < 0.05
    others = [i for n, i in ARKIT_INDEX.items() if n.startswith("brow") and n not in names]
    assert np.abs(after[:, others]).max() < 0.25


def test_one_side_stays_on_its_side(avatar):
    weights = raised("browDownLeft")
    after = found(avatar, weights, filmed(avatar, weights))[30]
    assert after[ARKIT_INDEX["browDownLeft"]] > 3 * abs(after[ARKIT_INDEX["browDownRight"]])


def test_what_the_codes_say_already_is_not_added_again(avatar):
    weights = raised("browInnerUp", weight=0.5)
    after = found(avatar, weights, filmed(avatar, weights), read=weights)
    assert after[30, ARKIT_INDEX["browInnerUp"]] == pytest.approx(0.5, abs=0.12)


def test_weights_stay_between_nothing_and_all(avatar):
    weights = raised("browInnerUp", weight=2.5)
    after = found(avatar, weights, filmed(avatar, weights))
    assert after[:, ARKIT_INDEX["browInnerUp"]].max() < 1.15


def test_a_head_that_nods_by_14_degrees_hardly_raises_a_brow(avatar):
    weights = np.zeros((FRAMES, len(ARKIT_INDEX)), np.float32)
    turns = np.zeros((FRAMES, 3))
    turns[:, 0] = 0.25 * np.sin(np.linspace(0, 6, FRAMES))
    after = found(avatar, weights, filmed(avatar, weights, turns))
    assert np.abs(after).max() < 0.2
    assert np.abs(after).mean() < 0.01


def test_noise_moves_next_to_nothing(avatar):
    weights = np.zeros((FRAMES, len(ARKIT_INDEX)), np.float32)
    after = found(avatar, weights, filmed(avatar, weights, noise_px=1.0))
    assert np.abs(after).mean() < 0.02


def test_a_jaw_and_a_smile_leave_brows_alone(avatar):
    weights = raised("jawOpen", "mouthSmileLeft", "mouthSmileRight", weight=0.6)
    after = found(avatar, weights, filmed(avatar, weights), read=weights)
    brows = [i for n, i in ARKIT_INDEX.items() if n.startswith("brow")]
    assert np.abs(after[:, brows]).max() < 0.15


def test_a_face_from_the_side_is_not_believed(avatar):
    weights = raised("browInnerUp")
    turns = np.tile([0.0, 1.0, 0.0], (FRAMES, 1))
    after = found(avatar, weights, filmed(avatar, weights, turns))
    assert np.abs(after).max() < 1e-3


@pytest.mark.parametrize("frames", [0, 1, FEWEST_FRAMES - 1])
def test_clips_of_a_few_frames_stay_as_they_are(avatar, frames):
    codes = np.full((frames, avatar.code_dim), 0.3)
    points, rotations = np.zeros((frames, 68, 2)), np.zeros((frames, 3, 3))
    after = followed_brows(codes, points, rotations, FPS, avatar.code_space)
    assert (after == codes).all()


def test_codes_of_an_unknown_space_stay_as_they_are(avatar):
    codes = np.full((FRAMES, 8), 0.3)
    after = followed_brows(
        codes, np.zeros((FRAMES, 68, 2)), np.zeros((FRAMES, 3, 3)), FPS, "uhap-000000000000"
    )
    assert (after == codes).all()


def test_points_that_fall_together_give_finite_codes(avatar):
    codes = np.zeros((FRAMES, avatar.code_dim))
    rotations = np.tile(FACING, (FRAMES, 1, 1))
    after = followed_brows(codes, np.zeros((FRAMES, 68, 2)), rotations, FPS, avatar.code_space)
    assert np.isfinite(after).all()
