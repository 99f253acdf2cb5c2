"""The avatar that ships: it opens, moves the right way and looks as it must."""

from pathlib import Path

import gaussian_heads
import numpy as np
import pytest
from gaussian_heads.core.avatar import Avatar
from gaussian_heads.core.camera import Camera, intrinsics, look_at
from gaussian_heads.core.render import render
from gaussian_heads.core.spaces import ARKIT_BLENDSHAPES

pytest.importorskip("onnxruntime", reason="needs onnxruntime")

PATH = Path(gaussian_heads.__file__).parent / "assets" / "avatars" / "ada.uhap"
SIDE_PX = 256
# Points of the 68 landmarks.
CHIN, MOUTH_LEFT, MOUTH_RIGHT = 8, 54, 48
UPPER_INNER, LOWER_INNER = [61, 62, 63], [67, 66, 65]
EYE_LEFT, EYE_RIGHT = [42, 43, 44, 45, 46, 47], [36, 37, 38, 39, 40, 41]
LID_PAIRS = {"Left": [(43, 47), (44, 46)], "Right": [(37, 41), (38, 40)]}


@pytest.fixture(scope="module")
def avatar():
    return Avatar.open(PATH)


@pytest.fixture(scope="module")
def at_rest(avatar):
    return avatar.landmarks(code_of())


def code_of(**weights):
    """Code of named weights; a name without its side stands for both."""
    code = np.zeros(52, np.float32)
    for name, weight in weights.items():
        names = [name] if name in ARKIT_BLENDSHAPES else [f"{name}Left", f"{name}Right"]
        for full in names:
            code[ARKIT_BLENDSHAPES.index(full)] = weight
    return code


def camera_at(target, width_m):
    """A camera in front of the face that shows `width_m` metres around `target`."""
    eye = np.asarray(target, float) + np.array([0.0, 0.0, 1.0])
    matrix = look_at(eye, np.asarray(target, float), np.array([0.0, 1.0, 0.0]))
    return Camera(matrix, intrinsics(SIDE_PX / width_m, SIDE_PX, SIDE_PX), SIDE_PX, SIDE_PX)


def picture(avatar, code, camera):
    return render(avatar.decode(code, None), camera, backend="cpu").colors


def pixels_of(points, camera):
    """Image positions `[N, 2]` (x, y) of points in the avatar frame."""
    local = points @ camera.viewmat[:3, :3].T + camera.viewmat[:3, 3]
    return local[:, :2] / local[:, 2:] * camera.K[0, 0] + camera.K[:2, 2]


def lip_gap_mm(avatar, **weights):
    points = avatar.landmarks(code_of(**weights))
    gap = (points[UPPER_INNER, 1] - points[LOWER_INNER, 1]).mean() * 1e3
    return gap - avatar.manifest.info.lip_contact_offset_mm


def test_package_is_small_and_says_what_it_is(avatar):
    assert PATH.stat().st_size <= 6_000_000
    assert 50_000 <= avatar.num_gaussians <= 110_000
    assert avatar.code_space == "arkit52" and avatar.channel_names == ARKIT_BLENDSHAPES
    info = avatar.manifest.info
    assert info.licence == "CC-BY-4.0" and info.provenance.is_synthetic
    for source in ("ICT-FaceKit", "Lee Perry-Smith", "HumanShaders"):
        assert any(source in credit for credit in info.credits), source


def test_every_control_decodes_to_finite_gaussians_of_plausible_size(avatar):
    for channel in range(52):
        code = np.zeros(52, np.float32)
        code[channel] = 1.0
        gaussians = avatar.decode(code, None)
        assert np.isfinite(gaussians.means).all() and np.isfinite(gaussians.quats).all()
        assert np.abs(gaussians.means).max() < 0.5
        assert 0 < gaussians.scales.min() and gaussians.scales.max() < 0.03
        assert gaussians.colors.min() >= 0 and gaussians.colors.max() <= 1


def test_decode_does_not_remember(avatar):
    first = avatar.decode(code_of(jawOpen=0.4), None)
    avatar.decode(code_of(mouthSmile=1.0, eyeBlink=1.0), None)
    again = avatar.decode(code_of(jawOpen=0.4), None)
    np.testing.assert_array_equal(first.means, again.means)
    np.testing.assert_array_equal(first.colors, again.colors)


def test_landmarks_stand_where_a_face_has_them(at_rest):
    eyes = 0.5 * (at_rest[EYE_LEFT].mean(0) + at_rest[EYE_RIGHT].mean(0))
    assert np.abs(eyes[:2]).max() < 0.008
    assert at_rest[EYE_LEFT, 0].mean() > 0.02 and at_rest[EYE_RIGHT, 0].mean() < -0.02
    assert at_rest[MOUTH_LEFT, 0] > at_rest[MOUTH_RIGHT, 0]
    brows, nose, mouth = at_rest[17:27, 1].mean(), at_rest[33, 1], at_rest[48:68, 1].mean()
    assert brows > eyes[1] > nose > mouth > at_rest[CHIN, 1]
    assert at_rest[30, 2] == at_rest[:, 2].max()


