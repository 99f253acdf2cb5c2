"""Smoothing over time: noise goes, a closure of a frame or two stays, nothing lags or crosses a cut."""

import numpy as np
import pytest
from gaussian_heads.core.monocular.filtering import guided_smooth, noise_of, smooth

NOISE_MM = 0.15


def talking(num_closed: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray, int]:
    """Lip gap (mm) of slow speech with one closure of some frames, the same with noise, and where it is."""
    times = np.arange(100)
    gap = 5.0 + 2.0 * np.sin(times / 9.0)
    gap[50 : 50 + num_closed] = 0.0
    noise = NOISE_MM * np.random.default_rng(seed).standard_normal(100)
    return gap, gap + noise, 50


@pytest.mark.parametrize("num_closed", (1, 2))
def test_a_short_closure_stays_and_noise_goes(num_closed):
    gap, noisy, at = talking(num_closed)
    found = guided_smooth(noisy[:, None], noisy[:, None], sigma_frames=1.5)[:, 0]
    closed = slice(at, at + num_closed)
    assert np.abs(found[closed] - gap[closed]).max() < 0.5
    assert np.abs(found[[at - 1, at + num_closed]] - gap[[at - 1, at + num_closed]]).max() < 0.6
    rest = np.r_[3 : at - 1, at + num_closed + 1 : 97]
    assert np.std(found[rest] - gap[rest]) < 0.8 * NOISE_MM


def test_codes_follow_what_the_guide_says():
    """A noisy code channel that closes with the lips keeps its closure, though its own noise is large."""
    gap, noisy, at = talking(1)
    noise = 0.4 * np.random.default_rng(1).standard_normal(100)
    code = (gap - 5.0) / 2.0
    found = guided_smooth((code + noise)[:, None], noisy[:, None], sigma_frames=1.5)[:, 0]
    blurred = smooth((code + noise)[:, None], sigma_frames=1.5)[:, 0]
    assert abs(found[at] - code[at]) < 1.0 < abs(blurred[at] - code[at])
    assert np.std((found - code)[:at]) < 0.75 * np.std(noise[:at])


def test_a_steady_motion_is_not_flattened_and_does_not_lag():
    ramp = np.stack([np.arange(40.0), 3.0 - 0.5 * np.arange(40.0)], 1)
    assert np.abs(smooth(ramp, sigma_frames=2.0) - ramp)[6:-6].max() < 1e-9
    step = np.where(np.arange(60) < 30, 0.0, 1.0)[:, None]
    found = smooth(step, sigma_frames=2.0)[:, 0]
    assert np.abs(found + found[::-1] - 1.0).max() < 1e-9


def test_nothing_crosses_a_cut():
    shots = np.repeat([0, 1], 20)
    values = np.repeat([0.0, 1.0], 20)[:, None]
    assert np.abs(smooth(values, sigma_frames=3.0, shots=shots) - values).max() < 1e-9
    guide = np.zeros((40, 1))
    assert np.array_equal(guided_smooth(values, guide, sigma_frames=3.0, shots=shots), values)


def test_frames_that_cannot_be_trusted_take_their_neighbours():
    values = np.zeros((21, 1))
    values[10] = 9.0
    trust = np.ones(21)
    trust[10] = 0.0
    assert abs(smooth(values, sigma_frames=2.0, weights=trust)[10, 0]) < 1e-3


def test_noise_is_estimated_despite_steps():
    rng = np.random.default_rng(0)
    values = np.cumsum(rng.random((400, 1)) < 0.05, axis=0) * 5.0
    assert noise_of(values + 0.3 * rng.standard_normal((400, 1)))[0] == pytest.approx(0.3, rel=0.2)


@pytest.mark.parametrize("count", (1, 2, 4))
def test_the_shortest_clips_pass(count):
    values = np.arange(count, dtype=float)[:, None]
    assert smooth(values, sigma_frames=2.0).shape == (count, 1)
    assert guided_smooth(values, values, sigma_frames=2.0).shape == (count, 1)
