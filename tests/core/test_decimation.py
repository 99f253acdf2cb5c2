"""Curves lose keys and stay within the bound."""

import numpy as np
import pytest
from gaussian_heads.core.decimation import needed_keys


def worst_error(times, values, needed):
    errors = [
        np.abs(np.interp(times, times[kept], column[kept]) - column).max()
        for column, kept in zip(values.T, needed.T, strict=True)
    ]
    return max(errors)


@pytest.mark.parametrize("tolerance", [0.001, 0.02, 0.3])
def test_lines_stay_within_the_bound(tolerance):
    rng = np.random.default_rng(4)
    times = np.cumsum(rng.uniform(0.5, 2.0, 500))
    values = np.cumsum(rng.normal(0, 0.05, (500, 7)), 0)
    needed = needed_keys(times, values, tolerance)
    assert worst_error(times, values, needed) <= tolerance + 1e-9
    assert needed[[0, -1]].all()


def test_a_looser_bound_needs_fewer_keys():
    times = np.arange(400.0)
    values = np.sin(times / 11.0)[:, None]
    counts = [needed_keys(times, values, tolerance).sum() for tolerance in (1e-4, 1e-2, 1e-1)]
    assert counts[0] > 3 * counts[1] > 3 * counts[2] > 6


def test_straight_lines_need_their_ends_alone():
    times = np.arange(300.0)
    values = np.stack([0.3 * times - 4.0, np.minimum(times, 100.0)], 1)
    needed = needed_keys(times, values, 1e-6)
    assert list(np.flatnonzero(needed[:, 0])) == [0, 299]
    assert list(np.flatnonzero(needed[:, 1])) == [0, 100, 299]


def test_fixed_keys_stay_and_bend_the_line():
    times = np.arange(10.0)
    fixed = np.zeros(10, bool)
    fixed[[3, 7]] = True
    values = times[:, None] ** 2
    needed = needed_keys(times, values, 1e3, fixed)
    assert list(np.flatnonzero(needed[:, 0])) == [0, 3, 7, 9]


@pytest.mark.parametrize("count", [1, 2])
def test_short_curves_keep_everything(count):
    assert needed_keys(np.arange(float(count)), np.zeros((count, 2)), 1.0).all()