def test_jaw_opens_downwards_and_the_lips_part(avatar, at_rest):
    opened = avatar.landmarks(code_of(jawOpen=1.0))
    assert at_rest[CHIN, 1] - opened[CHIN, 1] > 0.015
    assert abs(at_rest[27, 1] - opened[27, 1]) < 1e-3
    assert lip_gap_mm(avatar, jawOpen=1.0) > 15


def test_lips_touch_at_rest_and_when_they_should(avatar):
    assert abs(lip_gap_mm(avatar)) < 0.3
    assert lip_gap_mm(avatar, jawOpen=0.5, mouthClose=0.5) < 1.5
    assert lip_gap_mm(avatar, mouthPress=1.0) < 0.3
    assert lip_gap_mm(avatar, mouthRollLower=0.6, mouthRollUpper=0.6) < 0.6


def test_left_is_the_persons_left(avatar, at_rest):
    smile = avatar.landmarks(code_of(mouthSmileLeft=1.0)) - at_rest
    assert np.linalg.norm(smile[MOUTH_LEFT]) > 5 * np.linalg.norm(smile[MOUTH_RIGHT])
    assert smile[MOUTH_LEFT, 0] > 0 and smile[MOUTH_LEFT, 1] > 0
    for side, pairs in LID_PAIRS.items():
        blink = avatar.landmarks(code_of(**{f"eyeBlink{side}": 1.0}))
        for upper, lower in pairs:
            assert blink[upper, 1] - blink[lower, 1] < 0.3 * (at_rest[upper, 1] - at_rest[lower, 1])


def test_open_mouth_is_dark_inside(avatar):
    code = code_of(jawOpen=0.9)
    points = avatar.landmarks(code)
    camera = camera_at(points[60:68].mean(0), 0.1)
    shown = picture(avatar, code, camera).mean(axis=2)
    inner = pixels_of(points[UPPER_INNER + LOWER_INNER], camera)
    low, high = np.floor(inner.min(0)).astype(int), np.ceil(inner.max(0)).astype(int)
    inside = shown[low[1] : high[1], low[0] : high[0]]
    cheek = np.median(shown[:, : SIDE_PX // 8])
    assert (inside < 0.45 * cheek).mean() > 0.2
    closed = picture(avatar, code_of(), camera).mean(axis=2)[low[1] : high[1], low[0] : high[0]]
    assert (closed < 0.45 * cheek).mean() < 0.1


@pytest.mark.parametrize("side", ["Left", "Right"])
def test_blink_hides_the_iris_and_only_on_its_side(avatar, at_rest, side):
    eye = at_rest[EYE_LEFT if side == "Left" else EYE_RIGHT].mean(0)
    camera = camera_at(eye, 0.03)
    centre = slice(SIDE_PX // 2 - 40, SIDE_PX // 2 + 40)
    opened = picture(avatar, code_of(), camera)[centre, centre]
    closed = picture(avatar, code_of(**{f"eyeBlink{side}": 1.0}), camera)[centre, centre]
    other = "Right" if side == "Left" else "Left"
    unmoved = picture(avatar, code_of(**{f"eyeBlink{other}": 1.0}), camera)[centre, centre]
    assert opened.mean(axis=2).min() < 0.12  # the pupil
    assert eye_share(opened) > 0.2 and eye_share(closed) < 0.01
    np.testing.assert_allclose(unmoved, opened, atol=0.02)


def eye_share(colors):
    """Share of pixels that are as green as red: an iris and its white are, skin is not."""
    return float((colors[..., 1] > 0.86 * colors[..., 0]).mean())


def test_skin_is_closed_and_the_silhouette_empty_outside(avatar, at_rest):
    camera = camera_at(at_rest[27:36].mean(0), 0.08)
    alphas = render(avatar.decode(code_of(), None), camera, backend="cpu").alphas
    assert alphas.min() > 0.98
    far = camera_at((0.0, 0.0, 0.0), 0.6)
    corners = render(avatar.decode(code_of(), None), far, backend="cpu").alphas[:40, [0, -1]]
    assert corners.max() == 0


def test_head_pose_moves_the_head_and_leaves_the_shoulders(avatar):
    pose = np.array([0.0, 0.3, 0.0, 0.0, 0.0, 0.0], np.float32)
    still, turned = avatar.decode(code_of(), None).means, avatar.decode(code_of(), pose).means
    moved = np.linalg.norm(turned - still, axis=1)
    assert moved[still[:, 1] < -0.25].max() < 1e-6
    assert moved[(still[:, 2] > 0.02) & (still[:, 1] > -0.05)].min() > 0.02
