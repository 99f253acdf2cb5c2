"""The Live Link Face CSV."""

import csv
from fractions import Fraction

import numpy as np
import pytest
from gaussian_heads.core.errors import CodeSpaceError, TrackError
from gaussian_heads.core.expression import ExpressionTrack
from gaussian_heads.core.livelink import (
    HEADER,
    head_yaw_pitch_roll,
    read_livelink_csv,
    rotation_vectors,
    timecode,
    write_livelink_csv,
)
from gaussian_heads.core.spaces import ARKIT_INDEX

HEADER_LINE = ",".join(HEADER) + "\n"


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


@pytest.mark.parametrize("fps", [24, 25, 60, Fraction(30000, 1001), Fraction(24000, 1001)])
@pytest.mark.parametrize("start_sec", [0.0, 1 / 24, 13 / 29.97, 3599.9])
def test_the_rate_and_every_frame_come_back(tmp_path, fps, start_sec):
    codes = np.zeros((200, 52), np.float32)
    codes[:, ARKIT_INDEX["jawOpen"]] = np.random.default_rng(6).uniform(0, 1, 200)
    pose = np.zeros((200, 6), np.float32)
    track = ExpressionTrack({"speech": codes}, pose, "arkit52", Fraction(fps), start_sec)
    write_livelink_csv(track, tmp_path / "t.csv")
    again = read_livelink_csv(tmp_path / "t.csv")
    assert again.fps == fps and again.start_sec == pytest.approx(start_sec, abs=1e-4)
    np.testing.assert_allclose(again.codes(), codes, atol=1e-6)


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


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "no table"),
        ("\x00\x01", "no table"),
        ("a" * 200_000 + ",b\n1,2\n", "not a table of text"),
        ("Timecode,JawOpen\n00:00:00:00,0.5\n", "not a Live Link Face recording"),
        (HEADER_LINE + "00:00:xx:00," + ",".join("0" * 62) + "\n", "not a Live Link Face"),
        (HEADER_LINE + "00:00:00:inf," + ",".join("0" * 62) + "\n", "timecodes"),
        (HEADER_LINE + "00:00:00:00" + ",x" * 62 + "\n", "no numbers"),
        (
            HEADER_LINE
            + "00:00:00:00,"
            + ",".join("0" * 62)
            + "\n"
            + "99:00:00:24,"
            + ",".join("0" * 62)
            + "\n",
            "cut it into parts",
        ),
    ],
)
def test_other_files_are_refused(tmp_path, text, reason):
    (tmp_path / "t.csv").write_text(text)
    with pytest.raises(TrackError, match=reason):
        read_livelink_csv(tmp_path / "t.csv")


def test_a_file_that_is_too_large_is_refused_before_it_is_read(tmp_path):
    with (tmp_path / "t.csv").open("wb") as stream:
        stream.truncate(2**28 + 1)
    with pytest.raises(TrackError, match="larger than 256 MiB"):
        read_livelink_csv(tmp_path / "t.csv")


def rows_of(track, tmp_path):
    write_livelink_csv(track, tmp_path / "t.csv")
    with (tmp_path / "t.csv").open(newline="") as stream:
        return list(csv.DictReader(stream))


def write_rows(rows, path, separator=",", encoding="utf8", newline="\r\n"):
    lines = [separator.join(rows[0])]
    lines += [separator.join(row.values()) for row in rows]
    path.write_bytes((newline.join(lines) + newline).encode(encoding))


@pytest.mark.parametrize("encoding", ["utf8", "utf-8-sig", "utf-16"])
@pytest.mark.parametrize(("separator", "comma"), [(",", False), (";", True), ("\t", False)])
def test_spreadsheets_spellings_are_read(tmp_path, encoding, separator, comma):
    made = make_track()
    rows = rows_of(made, tmp_path)
    if comma:
        rows = [
            {k: v.replace(".", ",") if k != "Timecode" else v for k, v in r.items()} for r in rows
        ]
    write_rows(rows, tmp_path / "s.csv", separator, encoding)
    again = read_livelink_csv(tmp_path / "s.csv", Fraction(30))
    np.testing.assert_allclose(again.codes(), np.clip(made.codes(), 0, 1), atol=1e-6)
    np.testing.assert_allclose(again.head_pose, made.head_pose, atol=1e-6)


def test_eyes_turn_as_far_as_their_controls_say(tmp_path):
    track = make_track()
    left, down = 0.5 * np.radians(34), 0.25 * np.radians(30)
    for name, value in {
        "eyeLookOutLeft": 0.5,
        "eyeLookInRight": 0.5,
        "eyeLookDownLeft": 0.25,
    }.items():
        track.layers["speech"][1, ARKIT_INDEX[name]] = value
    track.layers["speech"][2, ARKIT_INDEX["eyeLookUpRight"]] = 1.0
    rows = rows_of(track, tmp_path)
    assert float(rows[1]["LeftEyeYaw"]) == pytest.approx(left, abs=1e-6)
    assert float(rows[1]["RightEyeYaw"]) == pytest.approx(left, abs=1e-6)
    assert float(rows[1]["LeftEyePitch"]) == pytest.approx(down, abs=1e-6)
    assert float(rows[1]["RightEyePitch"]) == 0 and float(rows[1]["LeftEyeRoll"]) == 0
    assert float(rows[2]["RightEyePitch"]) == pytest.approx(-np.radians(24), abs=1e-6)


