"""What the named controls do to every built-in head, in millimetres on its own landmarks."""

import numpy as np
import pytest
from gaussian_heads.core.assets import builtin_avatars
from gaussian_heads.core.avatar import Avatar
from gaussian_heads.core.measure import measure_landmarks
from gaussian_heads.core.spaces import ACTION_UNITS, META_VISEMES

FULL_INTENSITY = 5
BROWS, INNER_BROWS, CORNERS = slice(17, 27), [21, 22], [48, 54]


@pytest.fixture(scope="module", params=list(builtin_avatars()))
def avatar(request):
    return Avatar.open(builtin_avatars()[request.param])


@pytest.fixture(scope="module")
def neutral(avatar):
    return avatar.landmarks(np.zeros(avatar.code_dim, np.float32))


def viseme(avatar, neutral, name):
    code = avatar.control_offsets("visemes")[META_VISEMES.index(f"viseme_{name}")]
    return measured(avatar, neutral, code)


def action_unit(avatar, name):
    return FULL_INTENSITY * avatar.control_offsets("au")[ACTION_UNITS.index(name)]


def measured(avatar, neutral, code):
    points = avatar.landmarks(code)[None]
    columns = measure_landmarks(points, neutral, avatar.lip_contact_offset_mm)
    return {name: float(column[0]) for name, column in columns.items()}


def test_bilabials_close_and_vowels_open(avatar, neutral):
    assert viseme(avatar, neutral, "sil")["lip_gap"] < 0.3
    assert viseme(avatar, neutral, "PP")["lip_gap"] < 0.3
    gaps = [viseme(avatar, neutral, name)["lip_gap"] for name in ("FF", "SS", "E", "aa")]
    assert gaps == sorted(gaps) and gaps[-1] > 10


def test_rounded_vowels_are_narrow_and_protrude(avatar, neutral):
    rounded, spread = (viseme(avatar, neutral, name) for name in ("U", "I"))
    assert rounded["mouth_width"] < spread["mouth_width"] - 8
    assert rounded["lip_protrusion"] > spread["lip_protrusion"] + 2


@pytest.mark.parametrize(
    ("name", "points", "axis", "least_mm"),
    [
        ("AU01", INNER_BROWS, (0, 1, 0), 2),
        ("AU02", [18, 25], (0, 1, 0), 2),
        ("AU04", INNER_BROWS, (0, -1, 0), 2),
        ("AU10", [50, 52], (0, 1, 0), 2),
        ("AU12", CORNERS, (0, 1, 0), 2),
        ("AU15", CORNERS, (0, -1, 0), 2),
        ("AU17", [57], (0, 1, 0), 1),
        ("AU26", [8], (0, -1, 0), 8),
    ],
)
def test_action_units_move_what_facs_says(avatar, neutral, name, points, axis, least_mm):
    moved = avatar.landmarks(action_unit(avatar, name)) - neutral
    assert 1000 * (moved[points] @ np.float32(axis)).mean() > least_mm


@pytest.mark.parametrize(("name", "closes"), [("AU05", False), ("AU07", True), ("AU45", True)])
def test_lids(avatar, neutral, name, closes):
    at_rest = measured(avatar, neutral, np.zeros(avatar.code_dim, np.float32))["eye_opening"]
    opening = measured(avatar, neutral, action_unit(avatar, name))["eye_opening"]
    assert (opening < at_rest) == closes
    if name == "AU45":
        assert opening < 0.25 * at_rest


@pytest.mark.parametrize("name", ["AU23", "AU28"])
def test_tight_and_sucked_lips_stay_closed(avatar, neutral, name):
    assert measured(avatar, neutral, action_unit(avatar, name))["lip_gap"] < 0.3
