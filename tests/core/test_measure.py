"""The curve of what the mouth does: known landmarks in, known millimetres out."""

import csv
from fractions import Fraction

import numpy as np
import pytest
from gaussian_heads.core.avatar import Avatar
from gaussian_heads.core.errors import AvatarError, CodeSpaceError
from gaussian_heads.core.expression import ExpressionTrack
from gaussian_heads.core.measure import (
    COLUMNS,
    INNER_LOWER,
    INNER_UPPER,
    LEFT_CORNER,
    RIGHT_CORNER,
    measure_landmarks,
    measure_track,
    signed_lip_gap,
)
from gaussian_heads.core.spaces import ARKIT_SPACE, arkit_vector

from .small_heads import JAW_DROP_M, small_linear_avatar


def mouth(gap_m, width_m=0.05, roll=0.0):
    """68 landmarks with lips `gap_m` apart, the whole mouth rolled by `roll` radians."""
    points = np.zeros((68, 3), np.float32)
    points[RIGHT_CORNER, 0], points[LEFT_CORNER, 0] = -width_m / 2, width_m / 2
    for x, upper, lower in zip((-0.01, 0, 0.01), INNER_UPPER, INNER_LOWER, strict=True):
        points[upper], points[lower] = (x, gap_m / 2, 0.002), (x, -gap_m / 2, 0.0)
    turn = np.array([[np.cos(roll), -np.sin(roll), 0], [np.sin(roll), np.cos(roll), 0], [0, 0, 1]])
    return (points @ turn.T).astype(np.float32)


def still_track(codes, code_space=ARKIT_SPACE, fps=Fraction(25), start_sec=0.0):
    codes = np.asarray(codes, np.float32)
    return ExpressionTrack(
        {"speech": codes}, np.zeros((len(codes), 6), np.float32), code_space, fps, start_sec
    )


@pytest.fixture(scope="module")
def avatar(tmp_path_factory):
    return Avatar.open(small_linear_avatar(tmp_path_factory.mktemp("measure") / "a.uhap"))


@pytest.mark.parametrize("roll", [0.0, 0.4, -0.9])
def test_gap_lies_along_the_mouths_own_up_axis(roll):
    gaps = signed_lip_gap(np.stack([mouth(0.012, roll=roll), mouth(-0.003, roll=roll)]))
    assert gaps == pytest.approx([0.012, -0.003], abs=1e-6)


def test_contact_offset_is_taken_off_and_overlap_is_closed():
    points = np.stack([mouth(0.0108), mouth(0.0008), mouth(-0.002)])
    columns = measure_landmarks(points, mouth(0.0008), 0.8)
    assert columns["lip_gap"] == pytest.approx([10.0, 0.0, 0.0], abs=1e-3)


def test_width_and_protrusion_are_millimetres():
    wide = mouth(0.0, width_m=0.06)
    wide[48:60, 2] += 0.004
    columns = measure_landmarks(wide[None], mouth(0.0), 0.0)
    assert columns["mouth_width"] == pytest.approx([60.0], abs=1e-3)
    assert columns["lip_protrusion"] == pytest.approx([4.0], abs=1e-3)


def test_jaw_of_a_decoded_avatar_opens_the_lips_by_its_drop(avatar):
    weights = (0.0, 0.5, 1.0)
    track = still_track([arkit_vector({"jawOpen": weight}) for weight in weights])
    gap = measure_track(track, avatar).columns_mm["lip_gap"]
    drop_mm = 1000 * JAW_DROP_M
    assert gap - gap[0] == pytest.approx([0, drop_mm / 2, drop_mm], abs=1e-2)


def test_strengths_weigh_the_layers(avatar):
    track = still_track([arkit_vector({"jawOpen": 1.0})])
    full = measure_track(track, avatar).columns_mm["jaw_drop"]
    half = measure_track(track, avatar, {"speech": 0.5}).columns_mm["jaw_drop"]
    assert half == pytest.approx(0.5 * full, rel=1e-4) and full > 1.0


def test_csv_has_seconds_and_millimetres(avatar, tmp_path):
    codes = [arkit_vector({"jawOpen": weight}) for weight in (0.0, 1.0)]
    track = still_track(codes, fps=Fraction(30000, 1001), start_sec=2.0)
    measurement = measure_track(track, avatar)
    measurement.write_csv(tmp_path / "m.csv")
    with (tmp_path / "m.csv").open(newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert list(rows[0]) == ["time", *COLUMNS]
    times = [float(row["time"]) for row in rows]
    assert times == pytest.approx([2.0, 2.0 + 1001 / 30000], abs=1e-6)
    gaps = [float(row["lip_gap"]) for row in rows]
    assert gaps == pytest.approx(measurement.columns_mm["lip_gap"].tolist(), abs=1e-3)


def test_an_avatar_without_landmarks_is_named(tmp_path):
    bare = Avatar.open(small_linear_avatar(tmp_path / "b.uhap", has_landmarks=False))
    with pytest.raises(AvatarError, match="'Small Head' has no landmarks"):
        measure_track(still_track(np.zeros((2, 52))), bare)


def test_a_foreign_code_space_is_refused(avatar):
    with pytest.raises(CodeSpaceError, match="uhap-0123"):
        measure_track(still_track(np.zeros((2, 52)), code_space="uhap-0123"), avatar)