def test_eyes_that_are_only_angles_become_weights(tmp_path):
    track = make_track()
    for name, value in {"eyeLookInLeft": 0.3, "eyeLookOutRight": 0.3, "eyeLookUpLeft": 0.7}.items():
        track.layers["speech"][1, ARKIT_INDEX[name]] = value
    rows = rows_of(track, tmp_path)
    kept = [{k: v for k, v in row.items() if not k.startswith("EyeLook")} for row in rows]
    write_rows(kept, tmp_path / "s.csv")
    again = read_livelink_csv(tmp_path / "s.csv", Fraction(30))
    np.testing.assert_allclose(again.codes(), np.clip(track.codes(), 0, 1), atol=1e-6)


def test_missing_columns_rest_and_order_is_free(tmp_path):
    rows = rows_of(make_track(), tmp_path)
    kept = [
        {name: row[name] for name in ("JawRight", "JawOpen", "JawLeft", "Timecode")} for row in rows
    ]
    write_rows(kept, tmp_path / "s.csv")
    codes = read_livelink_csv(tmp_path / "s.csv").codes()
    expected = np.zeros((3, 52), np.float32)
    expected[1, ARKIT_INDEX["jawOpen"]], expected[2, ARKIT_INDEX["jawLeft"]] = 0.75, 0.5
    np.testing.assert_allclose(codes, expected, atol=1e-6)


def test_numbers_that_are_missing_are_bridged(tmp_path):
    track = make_track()
    track.layers["speech"][:, ARKIT_INDEX["jawOpen"]] = (0.2, 0.9, 0.6)
    rows = rows_of(track, tmp_path)
    rows[1]["JawOpen"] = "nan"
    rows[2]["HeadYaw"] = ""
    write_rows(rows, tmp_path / "s.csv")
    again = read_livelink_csv(tmp_path / "s.csv", Fraction(30))
    assert again.codes()[1, ARKIT_INDEX["jawOpen"]] == pytest.approx(0.4)
    assert again.head_pose[2, 1] == pytest.approx(0.3, abs=1e-6)


def test_dropped_frames_leave_their_time(tmp_path):
    track = make_track()
    track.layers["speech"][:, ARKIT_INDEX["jawOpen"]] = (0.0, 0.3, 0.9)
    rows = rows_of(track, tmp_path)
    for row, frame in zip(rows, ("00.1", "01.0", "03.2"), strict=True):
        row["Timecode"] = f"00:00:07:{frame}"
    write_rows(rows, tmp_path / "s.csv")
    again = read_livelink_csv(tmp_path / "s.csv", Fraction(30))
    jaw = again.codes()[:, ARKIT_INDEX["jawOpen"]]
    np.testing.assert_allclose(jaw, [0.0, 0.3, 0.6, 0.9], atol=1e-6)
    assert again.start_sec == pytest.approx(7 + 0.1 / 30)


def test_late_clocks_add_no_frames(tmp_path):
    codes = np.zeros((600, 52), np.float32)
    pose = np.zeros((600, 6), np.float32)
    track = ExpressionTrack({"speech": codes}, pose, "arkit52", Fraction(30))
    rows = rows_of(track, tmp_path)
    jitter = np.random.default_rng(2).uniform(-0.3, 0.3, 600)
    for i, row in enumerate(rows):
        frame = max(0.0, i % 30 + jitter[i])
        row["Timecode"] = f"00:00:{i // 30:02d}:{frame:06.3f}"
    write_rows(rows, tmp_path / "s.csv")
    assert read_livelink_csv(tmp_path / "s.csv", Fraction(30)).num_frames == 600


def test_midnight_is_no_gap(tmp_path):
    rows = rows_of(make_track(), tmp_path)
    for row, stamp in zip(rows, ("23:59:59:28", "23:59:59:29", "00:00:00:00"), strict=True):
        row["Timecode"] = stamp
    write_rows(rows, tmp_path / "s.csv")
    assert read_livelink_csv(tmp_path / "s.csv").num_frames == 3


@pytest.mark.parametrize("column", ["timeCode", "time", "timestamp_ms"])
def test_seconds_tell_the_rate(tmp_path, column):
    unit = 1000 if column.endswith("ms") else 1
    lines = [f",{column},blendShapes.EyeBlinkLeft,blendShapes.JawOpen,blendShapes.MouthClose"]
    lines += [f"{i},{unit * (2 + i / 30):.6f},0,{i / 10},0" for i in range(8)]
    (tmp_path / "t.csv").write_text("\n".join(lines))
    track = read_livelink_csv(tmp_path / "t.csv")
    assert track.fps == 30 and track.start_sec == pytest.approx(2.0)
    np.testing.assert_allclose(
        track.codes()[:, ARKIT_INDEX["jawOpen"]], np.arange(8) / 10, atol=1e-6
    )


def test_a_table_without_times_needs_the_rate(tmp_path):
    (tmp_path / "t.csv").write_text("jaw_open,mouth_close,eye_blink_l\n.1,0,0\n.2,0,1\n")
    with pytest.raises(TrackError, match="give the frame rate"):
        read_livelink_csv(tmp_path / "t.csv")
    track = read_livelink_csv(tmp_path / "t.csv", Fraction(30000, 1001))
    assert track.fps == Fraction(30000, 1001)
    assert track.codes()[1, ARKIT_INDEX["eyeBlinkLeft"]] == 1


def test_angles_and_rotation_vectors_agree():
    vectors = np.random.default_rng(1).normal(0, 0.5, (40, 3)).astype(np.float32)
    np.testing.assert_allclose(rotation_vectors(head_yaw_pitch_roll(vectors)), vectors, atol=1e-5)
