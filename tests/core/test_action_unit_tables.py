"""Tables of Action Units that OpenFace, LibreFace and Py-Feat write."""

from __future__ import annotations

import random
from fractions import Fraction

import numpy as np
import pytest
from gaussian_heads.core.errors import TrackError
from gaussian_heads.core.importers.action_units import PRESENT_INTENSITY, read_action_units
from gaussian_heads.core.spaces import ACTION_UNITS

OPENFACE = (
    "frame, face_id, timestamp, confidence, success, gaze_0_x, AU01_r, AU12_r, AU12_c, AU28_c"
)
LIBREFACE = "frame_idx,frame_time_in_ms,lm_mp_0_x,pitch,facial_expression,au_1,au_7,au_23,au_24,au_1_intensity,au_25_intensity"


def _write(tmp_path, *lines, encoding="utf8"):
    path = tmp_path / "units.csv"
    path.write_text("\n".join(lines) + "\n", encoding=encoding)
    return path


def _of(table, unit):
    return table.intensities[:, ACTION_UNITS.index(unit)]


def test_openface_with_spaces_before_its_columns(tmp_path):
    path = _write(
        tmp_path,
        OPENFACE,
        "1, 0, 0.000, 0.98, 1, 0.1, 0.00, 1.50, 1.00, 0.00",
        "2, 0, 0.040, 0.98, 1, 0.1, 0.25, 2.50, 1.00, 1.00",
    )
    table = read_action_units(path)
    np.testing.assert_allclose(table.times_sec, [0.0, 0.04])
    np.testing.assert_allclose(_of(table, "AU01"), [0.0, 0.25])
    np.testing.assert_allclose(_of(table, "AU12"), [1.5, 2.5])
    # Lip suck has no intensity in OpenFace.
    np.testing.assert_allclose(_of(table, "AU28"), [0.0, PRESENT_INTENSITY])
    assert table.present == ("AU01", "AU12", "AU28")
    assert table.notes == (
        "Only whether they are present is known of AU28; there they count as 3.",
    )
    assert not table.intensities[:, ACTION_UNITS.index("AU45")].any()


def test_frames_without_a_face_lie_between_their_neighbours(tmp_path):
    path = _write(
        tmp_path,
        OPENFACE,
        "1, 0, 0.0, 0.98, 1, 0, 0, 1.0, 1, 0",
        "2, 0, 0.1, 0.02, 0, 0, 0, 0.0, 0, 0",
        "3, 0, 0.2, 0.30, 1, 0, 0, 5.0, 0, 0",
        "4, 0, 0.3, 0.98, 1, 0, 0, 4.0, 1, 0",
        "5, 0, 0.4, 0.02, 0, 0, 0, 0.0, 0, 0",
    )
    table = read_action_units(path)
    np.testing.assert_allclose(_of(table, "AU12"), [1, 2, 3, 4, 4], rtol=1e-6)
    assert table.notes[-1] == "The face was not seen well in 3 of 5 frames; they were bridged."


def test_of_several_faces_the_one_seen_most_is_read(tmp_path):
    rows = []
    for frame in range(1, 5):
        time = f"{(frame - 1) / 10:.1f}"
        rows.append(f"{frame}, 0, {time}, 0.9, {int(frame < 3)}, 0, 0, 1, 1, 0")
        if frame > 1:
            rows.append(f"{frame}, 3, {time}, 0.9, 1, 0, 0, {frame}, 1, 0")
    table = read_action_units(_write(tmp_path, OPENFACE, *rows))
    np.testing.assert_allclose(_of(table, "AU12"), [2, 3, 4])
    np.testing.assert_allclose(table.times_sec, [0.1, 0.2, 0.3])
    assert "The file shows 2 faces; number 3, seen in 3 frames, was read." in table.notes


