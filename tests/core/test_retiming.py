"""Tracks at other frame rates."""

from fractions import Fraction

import numpy as np
import pytest
from gaussian_heads.core.errors import TrackError
from gaussian_heads.core.expression import ExpressionTrack
from gaussian_heads.core.retiming import retime_track
from gaussian_heads.core.spaces import ARKIT_INDEX
from gaussian_heads.core.spaces.face_parts import FACE_PARTS, layer_indices, part_indices

JAW, CLOSE, BLINK = (ARKIT_INDEX[n] for n in ("jawOpen", "mouthClose", "eyeBlinkLeft"))


def make_track(num_frames, fps, **columns):
    codes = np.zeros((num_frames, 52), np.float32)
    for name, values in columns.items():
        codes[:, ARKIT_INDEX[name]] = values
    pose = np.zeros((num_frames, 6), np.float32)
    pose[:, 1] = np.linspace(0, 0.5, num_frames)
    return ExpressionTrack({"speech": codes}, pose, "arkit52", Fraction(fps), 3.0)


@pytest.mark.parametrize("source", [30, Fraction(60000, 1001)])
@pytest.mark.parametrize("target", [24, Fraction(24000, 1001), Fraction(30000, 1001)])
def test_an_hour_does_not_drift(source, target):
    num_frames = int(3600 * Fraction(source))
    ramp = np.arange(num_frames) / float(Fraction(source)) / 3600
    track = make_track(num_frames, source, jawOpen=ramp)
    again = retime_track(track, Fraction(target))
    times = np.minimum(np.arange(again.num_frames) / float(Fraction(target)), 3600 * ramp[-1])
    np.testing.assert_allclose(again.codes()[:, JAW], times / 3600, atol=2e-7)
    assert abs(again.num_frames / float(again.fps) - 3600) < 0.05
    assert (again.fps, again.start_sec) == (target, 3.0)


def test_the_same_rate_is_the_same_track():
    track = make_track(10, 25, jawOpen=np.linspace(0, 1, 10))
    assert retime_track(track, Fraction(25)) is track


@pytest.mark.parametrize("at", range(10, 30))
def test_lips_that_touch_for_one_frame_still_touch(at):
    jaw = np.full(60, 0.4, np.float32)
    jaw[at] = 0.0
    again = retime_track(make_track(60, 60, jawOpen=jaw), Fraction(24))
    values = again.codes()[:, JAW]
    assert values.min() == 0.0
    closed = int(np.argmin(values))
    assert abs(closed / 24 - at / 60) <= 0.5 / 24 + 1e-9
    # A plain sampling would have lost most of them.
    assert (values == 0.0).sum() == 1


def test_a_short_blink_is_kept_and_the_mouth_stays_where_it_is():
    blink = np.zeros(60, np.float32)
    blink[31] = 1.0
    jaw = np.linspace(0, 0.9, 60)
    again = retime_track(
        make_track(60, 60, eyeBlinkLeft=blink, eyeBlinkRight=blink, jawOpen=jaw), Fraction(24)
    )
    assert again.codes()[:, BLINK].max() == 1.0
    times = np.arange(again.num_frames) / 24
    np.testing.assert_allclose(
        again.codes()[:, JAW], np.minimum(times * 60 / 59, 1) * 0.9, atol=1e-5
    )


def test_small_dips_are_noise():
    jaw = np.full(60, 0.4, np.float32)
    jaw[31] = 0.38
    again = retime_track(make_track(60, 60, jawOpen=jaw), Fraction(24))
    plain = np.interp(np.arange(24) * 2.5, np.arange(60), jaw)
    np.testing.assert_allclose(again.codes()[:24, JAW], plain, atol=1e-6)


def test_head_turns_are_interpolated():
    track = make_track(31, 30, jawOpen=np.zeros(31))
    again = retime_track(track, Fraction(60))
    np.testing.assert_allclose(again.head_pose[:, 1], np.linspace(0, 0.5, 61), atol=1e-6)


def test_one_frame_stays_one_frame():
    assert retime_track(make_track(1, 30, jawOpen=[0.3]), Fraction(24)).num_frames == 1


def test_absurd_lengths_are_refused():
    track = make_track(60_000, 1, jawOpen=np.zeros(60_000))
    with pytest.raises(TrackError, match="cut it into parts"):
        retime_track(track, Fraction(240))


def test_parts_and_layers_divide_the_face():
    parts = [part_indices([part]) for part in FACE_PARTS]
    assert sorted(i for part in parts for i in part) == list(range(52))
    assert sorted(i for part in layer_indices().values() for i in part) == list(range(52))
    assert {JAW, CLOSE} <= set(part_indices(["mouth"])) and BLINK in layer_indices()["blink"]
    with pytest.raises(TrackError, match="no part of the face"):
        part_indices(["ears"])
