"""The measured lip gap against what a camera sees of the mouth's inside on every built-in head.

The inside is found without colour: pixels within the lips that lie deeper than the line where they meet.
"""

import numpy as np
import pytest
from gaussian_heads.core.assets import builtin_avatars
from gaussian_heads.core.avatar import Avatar
from gaussian_heads.core.camera import Camera, intrinsics, look_at
from gaussian_heads.core.measure import measure_landmarks
from gaussian_heads.core.render import render
from gaussian_heads.core.spaces import arkit_vector

SIDE_PX, DISTANCE_M, FOCAL_PX = 400, 0.5, 2500.0
INNER_LIPS = slice(60, 68)
BEHIND_LIPS_M = 0.004


@pytest.fixture(scope="module", params=list(builtin_avatars()))
def avatar(request):
    return Avatar.open(builtin_avatars()[request.param])


def code_of(avatar, weights):
    """Code of ARKit weights by name, whatever space the avatar's codes live in."""
    return arkit_vector(weights) @ avatar.control_offsets("arkit52")


def inside_area_mm2(avatar, code):
    """Area of the mouth's inside that shows from the front, in mm² at the lips."""
    points = avatar.landmarks(code)
    mouth = points[INNER_LIPS].mean(0).astype(np.float64)
    eye = mouth + (0, 0, DISTANCE_M)
    viewmat = look_at(eye, mouth, np.array([0.0, 1.0, 0.0]))
    camera = Camera(viewmat, intrinsics(FOCAL_PX, SIDE_PX, SIDE_PX), SIDE_PX, SIDE_PX)
    depths = render(avatar.decode(code), camera, backend="cpu").depths
    left, right = points[54], points[48]
    columns = (
        SIDE_PX / 2 + FOCAL_PX * np.sort([left[0] - mouth[0], right[0] - mouth[0]]) / DISTANCE_M
    )
    # Within the corners the lips bend back: compare with the inner lips' own depth at that column.
    lips = points[INNER_LIPS][np.argsort(points[INNER_LIPS][:, 0])]
    across = mouth[0] + (np.arange(SIDE_PX) + 0.5 - SIDE_PX / 2) * DISTANCE_M / FOCAL_PX
    lip_depths = DISTANCE_M - (np.interp(across, lips[:, 0], lips[:, 2]) - mouth[2])
    inside = depths > lip_depths + BEHIND_LIPS_M
    margin = 0.1 * (columns[1] - columns[0])
    inside[:, : int(columns[0] + margin)] = inside[:, int(columns[1] - margin) :] = False
    low, high = points[57][1] - mouth[1], points[51][1] - mouth[1]
    rows = np.arange(SIDE_PX) + 0.5
    height = (SIDE_PX / 2 - rows) * DISTANCE_M / FOCAL_PX
    inside[(height < low) | (height > high)] = False
    return float(inside.sum() * (1000 * DISTANCE_M / FOCAL_PX) ** 2)


def lip_gap_mm(avatar, code):
    neutral = avatar.landmarks(np.zeros(avatar.code_dim, np.float32))
    columns = measure_landmarks(avatar.landmarks(code)[None], neutral, avatar.lip_contact_offset_mm)
    return float(columns["lip_gap"][0])


def poses():
    for jaw in (0.0, 0.1, 0.2, 0.35, 0.5, 0.7, 1.0):
        yield {"jawOpen": jaw}
        yield {"jawOpen": jaw, "mouthClose": jaw}
        yield {"jawOpen": jaw, "mouthFunnel": 0.5}
        yield {"jawOpen": jaw, "mouthLowerDown": 0.4, "mouthStretch": 0.3}


def test_gap_follows_what_is_seen(avatar):
    codes = [code_of(avatar, weights) for weights in poses()]
    measured = np.array([[lip_gap_mm(avatar, c), inside_area_mm2(avatar, c)] for c in codes])
    assert measured[:, 1].max() > 200
    assert np.corrcoef(measured.T)[0, 1] > 0.95


@pytest.mark.parametrize(
    "weights",
    [
        {},
        {"mouthPress": 1.0},
        {"mouthRollLower": 0.5, "mouthRollUpper": 0.5},
        {"jawOpen": 0.3, "mouthClose": 0.35},
    ],
    ids=str,
)
def test_lips_pressed_through_each_other_are_closed(avatar, weights):
    code = code_of(avatar, weights)
    assert lip_gap_mm(avatar, code) < 0.5
    assert inside_area_mm2(avatar, code) < 10