def test_libreface_intensities_and_detections(tmp_path):
    path = _write(
        tmp_path,
        LIBREFACE,
        "0,0.0,0.5,1.0,Neutral,1,0,0,0,0.5,0.0",
        "1,33.3667,0.5,1.0,Happiness,1,1,0,1,1.5,4.0",
        "2,66.7333,,,,,,,,,",
        "3,100.1,0.5,1.0,Neutral,1,1,1,0,0.5,2.0",
    )
    table = read_action_units(path)
    np.testing.assert_allclose(table.times_sec, [0, 0.0333667, 0.0667333, 0.1001], atol=1e-9)
    # Measured intensity counts, not the detection beside it.
    np.testing.assert_allclose(_of(table, "AU01"), [0.5, 1.5, 1.0, 0.5], rtol=1e-4)
    np.testing.assert_allclose(_of(table, "AU25"), [0, 4, 3, 2], rtol=1e-4)
    np.testing.assert_allclose(_of(table, "AU07"), [0, 3, 3, 3])
    # Pressed lips (24) count as tightened ones (23).
    np.testing.assert_allclose(_of(table, "AU23"), [0, 3, 3, 3])
    assert table.present == ("AU01", "AU07", "AU23", "AU25")
    assert any("AU07, AU23" in note for note in table.notes)
    assert any("cells hold no number" in note for note in table.notes)


def test_py_feat_from_0_to_1_by_the_given_rate(tmp_path):
    path = _write(
        tmp_path,
        ",FaceRectX,FaceScore,AU01,AU12,AU43,anger,frame",
        "0,10,0.99,0.1,0.5,0.0,0,0",
        "1,10,0.99,0.1,1.0,0.2,0,2",
    )
    table = read_action_units(path, fps=Fraction(25))
    np.testing.assert_allclose(table.times_sec, [0.0, 0.08])
    np.testing.assert_allclose(_of(table, "AU12"), [2.5, 5.0])
    # Shut eyes count as a blink.
    np.testing.assert_allclose(_of(table, "AU45"), [0.0, 1.0])


def test_plain_columns_beyond_1_are_intensities(tmp_path):
    path = _write(tmp_path, "time_sec;AU12;AU01", "0,0;0,5;1", "0,1;2,5;1")
    np.testing.assert_allclose(_of(read_action_units(path), "AU12"), [0.5, 2.5])


def test_frame_numbers_of_openface_start_at_1(tmp_path):
    path = _write(tmp_path, "frame,success,AU12_r", "1,1,0", "2,1,1", "5,1,4")
    np.testing.assert_allclose(read_action_units(path, 10).times_sec, [0, 0.1, 0.4])


def test_times_of_the_file_count_before_the_given_rate(tmp_path):
    path = _write(tmp_path, "frame,timestamp,AU12_r", "1,0.0,0", "2,0.5,1")
    np.testing.assert_allclose(read_action_units(path, 10).times_sec, [0, 0.5])


def test_pictures_without_times_count_by_the_given_rate(tmp_path):
    path = _write(tmp_path, "frame,timestamp,success,AU12_r", "1,0,1,0", "2,0,1,1")
    np.testing.assert_allclose(read_action_units(path, 10).times_sec, [0, 0.1])
    with pytest.raises(TrackError, match="give the frame rate of the video"):
        read_action_units(path)


def test_values_out_of_range_are_cut_and_told(tmp_path):
    path = _write(tmp_path, "timestamp,AU12_r", "0,-1", "0.1,9")
    table = read_action_units(path)
    np.testing.assert_allclose(_of(table, "AU12"), [0, 5])
    assert table.notes == ("Intensities above 5 were cut.",)


def test_table_becomes_a_direction_of_even_frames(tmp_path):
    path = _write(tmp_path, "timestamp,AU12_r", "1.0,0", "1.04,1", "1.12,3", "1.16,4", "1.20,5")
    table = read_action_units(path)
    direction = table.direction()
    assert direction.fps == 25 and direction.start_sec == 1.0
    np.testing.assert_allclose(
        direction.intensities[:, ACTION_UNITS.index("AU12")], [0, 1, 2, 3, 4, 5], atol=1e-5
    )
    finer = table.direction(Fraction(50))
    assert len(finer.intensities) == 11


def test_one_row_is_a_direction_that_holds(tmp_path):
    direction = read_action_units(_write(tmp_path, "timestamp,AU12_r", "0.0,2")).direction()
    assert direction.at(np.array([7.0]))[0, ACTION_UNITS.index("AU12")] == 2.0


