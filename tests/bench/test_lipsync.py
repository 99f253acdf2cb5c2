# ruff: noqa: E402 (torch may be missing)
"""Lip sync of curves whose figures are known."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("torch", reason="the training environment is not installed")

from .known_curves import GAPS_MM, clips_of, curves_of, one, spoken, values  # isort: skip (finds the benchmark)

from lipsync.bootstrap import estimate, mean, peak_position, probability_smaller
from lipsync.clips import Clip
from lipsync.curves import Curves
from lipsync.figures import motion_rows, phone_rows
from lipsync.phone_scores import score_phones
from lipsync.report import plain, table
from lipsync.sources import MEASURED, TIMING, shuffled


def test_a_perfect_mouth_scores_one():
    clips = clips_of(3)
    perfect = one([curves_of(c.phones) for c in clips], clips)
    found = values(phone_rows({MEASURED: perfect}, clips, 0))
    assert found["closure_j"] == found["rounding_auc"] == found["closure_j_long"] == 1.0
    assert found["vowels_closed"] == found["others_closed"] == 0.0
    assert found["closure_j_short"] is None  # every phone lasts 100 ms


def test_a_mouth_that_follows_loudness_or_stays_shut_scores_nothing():
    clips = clips_of(3)
    loud = {"P": 3.0, "B": 3.0, "M": 3.0, "AA": 10.0, "EH": 9.0}
    loudness = one([curves_of(c.phones, loud) for c in clips], clips)
    assert values(phone_rows({MEASURED: loudness}, clips, 0))["closure_j"] == 0.0
    shut = one(
        [replace(curves_of(c.phones), gap=0 * curves_of(c.phones).gap) for c in clips], clips
    )
    found = values(phone_rows({MEASURED: shut}, clips, 0))
    assert found["bilabials_closed"] == 1.0 and found["closure_j"] == 0.0
    assert found["others_closed"] == 1.0


def test_false_closures_are_taken_off():
    phones = spoken(["P", "AA", "T", "EH", "AA", "AA"])
    curves = curves_of(phones, GAPS_MM | {"EH": 0.5, "T": 1.4})
    scores = score_phones(curves, phones)
    assert scores.vowels_closed.tolist() == [False, True, False, False]
    assert scores.others_closed.tolist() == [True]
    clip = Clip("a", Path("none"), phones)
    assert values(phone_rows({MEASURED: one([curves], [clip])}, [clip], 0))["closure_j"] == 0.75


def test_units_do_not_matter():
    phones = clips_of(1)[0].phones
    curves = curves_of(phones)
    small = replace(curves, gap=curves.gap / 1000, width=curves.width / 1000)
    a, b = score_phones(curves, phones), score_phones(small, phones)
    assert np.array_equal(a.hits, b.hits) and np.array_equal(a.others_closed, b.others_closed)


@pytest.mark.parametrize(
    ("closed_sec", "is_hit"), [(0.965, True), (0.955, False), (1.115, True), (1.125, False)]
)
def test_a_closure_counts_from_40_ms_before_to_20_ms_after(closed_sec, is_hit):
    times_sec = np.arange(0, 2, 0.001)
    gap = np.where(np.abs(times_sec - closed_sec) < 0.004, 0.0, 10.0)
    scores = score_phones(Curves(times_sec, gap, gap + 1), [("P", 1.0, 1.1)])
    assert scores.hits.tolist() == [is_hit]


def test_closures_between_rows_of_slow_curves_are_seen_at_the_ends_of_the_window():
    curves = Curves(np.array([0.9, 0.95, 1.0, 1.05]), np.array([10.0, 10, 0, 0]), np.ones(4))
    assert curves.least_gap(0.96, 0.99) == pytest.approx(2.0)
    assert curves.least_gap(0.96, 1.01) == 0.0


def test_which_phones_count():
    def kinds(name, length_ms):
        phones = [(name, 0.5, 0.5 + length_ms / 1000)]
        curves = Curves(np.arange(0, 1, 0.01), np.ones(100), np.ones(100))
        return score_phones(curves, phones)

    assert kinds("B", 30).hits.size == 1 and kinds("B", 20).hits.size == 0
    assert kinds("AA", 70).vowels_closed.size == 1 and kinds("AA", 60).vowels_closed.size == 0
    assert kinds("IY", 90).vowels_closed.size == 0
    assert kinds("K", 20).others_closed.size == 1
    assert not any(kinds(name, 90).others_closed.size for name in ("F", "V", "P", "AA", "SIL"))
    assert kinds("W", 90).rounded.size == kinds("Z", 90).spread.size == 1


def test_short_and_long_closures_and_languages_have_figures_of_their_own():
    phones = [
        ("P", 0.2, 0.24),
        ("AA", 0.4, 0.5),
        ("B", 0.6, 0.7),
        ("M", 0.9, 1.0),
        ("AA", 1.2, 1.3),
    ]
    good = curves_of(phones)
    at_long = (good.times_sec > 0.55) & (good.times_sec < 0.75)
    bad = replace(good, gap=np.where(at_long, 9.0, good.gap))
    clips = [Clip("a", Path("none"), phones, "en"), Clip("b", Path("none"), phones, "de")]
    found = values(phone_rows({MEASURED: one([good, bad], clips)}, clips, 0))
    assert found["closure_j_short"] == 1.0 and found["closure_j_long"] == 0.75
    assert found["closure_j_language_en"] == 1.0
    assert found["closure_j_language_de"] == pytest.approx(2 / 3)


def test_rounding_is_the_area_under_the_curve():
    statistic = probability_smaller(
        [np.array([1.0, 2.0]), np.array([3.0])], [np.array([2.0, 4.0]), np.zeros(0)]
    )
    assert statistic(np.ones((1, 2)))[0] == pytest.approx(4.5 / 6)


def moving(seed, duration_sec=3.0):
    """Smooth random motion of a mouth as a function of time."""
    random = np.random.default_rng(seed)
    waves = random.uniform((0.5, 0, 0.5), (4, 6.28, 1), (8, 3))

    def gap(times_sec):
        return 10 + sum(a * np.sin(6.28 * f * times_sec + p) for f, p, a in waves)

    return gap


def filmed(seed):
    times_sec = np.arange(75) / 25
    gap = moving(seed)(times_sec)
    phones = [("SIL", 0.0, 0.5), ("AA", 0.5, 2.5)]
    tracked = Curves(times_sec, gap / 90, (50 + np.sin(gap)) / 90)
    return Clip(f"film{seed}", Path("none"), phones, tracked=tracked)


def motion(make, clips):
    """Figures of curves at 100 a second that `make(times, gap function)` gives for every clip."""
    times_sec = np.arange(0, 3, 0.01)
    source = {}
    for i, clip in enumerate(clips):
        gap = make(times_sec, moving(i))
        source[clip.name] = [Curves(times_sec, gap, 50 + np.sin(moving(i)(times_sec)))]
    return values(motion_rows({MEASURED: source, TIMING: source}, clips, 0))


CLIPS = [filmed(seed) for seed in range(5)]


def test_the_tracked_motion_itself_is_right():
    found = motion(lambda t, gap: gap(t), CLIPS)
    for name in (
        "gap_r",
        "gap_r_in_speech",
        "width_r",
        "width_r_in_speech",
        "liveliness",
        "jitter",
    ):
        assert found[name] == pytest.approx(1.0, abs=0.02), name
    assert found["lag_ms"] == pytest.approx(0.0, abs=0.5) and found["gap_r_beside_timing"] == 0.0


@pytest.mark.parametrize("delay_ms", [40, 27, -20, 100])
def test_a_late_curve_has_its_lag(delay_ms):
    found = motion(lambda t, gap: gap(t - delay_ms / 1000), CLIPS)
    assert found["lag_ms"] == pytest.approx(delay_ms, abs=3)
    assert found["gap_r"] < 0.99


def test_a_curve_without_peak_has_no_lag():
    lags_ms = np.array([-40.0, 0.0, 40.0])
    assert estimate(peak_position([np.array([0.1, 0.2, 0.3])], lags_ms), 1, 0) is None
    peak = estimate(peak_position([np.array([0.2, 0.3, 0.2])] * 2, lags_ms), 2, 0)
    assert (peak.value, peak.low, peak.high) == (0.0, 0.0, 0.0)


def test_liveliness_and_jitter_are_sizes_beside_the_tracked_motion():
    half = motion(lambda t, gap: 10 + 0.5 * (gap(t) - 10), CLIPS)
    assert half["liveliness"] == pytest.approx(0.5, abs=0.01)
    assert half["jitter"] == pytest.approx(0.5, abs=0.02) and half["gap_r"] > 0.999
    shaking = motion(lambda t, gap: gap(t) + np.where(np.round(25 * t) % 2, 1.0, -1.0), CLIPS)
    assert shaking["jitter"] > 2 and shaking["liveliness"] < 1.2
    still = motion(lambda t, gap: 0 * t + 3, CLIPS)
    assert still["liveliness"] == still["jitter"] == still["gap_r"] == 0.0


def test_shuffled_curves_are_of_other_clips_and_do_not_fit():
    clips = [filmed(seed) for seed in range(12)]
    times_sec = np.arange(0, 2.5, 0.02)
    own = {
        clip.name: [Curves(times_sec, moving(i)(times_sec), np.full(len(times_sec), 10.0 + i))]
        for i, clip in enumerate(clips)
    }
    mixed = shuffled(own, clips, seed=3)
    for i, clip in enumerate(clips):
        others = [round(c.width[0] - 10) for c in mixed[clip.name]]
        assert len(set(others)) == 5 and i not in others
        assert all(c.times_sec[-1] >= clip.tracked.times_sec[-1] - 0.02 for c in mixed[clip.name])
    found = values(motion_rows({MEASURED: mixed, TIMING: own}, clips, 0))
    assert abs(found["gap_r"]) < 0.15 and found["gap_r_beside_timing"] < -0.7


def test_looped_curves_go_on_at_their_own_rate():
    curves = Curves(np.arange(4) / 4, np.arange(4.0), np.ones(4)).looped(1.6)
    assert curves.times_sec.tolist() == [0, 0.25, 0.5, 0.75, 1, 1.25, 1.5]
    assert curves.gap.tolist() == [0, 1, 2, 3, 0, 1, 2]


def test_intervals_are_seeded_and_shrink_with_the_number_of_clips():
    scores = np.random.default_rng(1).normal(size=400)
    few = estimate(mean(scores[:10]), 10, seed=0)
    assert few == estimate(mean(scores[:10]), 10, seed=0) != estimate(mean(scores[:10]), 10, seed=1)
    assert few.low < few.value < few.high and few.value == pytest.approx(scores[:10].mean())
    many = estimate(mean(scores), 400, seed=0)
    assert many.high - many.low < 0.3 * (few.high - few.low)
    assert many.high - many.low == pytest.approx(2 * 1.96 * scores.std() / 20, rel=0.1)


def test_nothing_to_count_is_no_figure():
    clip = Clip("a", Path("none"), [("S", 0.1, 0.2)])
    curves = Curves(np.arange(0, 1, 0.01), np.ones(100), np.ones(100))
    rows = phone_rows({MEASURED: one([curves], [clip])}, [clip], 0)
    assert values(rows)["closure_j"] is None and plain(rows)["closure_j"][MEASURED] is None
    assert "0 p b m, 0 open vowels" in table(rows, [MEASURED])
