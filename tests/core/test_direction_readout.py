"""What is acted beneath speech in measured Action Units."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from gaussian_heads.core.direction.readout import MOUTH_UNITS, OPENING_UNITS, acted_units
from gaussian_heads.core.errors import TrackError
from gaussian_heads.core.spaces import ACTION_UNITS

FPS = 30


def _column(unit):
    return ACTION_UNITS.index(unit)


def _silence(seconds=10):
    return np.zeros((seconds * FPS, len(ACTION_UNITS)), np.float32)


def _syllables(seconds, seed=3):
    """Bumps (0 to 1) of 120 to 200 ms, three to five a second."""
    rng = np.random.default_rng(seed)
    times = np.arange(seconds * FPS) / FPS
    curve, start = np.zeros(len(times)), 0.0
    while start < seconds:
        length = rng.uniform(0.12, 0.2)
        part = np.clip((times - start) / length, 0, 1)
        curve += rng.uniform(0.5, 1.0) * np.sin(np.pi * part) ** 2
        start += rng.uniform(0.2, 0.33)
    return curve.astype(np.float32)


def test_zero_stays_zero():
    assert not acted_units(_silence(), FPS).any()


@pytest.mark.parametrize("unit", [*MOUTH_UNITS, *OPENING_UNITS])
def test_syllables_alone_are_about_nothing(unit):
    spoken = _silence()
    spoken[:, _column(unit)] = 3.0 * _syllables(10)
    assert spoken[:, _column(unit)].max() > 2.0
    assert acted_units(spoken, FPS).max() < 0.3


def test_a_held_smile_stays_where_it_is_beneath_syllables():
    spoken, speech = _silence(), _syllables(10)
    spoken[3 * FPS : 7 * FPS, _column("AU12")] = 3.0
    # Rounded lips let go of a part of the smile, others widen it.
    spoken[:, _column("AU12")] *= 1.0 - 0.4 * speech
    spoken[:, _column("AU26")] = 2.5 * speech
    acted = acted_units(spoken, FPS)
    smile = acted[:, _column("AU12")]
    assert smile[int(3.5 * FPS) : int(6.5 * FPS)].min() > 2.0
    assert smile[: int(2.5 * FPS)].max() < 0.1 and smile[int(7.5 * FPS) :].max() < 0.1
    # It comes and goes when it did, to a fifth of a second.
    there = np.flatnonzero(smile > 1.5) / FPS
    assert abs(there[0] - 3.0) < 0.2 and abs(there[-1] - 7.0) < 0.2
    assert acted[:, _column("AU26")].max() < 0.3


def test_a_jaw_that_stays_dropped_is_acted():
    spoken = _silence()
    spoken[3 * FPS : 7 * FPS, _column("AU26")] = 2.0
    spoken[:, _column("AU26")] += _syllables(10)
    jaw = acted_units(spoken, FPS)[:, _column("AU26")]
    assert 1.8 < jaw[5 * FPS] < 2.6
    assert jaw[: int(2.5 * FPS)].max() < 0.3


def test_brows_are_smoothed_a_little_and_blinks_not_at_all():
    seen = _silence()
    rng = np.random.default_rng(1)
    brows = 2.0 * (np.arange(len(seen)) > 150) + rng.normal(0, 0.3, len(seen))
    seen[:, _column("AU01")] = brows
    seen[60:64, _column("AU45")] = [2, 5, 5, 2]
    acted = acted_units(seen, FPS)
    np.testing.assert_array_equal(acted[:, _column("AU45")], seen[:, _column("AU45")])
    raised = acted[170:, _column("AU01")]
    assert raised.mean() == pytest.approx(2.0, abs=0.1)
    assert raised.std() < 0.65 * brows[170:].std()
    # A brow that goes up in one frame is up within a fifth of a second.
    assert acted[157, _column("AU01")] > 1.5 and acted[144, _column("AU01")] < 0.5


@pytest.mark.parametrize("num_frames", [1, 2, 7])
@pytest.mark.parametrize("fps", [1, Fraction(30000, 1001), 120.0])
def test_short_recordings_and_any_rate(num_frames, fps):
    seen = np.full((num_frames, len(ACTION_UNITS)), 2.0, np.float32)
    np.testing.assert_allclose(acted_units(seen, fps), 2.0, rtol=1e-6)


def test_long_recordings_agree_with_their_parts(monkeypatch):
    spoken = _silence(20)
    spoken[:, _column("AU12")] = 3.0 * _syllables(20)
    whole = acted_units(spoken, FPS)
    monkeypatch.setattr("gaussian_heads.core.direction.readout.CHUNK_FRAMES", 50)
    np.testing.assert_array_equal(acted_units(spoken, FPS), whole)


def test_bad_rate_is_refused():
    with pytest.raises(TrackError, match="must be positive"):
        acted_units(_silence(1), 0)