def test_a_table_that_spans_years_is_no_direction(tmp_path):
    path = _write(tmp_path, "timestamp,AU12_r", "0,0", "0.04,1", "1e9,1")
    with pytest.raises(TrackError, match="cut the recording into parts"):
        read_action_units(path).direction()


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        ([""], "has no table"),
        ([OPENFACE], "has no table with frames"),
        (["frame,timestamp,jawOpen", "1,0,0"], "no columns of Action Units"),
        (["frame,timestamp,AU18_r", "1,0,0"], "no columns of Action Units"),
        (["timestamp,AU12_r", "0,smile", "1,more"], "holds no numbers in its column 'AU12_r'"),
        (["timestamp,AU12_r", "0,nan", "1,inf"], "holds no numbers in its column 'AU12_r'"),
        (["timestamp,AU12_r", "0,1", "1,x", "2,y"], "holds no numbers for AU12 in most frames"),
        (["timestamp,AU12_r", "0,1", "x,1"], "no number as the time of row 2"),
        (["timestamp,AU12_r", "0,1", "2,1", "1,1"], "do not rise at row 3"),
        (["timestamp,AU12_r", "1,1", "1,1"], "do not rise at row 2"),
        (["frame,success,timestamp,AU12_r", "1,0,0,0", "2,0,1,0"], "shows no face in any frame"),
        (["AU12_r,AU01_r", "1,1"], "give the frame rate"),
    ],
)
def test_bad_tables_get_one_sentence(tmp_path, lines, message):
    with pytest.raises(TrackError, match=message) as caught:
        read_action_units(_write(tmp_path, *lines))
    assert "\n" not in str(caught.value) and str(caught.value).endswith(".")


@pytest.mark.parametrize("fps", [0, -25.0, float("nan")])
def test_bad_rates_are_refused(tmp_path, fps):
    with pytest.raises(TrackError, match="is not positive"):
        read_action_units(_write(tmp_path, "frame,AU12_r", "1,1"), fps)


def test_what_is_no_text_file_is_refused(tmp_path, monkeypatch):
    with pytest.raises(TrackError, match="There is no file"):
        read_action_units(tmp_path / "none.csv")
    with pytest.raises(TrackError, match="cannot be read"):
        read_action_units(tmp_path)
    binary = tmp_path / "film.csv"
    binary.write_bytes(bytes(range(256)) * 8)
    with pytest.raises(TrackError):
        read_action_units(binary)
    monkeypatch.setattr("gaussian_heads.core.tables.MAX_TEXT_BYTES", 10)
    with pytest.raises(TrackError, match="is larger than"):
        read_action_units(_write(tmp_path, "timestamp,AU12_r", "0,1", "1,2"))


def test_too_many_frames_are_refused(tmp_path, monkeypatch):
    monkeypatch.setattr("gaussian_heads.core.importers.action_units.MAX_FRAMES", 2)
    with pytest.raises(TrackError, match="at most 2 are read"):
        read_action_units(_write(tmp_path, "timestamp,AU12_r", "0,1", "1,2", "2,3"))


def test_spoilt_tables_are_read_or_refused_in_a_sentence(tmp_path):
    """A thousand damaged copies of a good table; whatever is read is finite and within range."""
    rng = random.Random(7)
    rows = [f"{i}, 0, {i / 25:.3f}, 0.9, 1, 0, 0.5, {i % 5}, 1, 0" for i in range(12)]
    good = "\n".join([OPENFACE, *rows])
    path = tmp_path / "spoilt.csv"
    for _ in range(1000):
        text = list(good)
        for _ in range(rng.randrange(1, 12)):
            place = rng.randrange(len(text))
            text[place] = rng.choice(
                ["", ",", "\n", "nan", "-", '"', "e9", "é", "\x00", text[place] * 3]
            )
        path.write_text("".join(text), encoding="utf8")
        try:
            table = read_action_units(path, fps=25)
        except TrackError as error:
            assert "\n" not in str(error).replace(str(path), "")
            continue
        assert np.isfinite(table.intensities).all() and (np.diff(table.times_sec) > 0).all()
        assert table.intensities.min() >= 0 and table.intensities.max() <= 5


def test_utf16_and_semicolons(tmp_path):
    path = _write(tmp_path, "timestamp;AU12_r", "0,0;1,5", "0,1;2,5", encoding="utf-16")
    np.testing.assert_allclose(_of(read_action_units(path), "AU12"), [1.5, 2.5])
