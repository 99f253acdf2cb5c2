"""Eyes measured on what avatars decode, and looks at targets checked on the decoded eyeballs."""

import numpy as np
import pytest
from gaussian_heads.core.aiming import DIRECTIONS, SIDES, EyeRig, eye_turns, eye_weights
from gaussian_heads.core.assets import avatar_path, builtin_avatars
from gaussian_heads.core.avatar import Avatar
from gaussian_heads.core.avatar.eyes import measure_eyes
from gaussian_heads.core.spaces import ARKIT_INDEX

from .small_heads import small_linear_avatar


def means(avatar, code):
    return avatar.decode(np.asarray(code, np.float32)).means.astype(np.float64)


def looking_along(avatar, rig, eye, code):
    """Direction of an eyeball: the turn of its front found by least squares (quaternions, not SVD)."""
    offsets = avatar.control_offsets("arkit52")
    rest, now = means(avatar, np.zeros(avatar.code_dim)), means(avatar, code)
    sides = [
        means(avatar, 0.6 * offsets[ARKIT_INDEX[f"eyeLook{d}{SIDES[eye]}"]]) for d in ("Out", "In")
    ]
    way = np.linalg.norm(sides[0] - sides[1], axis=1)
    near = np.linalg.norm(rest - rig.centers_m[eye], axis=1) < 0.02
    front = near & (way > 0.6 * way[near].max())
    before, after = rest[front] - rest[front].mean(0), now[front] - now[front].mean(0)
    s = before.T @ after
    k = np.array(
        [
            [np.trace(s), s[1, 2] - s[2, 1], s[2, 0] - s[0, 2], s[0, 1] - s[1, 0]],
            [0, s[0, 0] - s[1, 1] - s[2, 2], s[0, 1] + s[1, 0], s[2, 0] + s[0, 2]],
            [0, 0, s[1, 1] - s[0, 0] - s[2, 2], s[1, 2] + s[2, 1]],
            [0, 0, 0, s[2, 2] - s[0, 0] - s[1, 1]],
        ]
    )
    w, x, y, z = np.linalg.eigh(k, UPLO="U")[1][:, -1]
    return np.array([2 * (x * z + w * y), 2 * (y * z - w * x), 1 - 2 * (x * x + y * y)])


@pytest.mark.parametrize("name", builtin_avatars())
def test_the_eyes_of_shipped_heads_meet_the_target_within_a_degree(name):
    avatar = Avatar.open(avatar_path(f"builtin:{name}"))
    rig = measure_eyes(avatar)
    offsets = avatar.control_offsets("arkit52")
    rng = np.random.default_rng(8)
    errors = []
    for left, down in rng.uniform([-24, -14], [24, 16], (16, 2)):
        a, b = np.radians([left, down])
        target = rng.uniform(0.5, 3.0) * np.array([np.sin(a), -np.sin(b), np.cos(a) * np.cos(b)])
        turns = eye_turns(target, np.zeros(6), np.array(avatar.neck_pivot, np.float64), rig)
        code = eye_weights(turns, rig) @ offsets
        for eye in (0, 1):
            wanted = target - rig.centers_m[eye]
            cosine = looking_along(avatar, rig, eye, code) @ wanted / np.linalg.norm(wanted)
            errors.append(np.degrees(np.arccos(min(1.0, cosine))))
    assert np.mean(errors) < 0.6 and np.percentile(errors, 90) < 1.2


def test_the_studios_own_eyes_are_measured_as_they_were_made():
    rig = measure_eyes(Avatar.open(avatar_path("builtin:ada")))
    np.testing.assert_allclose(rig.full_deg, np.tile([34, 34, 24, 30], (2, 1)), atol=0.2)
    np.testing.assert_allclose(rig.centers_m[0], -rig.centers_m[1] * [1, -1, -1], atol=3e-4)
    assert 0.028 < rig.centers_m[0, 0] < 0.034 and DIRECTIONS == ("Out", "In", "Up", "Down")


def test_a_head_whose_eyes_do_not_turn_has_the_usual_ones(tmp_path):
    rig = measure_eyes(Avatar.open(small_linear_avatar(tmp_path / "small.uhap")))
    np.testing.assert_array_equal(rig.full_deg, EyeRig.usual().full_deg)
    np.testing.assert_array_equal(rig.centers_m, EyeRig.usual().centers_m)
