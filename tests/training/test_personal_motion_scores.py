"""What scores of personal motion measure."""

from fractions import Fraction

import numpy as np
import pytest

pytest.importorskip("torch", reason="needs torch")

from gaussian_heads.core.camera import Camera, intrinsics, look_at  # noqa: E402
from gaussian_heads.core.monocular.encoded import EncodedVideo  # noqa: E402
from gaussian_heads.core.monocular.pose import VideoCamera  # noqa: E402
from gaussian_heads.training.personalization.motion_scores import (  # noqa: E402
    MotionScores,
    bilabials_closed,
    closure_j,
    pixels_of,
    table,
)
from gaussian_heads.training.personalization.read_codes import with_read_codes  # noqa: E402
from gaussian_heads.training.personalization.subject import (  # noqa: E402
    SubjectFrame,
    VideoSubject,
)
from gaussian_heads.training.prior_settings import TrainingError  # noqa: E402

TIMES_SEC = np.arange(0, 2, 0.04)


def gaps(closed_from, closed_to):
    values = np.full(len(TIMES_SEC), 8.0)
    values[(TIMES_SEC >= closed_from) & (TIMES_SEC <= closed_to)] = 0.0
    return values


@pytest.mark.parametrize(
    ("closed", "wanted"),
    [((0.48, 0.56), 1.0), ((1.2, 1.4), -1.0), ((0.0, -1.0), 0.0), ((0.4, 1.4), 0.0)],
)
def test_lips_should_close_at_p_b_m_and_not_at_vowels(closed, wanted):
    phones = [("AA", 1.2, 1.4), ("M", 0.5, 0.56), ("P", 0.5, 0.51), ("AA", 0.5, 0.52)]
    assert closure_j(TIMES_SEC, gaps(*closed), phones) == wanted


def test_phones_beyond_the_frames_do_not_count():
    assert np.isnan(closure_j(TIMES_SEC, gaps(0, 1), [("M", 3.0, 3.2), ("AA", 1.0, 1.2)]))


def test_landmarks_are_seen_where_the_camera_sees_them():
    view = look_at(np.array([0.0, 0.0, 2.0]), np.zeros(3), np.array([0.0, 1.0, 0.0]))
    camera = Camera(view, intrinsics(100.0, 64, 48), 64, 48)
    found = pixels_of(np.array([[0.0, 0.0, 0.0], [0.1, 0.2, 0.0]]), camera)
    np.testing.assert_allclose(found, [[32, 24], [37, 14]], atol=1e-9)


def test_the_table_has_a_row_for_each():
    scores = MotionScores(30.0, 1.0, 0.5, 0.7, 0.9, 1.1, 0.95)
    lines = table([("universal", scores), ("personal", scores)]).splitlines()
    assert len(lines) == 4 and lines[3].startswith("| personal | 30.000 | 1.000 | 0.500")
    assert lines[0].count("|") == lines[3].count("|")


def test_which_bilabials_close_is_told_in_any_unit():
    phones = [
        ("M", 0.5, 0.56),
        ("B", 1.0, 1.1),
        ("P", 0.5, 0.51),
        ("M", 3.0, 3.1),
        ("AA", 0.5, 0.6),
    ]
    for unit in (1.0, 0.01):
        assert bilabials_closed(TIMES_SEC, unit * gaps(0.48, 0.56), phones) == [True, False]


def read_video(codes, confidence, is_present):
    count = len(codes)
    zeros = np.zeros((count, 3), np.float32)
    return EncodedVideo(
        Fraction(25), np.arange(count) / 25, codes, "some", confidence, is_present,
        np.zeros(count, np.int32), np.zeros((count, 68, 2), np.float32), VideoCamera.of(64, 64),
        zeros, zeros, np.zeros((count, 2, 2), np.float32), np.zeros((count, 4), np.float32),
    )  # fmt: skip


def frame_at(time_sec, is_held_out=False):
    camera = Camera(np.eye(4), intrinsics(100.0, 8, 8), 8, 8)
    pixels, pose = np.zeros((8, 8, 4), np.uint8), np.zeros(6, np.float32)
    code = np.full(2, -1.0, np.float32)
    return SubjectFrame(f"{time_sec}", time_sec, pixels, camera, code, pose, 1.0, is_held_out)


def test_read_codes_take_the_place_of_true_ones_in_fitted_frames_alone(tmp_path):
    codes = np.arange(8, dtype=np.float32).reshape(4, 2)
    encoded = read_video(
        codes, np.float32([0.9, 0.5, 0.8, 0.01]), np.array([True, False, True, True])
    )
    times_sec = (0.0, 0.04, 0.085, 0.12, 0.5)
    frames = (*map(frame_at, times_sec), frame_at(0.0, is_held_out=True))
    video = tmp_path / "video.mp4"
    video.write_bytes(b"film")
    asked = []
    subject = VideoSubject(frames, None, np.zeros((1, 1), np.float32))
    for _ in range(2):
        read = with_read_codes(
            subject, video, tmp_path / "cache", encode=lambda path: asked.append(path) or encoded
        )
    # Without a face, hardly sure, and beyond the film: left out. The second reading was kept.
    assert [f.time_sec for f in read.fitted_frames] == [0.0, 0.085] and asked == [video]
    np.testing.assert_array_equal(read.fitted_frames[1].code, codes[2])
    assert read.fitted_frames[0].confidence == pytest.approx(0.9)
    np.testing.assert_array_equal(read.held_out_frames[0].code, [-1.0, -1.0])
    nobody = read_video(codes, np.zeros(4, np.float32), np.zeros(4, bool))
    with pytest.raises(TrainingError, match="No face was read"):
        with_read_codes(subject, video, tmp_path / "other", encode=lambda path: nobody)
