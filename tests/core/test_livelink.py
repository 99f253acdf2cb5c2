"""The Live Link Face CSV."""

import csv
from fractions import Fraction

import numpy as np
import pytest
from gaussian_heads.core.errors import CodeSpaceError, TrackError
from gaussian_heads.core.expression import ExpressionTrack
from gaussian_heads.core.livelink import (
    head_yaw_pitch_roll,
    read_livelink_csv,
    rotation_vectors,
    timecode,
    write_livelink_csv,
)
from gaussian_heads.core.spaces import ARKIT_INDEX


def make_track(code_space="arkit52"):
    codes = np.zeros((3, 52), np.float32)
    codes[1, ARKIT_INDEX["jawOpen"]] = 0.75
    codes[2, ARKIT_INDEX["jawLeft"]] = 0.5
    codes[2, ARKIT_INDEX["eyeBlinkRight"]] = 1.5
    head_pose = np.zeros((3, 6), np.float32)
    head_pose[1, 1] = 0.3
    return ExpressionTrack({"speech": codes}, head_pose, code_space, Fraction(30), 1.0)


def test_columns_carry_the_named_weights(tmp_path):
    write_livelink_csv(make_track(), tmp_path / "t.csv")
    with (tmp_path / "t.csv").open(newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert len(rows) == 3 and len(rows[0]) == 63
    assert float(rows[1]["JawOpen"]) == pytest.approx(0.75)
    assert float(rows[2]["JawLeft"]) == pytest.approx(0.5) and float(rows[2]["JawRight"]) == 0
    assert float(rows[2]["EyeBlinkRight"]) == 1.0
    assert float(rows[1]["HeadYaw"]) == pytest.approx(0.3, abs=1e-6)
    assert [row["Timecode"] for row in rows] == [
        "00:00:01:00.000",
        "00:00:01:01.000",
        "00:00:01:02.000",
    ]
    assert list(rows[0])[17:19] == ["JawRight", "JawLeft"]


def test_single_turns_are_single_angles():
    turns = np.array([[0, 0.4, 0], [0.4, 0, 0], [0, 0, 0.4], [0, 0, 0]], np.float32)
    np.testing.assert_allclose(
        head_yaw_pitch_roll(turns), [[0.4, 0, 0], [0, 0.4, 0], [0, 0, 0.4], [0, 0, 0]], atol=1e-6
    )


def test_timecode_counts_hours():
    assert timecode(Fraction(3723) + Fraction(12, 25), Fraction(25)) == "01:02:03:12.000"


def test_foreign_codes_are_refused(tmp_path):
    with pytest.raises(CodeSpaceError, match="uhap-1"):
        write_livelink_csv(make_track("uhap-1"), tmp_path / "t.csv")
    assert not list(tmp_path.iterdir())


def test_what_was_written_is_read_again(tmp_path):
    made = make_track()
    made.layers["speech"][2, ARKIT_INDEX["eyeBlinkRight"]] = 1.0
    made.head_pose[2, :3] = (0.2, -0.1, 0.3)
    write_livelink_csv(made, tmp_path / "t.csv")
    again = read_livelink_csv(tmp_path / "t.csv", Fraction(30))
    assert (again.fps, again.start_sec, again.code_space) == (Fraction(30), 1.0, "arkit52")
    np.testing.assert_allclose(again.codes(), made.codes(), atol=1e-6)
    np.testing.assert_allclose(again.head_pose, made.head_pose, atol=1e-6)


def test_the_rate_is_told_by_the_frame_numbers(tmp_path):
    codes = np.zeros((70, 52), np.float32)
    track = ExpressionTrack(
        {"speech": codes}, np.zeros((70, 6), np.float32), "arkit52", Fraction(60)
    )
    write_livelink_csv(track, tmp_path / "t.csv")
    assert read_livelink_csv(tmp_path / "t.csv").fps == 60


@pytest.mark.parametrize("text", ["", "Timecode,JawOpen\n00:00:00:00,0.5\n", "\x00\x01"])
def test_other_files_are_refused(tmp_path, text):
    (tmp_path / "t.csv").write_text(text)
    with pytest.raises(TrackError, match="not a Live Link Face recording"):
        read_livelink_csv(tmp_path / "t.csv")


def test_angles_and_rotation_vectors_agree():
    vectors = np.random.default_rng(1).normal(0, 0.5, (40, 3)).astype(np.float32)
    np.testing.assert_allclose(rotation_vectors(head_yaw_pitch_roll(vectors)), vectors, atol=1e-5)
