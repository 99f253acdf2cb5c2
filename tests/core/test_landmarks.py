"""Landmarks of heads that perform, where cameras see them, and the files they are written to."""

import csv
import json
from fractions import Fraction

import numpy as np
import pytest
from gaussian_heads.core.avatar import Avatar
from gaussian_heads.core.avatar.pose import pose_points
from gaussian_heads.core.camera import Camera, intrinsics, look_at
from gaussian_heads.core.errors import AvatarError, TrackError
from gaussian_heads.core.exporters.landmarks import (
    LandmarkMotion,
    SeenLandmarks,
    write_landmarks,
)
from gaussian_heads.core.expression import ExpressionTrack
from gaussian_heads.core.landmarks import seen_points, track_landmarks
from gaussian_heads.core.spaces import ARKIT_SPACE, arkit_vector

from .small_heads import JAW_DROP_M, LOWER_LIP, small_linear_avatar

POSE = np.array([0.1, 0.4, -0.2, 0.01, 0.02, -0.03], np.float32)


@pytest.fixture(scope="module")
def avatar(tmp_path_factory):
    return Avatar.open(small_linear_avatar(tmp_path_factory.mktemp("landmarks") / "a.uhap"))


def opening_track():
    """The jaw opens over three frames, the head turns on the last."""
    codes = np.array([arkit_vector({"jawOpen": weight}) for weight in (0.0, 0.5, 1.0)], np.float32)
    poses = np.zeros((3, 6), np.float32)
    poses[2] = POSE
    return ExpressionTrack({"speech": codes}, poses, ARKIT_SPACE, Fraction(25), 2.0)


def motion(space="avatar", seen=None, count=4):
    rng = np.random.default_rng(2)
    points = rng.normal(0, 0.1, (count, 68, 3)).astype(np.float32)
    frames = 10 + 2 * np.arange(count)
    fps = Fraction(30000, 1001)
    return LandmarkMotion("Maya", frames, frames / float(fps), fps, points, space, seen)


def read_csv(path):
    with path.open(newline="") as stream:
        return list(csv.DictReader(stream))


def test_a_track_moves_the_landmarks_and_its_pose_where_asked(avatar):
    still = track_landmarks(opening_track(), avatar)
    drops = -(still[:, LOWER_LIP, 1] - still[0, LOWER_LIP, 1])
    assert drops.mean(1) == pytest.approx([0, JAW_DROP_M / 2, JAW_DROP_M], abs=1e-5)
    posed = track_landmarks(opening_track(), avatar, is_posed=True)
    np.testing.assert_array_equal(posed[:2], still[:2])
    np.testing.assert_allclose(posed[2], pose_points(still[2], POSE, avatar.neck_pivot), atol=1e-7)
    assert np.abs(posed[2] - still[2]).max() > 0.01


def test_strengths_weigh_the_layers(avatar):
    half = track_landmarks(opening_track(), avatar, {"speech": 0.5})
    np.testing.assert_allclose(half[2], track_landmarks(opening_track(), avatar)[1], atol=1e-6)


def test_a_head_without_landmarks_is_named(tmp_path):
    bare = Avatar.open(small_linear_avatar(tmp_path / "b.uhap", has_landmarks=False))
    with pytest.raises(AvatarError, match="'Small Head' has no landmarks: choose another avatar"):
        track_landmarks(opening_track(), bare)


@pytest.mark.parametrize("is_orthographic", [False, True])
def test_points_are_seen_from_the_top_left(is_orthographic):
    view = look_at(np.array([0.0, 0, 2]), np.zeros(3), np.array([0.0, 1, 0]))
    K = intrinsics(100.0, 64, 48)
    camera = Camera(view, K, 64, 48, is_orthographic)
    points = np.array([[0.0, 0, 0], [0.2, 0.1, 0], [0, 0, 3]])
    pixels, is_before = seen_points(points, camera)
    scale = 100.0 if is_orthographic else 50.0
    np.testing.assert_allclose(
        pixels[:2], [[32, 24], [32 + 0.2 * scale, 24 - 0.1 * scale]], atol=1e-4
    )
    assert is_before.tolist() == [True, True, False] and np.isnan(pixels[2]).all()


def test_table_without_a_camera_has_metres_alone(tmp_path):
    written = motion()
    write_landmarks(written, tmp_path / "a.csv")
    rows = read_csv(tmp_path / "a.csv")
    assert list(rows[0])[:5] == ["frame", "time_sec", "x_0", "y_0", "z_0"]
    assert len(rows[0]) == 2 + 3 * 68
    assert [int(row["frame"]) for row in rows] == [10, 12, 14, 16]
    times = [float(row["time_sec"]) for row in rows]
    assert times == pytest.approx(written.times_sec.tolist(), abs=1e-6)
    assert float(rows[3]["y_67"]) == pytest.approx(written.points_m[3, 67, 1], abs=1e-7)


def test_table_and_arrays_agree(tmp_path):
    rng = np.random.default_rng(3)
    pixels = rng.uniform(-50, 2000, (4, 68, 2)).astype(np.float32)
    is_before = np.ones((4, 68), bool)
    is_before[1, 5], pixels[1, 5] = False, np.nan
    written = motion("world", SeenLandmarks(pixels, is_before, (1920, 1080)))
    write_landmarks(written, tmp_path / "a.csv")
    write_landmarks(written, tmp_path / "a.npz")
    rows = read_csv(tmp_path / "a.csv")
    assert (rows[1]["u_5"], rows[1]["v_5"], rows[1]["before_5"]) == ("", "", "0")
    with np.load(tmp_path / "a.npz", allow_pickle=False) as arrays:
        assert arrays["frames"].tolist() == [int(row["frame"]) for row in rows]
        assert arrays["size_px"].tolist() == [1920, 1080]
        assert arrays["fps"] == pytest.approx(29.97003)
        for row, points, seen, before in zip(
            rows,
            arrays["points_m"],
            arrays["points_px"],
            arrays["is_before_camera"],
            strict=True,
        ):
            table = [[float(row[f"{axis}_{i}"]) for axis in "xyz"] for i in range(68)]
            np.testing.assert_allclose(table, points, atol=1e-7)
            table = [[float(row[f"{axis}_{i}"] or "nan") for axis in "uv"] for i in range(68)]
            np.testing.assert_allclose(table, seen, atol=1e-3)
            assert [row[f"before_{i}"] == "1" for i in range(68)] == before.tolist()
        header = json.loads(str(arrays["header"]))
    assert (header["avatar"], header["space"], header["fps"]) == ("Maya", "world", [30000, 1001])
    assert "Z up" in header["axes"] and header["units"]["points_m"] == "m"
    assert "top left" in header["pixels"]


def test_other_endings_are_refused_and_nothing_is_left(tmp_path):
    with pytest.raises(TrackError, match="written as .csv or .npz, not 'a.txt'"):
        write_landmarks(motion(), tmp_path / "a.txt")
    assert not list(tmp_path.iterdir())
