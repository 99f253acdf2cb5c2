"""Blinks and the step from the network's rate to the scene's, without a network."""

from fractions import Fraction

import numpy as np
import pytest
from gaussian_heads.core.spaces import ARKIT_INDEX
from gaussian_heads.core.speech import blink_layer, blink_times
from gaussian_heads.core.speech.blinks import MIN_INTERVAL_SEC
from gaussian_heads.core.speech.resampling import (
    count_frames,
    frame_times_sec,
    resample_curves,
)

LEFT, RIGHT = ARKIT_INDEX["eyeBlinkLeft"], ARKIT_INDEX["eyeBlinkRight"]
RATES = [Fraction(24000, 1001), Fraction(24), Fraction(25), Fraction(30000, 1001), Fraction(60)]


@pytest.mark.parametrize("per_min", [6.0, 17.0, 26.0])
def test_blinks_come_at_the_rate_asked_for(per_min):
    blinks = blink_times(3600.0, blinks_per_min=per_min, seed=5)
    assert len(blinks) == pytest.approx(60 * per_min, rel=0.08)
    gaps = np.diff([blink.start_sec for blink in blinks])
    assert gaps.min() >= MIN_INTERVAL_SEC
    assert np.mean(gaps) > np.median(gaps)  # skewed, as measured intervals are


def test_no_blinks_where_none_are_asked_for():
    assert blink_times(100.0, blinks_per_min=0.0, seed=0) == []


def test_a_longer_sound_only_adds_blinks_at_its_end():
    short, long = (blink_times(end, blinks_per_min=17.0, seed=2) for end in (30.0, 90.0))
    assert long[: len(short)] == short and len(long) > len(short)


@pytest.mark.parametrize("fps", RATES, ids=str)
def test_every_blink_shows_at_every_rate(fps):
    blinks = blink_times(60.0, blinks_per_min=17.0, seed=1)
    times = frame_times_sec(int(61 * fps), fps, 0.0)
    layer = blink_layer(times, blinks)
    for blink in blinks:
        near = (times > blink.start_sec - 0.02) & (times < blink.start_sec + 0.4)
        assert layer[near][:, [LEFT, RIGHT]].max(0).min() > 0.85
    assert not np.delete(layer, [LEFT, RIGHT], axis=1).any()


def test_lids_fall_faster_than_they_rise_and_not_quite_together():
    blinks = blink_times(20.0, blinks_per_min=17.0, seed=7)
    times = np.arange(0, 20, 0.001)
    layer = blink_layer(times, blinks[:1])
    lid = layer[:, LEFT]
    falling = ((np.diff(lid) > 0) & (lid[1:] < 0.95 * lid.max())).sum()
    rising = ((np.diff(lid) < 0) & (lid[1:] > 0.05)).sum()
    assert 50 < falling < 110 and 100 < rising < 200
    assert np.abs(layer[:, LEFT] - layer[:, RIGHT]).max() > 0.001


def test_frames_are_counted_exactly():
    assert count_frames(Fraction(10), Fraction(25), 0.0) == 250
    assert count_frames(Fraction(1001, 30), Fraction(30000, 1001), 0.0) == 1000
    assert count_frames(Fraction(10), Fraction(25), 9.97) == 1
    assert count_frames(Fraction(10), Fraction(25), 10.0) == 0
    assert count_frames(Fraction(1), Fraction(25), -1.0) == 50


def test_frame_times_do_not_drift():
    times = frame_times_sec(107_893, Fraction(30000, 1001), 0.0)
    assert times[-1] == pytest.approx(107_892 * 1001 / 30000, abs=1e-9)


def closure_at(centre_sec, length_sec):
    """A jaw held open at 0.2 while the lips close once; curves `[F, 2]` (jaw, close) and closure."""
    times = (np.arange(200) + 0.5) / 100
    closure = np.clip(1.5 - np.abs(times - centre_sec) / (length_sec / 2), 0, 1)
    closure = closure.astype(np.float32)
    jaw = np.full_like(closure, 0.2)
    return np.stack([jaw, 0.2 * closure], 1), closure


@pytest.mark.parametrize("fps", RATES, ids=str)
def test_a_short_closure_survives_wherever_the_frames_fall(fps):
    times = frame_times_sec(int(2 * fps), fps, 0.0)
    for phase in np.linspace(0, 1, 11):
        curves, closure = closure_at(1.0 + phase / float(fps), 0.05)
        codes = resample_curves(curves, closure, 100, times, float(1 / fps))
        assert (codes[:, 0] - codes[:, 1]).min() < 0.02
        far = np.abs(times - 1.0) > 0.15
        assert np.allclose(codes[far, 1], 0) and np.allclose(codes[:, 0], 0.2)


def test_motion_faster_than_the_frames_is_averaged():
    flicker = np.tile(np.float32([[0.0], [1.0]]), (100, 1))
    times = frame_times_sec(40, Fraction(25), 0.0)
    codes = resample_curves(flicker, np.zeros(200, np.float32), 100, times, 0.04)
    assert np.abs(codes[2:-2] - 0.5).max() < 0.1


def test_a_slow_ramp_passes_unchanged_and_its_ends_hold():
    ramp = np.linspace(0, 1, 101, dtype=np.float32)[:, None]
    times = np.array([-1.0, 0.255, 0.505, 9.0])
    codes = resample_curves(ramp, np.zeros(101, np.float32), 100, times, 0.04)
    assert codes[:, 0] == pytest.approx([0.0, 0.25, 0.5, 1.0], abs=1e-5)


@pytest.mark.parametrize("fps", [*RATES, Fraction(50), Fraction(120)], ids=str)
def test_motion_of_speech_keeps_its_size_and_its_time_at_every_rate(fps):
    """Four openings a second, as fast as syllables come: at each frame what the curve is there."""
    moments = (np.arange(1000) + 0.5) / 100
    curve = (0.5 + 0.5 * np.sin(2 * np.pi * 4 * moments)).astype(np.float32)[:, None]
    times = frame_times_sec(int(9 * fps), fps, 0.5)
    codes = resample_curves(curve, np.zeros(1000, np.float32), 100, times, float(1 / fps))[:, 0]
    assert np.abs(codes - (0.5 + 0.5 * np.sin(2 * np.pi * 4 * times))).max() < 0.01
