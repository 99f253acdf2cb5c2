"""A performance from a video on the scene's frames: trims, speeds, other rates, closures kept."""

from fractions import Fraction

import numpy as np
import pytest
from gaussian_heads.core.errors import TimingError
from gaussian_heads.core.expression import ExpressionTrack
from gaussian_heads.core.spaces import ARKIT_INDEX, ARKIT_SPACE
from gaussian_heads.core.video_placement import VideoPlacement

JAW = ARKIT_INDEX["jawOpen"]


def ramp(num_frames=101, fps=25):
    """jawOpen and the head's turn rise steadily from 0 to 1."""
    codes = np.zeros((num_frames, 52), np.float32)
    codes[:, JAW] = np.linspace(0, 1, num_frames)
    pose = np.zeros((num_frames, 6), np.float32)
    pose[:, 1] = codes[:, JAW]
    track = ExpressionTrack({"speech": codes}, pose, ARKIT_SPACE, Fraction(fps))
    return track, np.arange(num_frames) / fps


def shown(place, duration_sec=4.0):
    track, times = ramp()
    placed = place.placed(track, times, duration_sec)
    assert placed.fps == place.fps and placed.num_frames == place.num_frames(duration_sec)
    assert placed.layers["speech"][:, JAW] == pytest.approx(placed.head_pose[:, 1], abs=1e-5)
    return placed.layers["speech"][:, JAW] * 4.0


def test_a_file_runs_at_its_own_speed():
    place = VideoPlacement(Fraction(24), 10, 10)
    assert place.num_frames(4.0) == 96 and place.first_frame == 10
    assert shown(place) == pytest.approx(np.arange(96) / 24, abs=1e-4)


def test_a_trimmed_strip_shows_its_part():
    place = VideoPlacement(Fraction(25), 1, 26, 51, content_frames=100)
    assert shown(place) == pytest.approx(1.0 + np.arange(25) / 25, abs=1e-4)
    assert place.span_sec(4.0) == pytest.approx((0.8, 1.96 + 0.2))


@pytest.mark.parametrize("content_frames, speed", ((50, 2.0), (200, 0.5)))
def test_a_strip_that_is_faster_or_slower(content_frames, speed):
    place = VideoPlacement(Fraction(25), 1, 1, 41, content_frames=content_frames)
    assert shown(place) == pytest.approx(speed * np.arange(40) / 25, abs=1e-4)


def test_a_reversed_strip_runs_from_the_end():
    place = VideoPlacement(Fraction(25), 1, 1, 101, content_frames=100, is_reversed=True)
    assert shown(place) == pytest.approx(4.0 - np.arange(100) / 25, abs=1e-4)


def test_beyond_the_video_its_ends_are_held():
    place = VideoPlacement(Fraction(25), 11, 1, 131, content_frames=100)
    seconds = shown(place)
    assert (seconds[:10] == 0).all() and seconds[-5:] == pytest.approx(4.0)


def test_a_blink_between_two_scene_frames_is_kept():
    codes = np.zeros((50, 52), np.float32)
    blinks = [ARKIT_INDEX["eyeBlinkLeft"], ARKIT_INDEX["eyeBlinkRight"]]
    codes[[13, 26, 39]] = np.eye(52, dtype=np.float32)[blinks].sum(0)
    track = ExpressionTrack(
        {"speech": codes}, np.zeros((50, 6), np.float32), ARKIT_SPACE, Fraction(25)
    )
    place = VideoPlacement(Fraction(24), 0.5, 1)
    placed = place.placed(track, np.arange(50) / 25, 2.0)
    closed = placed.layers["speech"][:, blinks[0]]
    assert (closed == 1.0).sum() == 3


def test_strips_without_length_are_refused():
    with pytest.raises(TimingError, match="no length"):
        VideoPlacement(Fraction(24), 1, 5, 5)
    with pytest.raises(TimingError, match="no frame"):
        VideoPlacement(Fraction(24), 1, 1, 5, content_frames=0)
