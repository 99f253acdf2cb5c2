"""Seconds and frames, exact to the rational."""

from fractions import Fraction

import pytest
from gaussian_heads.core.errors import TimingError
from gaussian_heads.core.timing import SoundPlacement, frame_rate, parse_frames


@pytest.mark.parametrize(
    ("fps", "base", "expected"),
    [
        (24, 1.0, Fraction(24)),
        (24, 1.001, Fraction(24000, 1001)),
        (30, 1.00100004673, Fraction(30000, 1001)),
        ("29.97", 1.0, Fraction(30000, 1001)),
        ("30000/1001", 1.0, Fraction(30000, 1001)),
        (12.5, 1.0, Fraction(25, 2)),
        (25, 2.0, Fraction(25, 2)),
    ],
)
def test_frame_rate_is_exact(fps, base, expected):
    assert frame_rate(fps, base) == expected


@pytest.mark.parametrize("fps", ["fast", 0, -25, float("nan"), float("inf"), "1/0", 1e9])
def test_frame_rate_refuses_nonsense(fps):
    with pytest.raises(TimingError, match="rame rate"):
        frame_rate(fps)


def test_placement_maps_frames_to_the_file_as_blender_does():
    # content at frame 11, 25 fps, delayed by half a second: frame 36 plays second 0.5 of the file
    placement = SoundPlacement(Fraction(25), 11, 20, 61, sound_offset_sec=0.5)
    assert placement.file_sec(36) == pytest.approx(0.5)
    assert (placement.first_frame, placement.last_frame, placement.num_frames) == (20, 60, 41)


def test_placement_rounds_subframe_handles_inwards():
    placement = SoundPlacement(Fraction(24), 1, 1.5, 10.5)
    assert (placement.first_frame, placement.last_frame) == (2, 10)


def test_an_hour_at_ntsc_does_not_drift():
    placement = SoundPlacement(Fraction(30000, 1001), 1, 1, 200_000)
    assert placement.file_sec(1 + 107_892) == pytest.approx(107_892 * 1001 / 30000, abs=1e-12)


@pytest.mark.parametrize("right", [10, 9, float("nan")])
def test_a_strip_without_length_is_refused(right):
    with pytest.raises(TimingError, match="strip"):
        SoundPlacement(Fraction(25), 10, 10, right)


def test_ranges_of_frames():
    assert parse_frames("7") == [7]
    assert parse_frames("1-5") == [1, 2, 3, 4, 5]
    assert parse_frames("1-10:4, 20") == [1, 5, 9, 20]
    assert parse_frames("-3--1") == [-3, -2, -1]


@pytest.mark.parametrize(
    "text", ["x", "5-1", "1-5:0", "5-1:-1", "", "1-9999999999", ",".join(["1-999999"] * 99)]
)
def test_what_is_no_range_of_frames_is_refused(text):
    with pytest.raises(TimingError):
        parse_frames(text)
