# ruff: noqa: E402 (torch may be missing)
"""The benchmark of the motion generator: what is read off heads, and figures of ways that are known."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

import numpy as np
import pytest

pytest.importorskip("torch", reason="the training environment is not installed")

from . import known_curves  # noqa: F401  # isort: skip (finds the benchmark)

from directing.figures import Recorded, Spoken, compared, intensities, rest, smoothness, speaking
from directing.heads import SIGNS, BenchHead
from directing.report import report
from directing.ways import DIRECTED, OFFSETS, PLAIN, Ways
from gaussian_heads.core.direction import ActingDirection
from gaussian_heads.core.direction.features import heard_weights
from gaussian_heads.core.spaces import ACTION_UNITS, ARKIT_INDEX, au_to_arkit
from gaussian_heads.core.speech import HeardSpeech
from gaussian_heads.core.speech.heard import ActedSpeech
from gaussian_heads.core.speech.prosody import Prosody
from lipsync.clips import Clip

RATE_HZ, SECONDS = 100, 2


@dataclass(frozen=True)
class LinearGenerator:
    """Does exactly what is asked for, times `gain`, and a little of its own with each seed."""

    gain: float = 1.0
    whim: float = 0.0

    def act(self, heard: HeardSpeech, direction: ActingDirection, *, seed: int) -> ActedSpeech:
        times_sec = (np.arange(len(heard.levels)) + 0.5) / heard.rate_hz
        units = self.gain * direction.at(times_sec)
        whim = self.whim * np.random.default_rng(seed).standard_normal(len(ACTION_UNITS))
        weights = (units * (1.0 + whim)) @ au_to_arkit()
        closure = np.zeros(len(weights), np.float32)
        return ActedSpeech(weights.astype(np.float32), closure, heard.rate_hz)


@pytest.fixture(scope="module")
def head() -> BenchHead:
    return BenchHead.open("builtin:maya")


@pytest.fixture(scope="module")
def spoken() -> list[Spoken]:
    """Two seconds that open the jaw five times and shut it between."""
    jaw = 0.25 * (1.0 - np.cos(2 * np.pi * 2.5 * np.arange(SECONDS * RATE_HZ) / RATE_HZ))
    arkit = np.zeros((len(jaw), len(ARKIT_INDEX)), np.float32)
    arkit[:, ARKIT_INDEX["jawOpen"]] = jaw
    none = np.zeros(0)
    prosody = Prosody(float(SECONDS), np.array([[0.0, SECONDS]]), none, none, none)
    heard = HeardSpeech.of(
        arkit, np.zeros(len(jaw), np.float32), RATE_HZ, prosody, duration_sec=Fraction(SECONDS)
    )
    phones = [("AA", 0.15, 0.25), ("B", 0.38, 0.42), ("AA", 0.55, 0.65), ("B", 0.78, 0.82)]
    return [Spoken(Clip("jaw", None, phones), heard)]


@pytest.mark.parametrize("unit", ACTION_UNITS)
def test_signs_and_intensities_follow_their_unit(head: BenchHead, unit: str) -> None:
    column = ACTION_UNITS.index(unit)
    levels = np.arange(6.0)
    weights = (levels[:, None] * au_to_arkit()[column]).astype(np.float32)
    seen_mm = head.signs(weights)[:, column]
    assert (np.diff(seen_mm) > 0.1).all(), "more of the unit, more to be seen"
    read = head.units(weights)
    assert read[:, column] == pytest.approx(levels, abs=0.25)
    assert np.delete(read, column, axis=1).max() < 0.3


def test_every_unit_has_a_sign() -> None:
    assert tuple(SIGNS) == ACTION_UNITS


def test_intensities_of_a_generator_that_does_what_it_should(
    head: BenchHead, spoken: list[Spoken]
) -> None:
    found = intensities(Ways(LinearGenerator()), [head], spoken)
    for number, unit in enumerate(ACTION_UNITS):
        assert found["rank_correlation"][unit]["Maya"] > 0.95
        assert found["raised_by_5"][number][number] > 2.5


def test_a_generator_that_does_nothing_has_no_rank(head: BenchHead, spoken: list[Spoken]) -> None:
    found = intensities(Ways(LinearGenerator(gain=0.0)), [head], spoken)
    assert np.abs(found["raised_by_5"]).max() == 0.0
    assert not any(found["rank_correlation"][unit]["Maya"] > 0.5 for unit in ACTION_UNITS)


def test_ways_beside_each_other(head: BenchHead, spoken: list[Spoken]) -> None:
    ways = Ways(LinearGenerator(whim=0.2), labelled=LinearGenerator(gain=0.0))
    found = compared(ways, head, spoken, seed=3)
    assert found[PLAIN]["apart_mm"] == found[OFFSETS]["apart_mm"] == 0.0
    assert found[DIRECTED]["apart_mm"] > 0.01
    assert found[OFFSETS]["error"] < found[DIRECTED]["error"] < found[PLAIN]["error"]
    assert found["labels"]["error"] == pytest.approx(found[PLAIN]["error"])


def test_rest_and_jitter(head: BenchHead, spoken: list[Spoken]) -> None:
    ways = Ways(LinearGenerator())
    assert rest(ways, spoken) == 0.0
    weights = heard_weights(spoken[0].heard)[::3]
    whole = np.ones(len(weights), bool)
    captured = {"mouth": [Recorded(weights, whole)]}
    captured["eyes and brows"] = [Recorded(np.zeros_like(weights), whole)]
    found = smoothness(ways, head, spoken, captured)
    assert found["eyes and brows"]["captured"]["jitter_mm"] == 0.0
    # Held units move nothing: the mouth that acts shakes as much as the one that only speaks.
    mouth = found["mouth"]
    assert mouth[DIRECTED]["jitter_mm"] == pytest.approx(mouth[PLAIN]["jitter_mm"], rel=0.01)


def test_only_frames_that_speak_count(head: BenchHead, spoken: list[Spoken]) -> None:
    heard = spoken[0].heard
    assert speaking(heard, 75).sum() == 30 * SECONDS
    assert not speaking(heard, 75, late_sec=0.1)[:3].any()
    weights = heard_weights(heard)[::3]
    shaking = weights.copy()
    shaking[::2, ARKIT_INDEX["jawOpen"]] += 0.5
    calm = np.zeros(len(weights), bool)
    calm[:30] = True
    shaking[:30] = weights[:30]
    found = [
        smoothness(
            Ways(LinearGenerator()),
            head,
            spoken,
            dict.fromkeys(("mouth", "eyes and brows"), [Recorded(w, calm)]),
        )["mouth"]["captured"]["jitter_mm"]
        for w in (weights, shaking)
    ]
    assert found[0] == pytest.approx(found[1])


def test_report_holds_every_unit(head: BenchHead, spoken: list[Spoken]) -> None:
    ways = Ways(LinearGenerator())
    found = {"units": list(ACTION_UNITS), "intensity": intensities(ways, [head], spoken)}
    text = report(found)
    assert all(unit in text for unit in ACTION_UNITS)
