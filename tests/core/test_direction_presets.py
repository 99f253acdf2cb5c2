"""Expressions as acting directions."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from gaussian_heads.core.direction.expressions import DIRECTED_EXPRESSIONS, direction_units
from gaussian_heads.core.direction.presets import expression_direction
from gaussian_heads.core.errors import TrackError
from gaussian_heads.core.spaces import ACTION_UNITS

FPS = Fraction(30)


def test_only_expressions_of_both_sides_are_directed():
    assert {"joy", "anger", "thinking", "tired"} <= set(DIRECTED_EXPRESSIONS)
    assert not {"contempt", "smirk", "flirt", "doubt", "wink"} & set(DIRECTED_EXPRESSIONS)


@pytest.mark.parametrize("name", DIRECTED_EXPRESSIONS)
def test_every_expression_asks_for_known_units_within_range(name):
    for intensity in (0.0, 1.0, 2.0):
        units = direction_units(name, intensity)
        assert units and set(units) <= set(ACTION_UNITS)
        assert all(0.0 <= value <= 5.0 for value in units.values())


def test_units_without_a_curve_count_as_the_nearest():
    # Pressed lips (24: 3) are as strong as tightened ones (23: 3); determined has 23: 3 and 24: 1.5.
    assert direction_units("anger")["AU23"] == 3.0
    assert direction_units("determined")["AU23"] == 3.0
    assert direction_units("embarrassment")["AU23"] == 2.0
    # Shut eyes (43: 2) are a held blink, the lower lip (16: 1) parts the lips.
    assert direction_units("tired")["AU45"] == 2.0
    assert direction_units("disgust")["AU25"] == 1.0
    # Eyes that turn (61, 63) and puckered lips (18) have no curve.
    assert direction_units("thinking") == {"AU04": 1.0, "AU14": 1.2}


def test_intensity_scales_and_is_cut_at_five():
    assert direction_units("joy", 0.5) == {"AU06": 1.75, "AU12": 2.0, "AU25": 1.5}
    assert direction_units("joy", 2.0)["AU12"] == 5.0
    assert direction_units("joy", -1.0)["AU12"] == 0.0


def test_expression_comes_holds_and_goes():
    direction = expression_direction("joy", 3.0, FPS, onset_sec=0.4, offset_sec=0.5)
    smile = direction.at(np.array([0.0, 0.2, 0.4, 1.5, 2.5, 2.75, 3.0, 9.0]))[
        :, ACTION_UNITS.index("AU12")
    ]
    np.testing.assert_allclose(smile, [0, 2, 4, 4, 4, 2, 0, 0], atol=0.01)


def test_short_expression_shares_its_time_between_coming_and_going():
    direction = expression_direction("joy", 0.45, Fraction(200), onset_sec=0.4, offset_sec=0.5)
    smile = direction.intensities[:, ACTION_UNITS.index("AU12")]
    assert smile[0] == 0.0 and smile[-1] == 0.0
    assert smile[40] == pytest.approx(4.0)  # 0.2 s: all of the onset's share


def test_without_onset_the_expression_holds_at_once():
    direction = expression_direction("joy", 1.0, FPS, onset_sec=0.0, offset_sec=0.0)
    smile = direction.intensities[:, ACTION_UNITS.index("AU12")]
    assert smile[1] == 4.0 and smile[-2] == 4.0


@pytest.mark.parametrize("name", ["wink", "smile"])
def test_what_cannot_be_directed_is_refused(name):
    with pytest.raises(TrackError, match="can be directed: choose of joy"):
        direction_units(name)


def test_bad_numbers_are_refused():
    with pytest.raises(TrackError, match="give a number"):
        direction_units("joy", float("nan"))
    with pytest.raises(TrackError, match="positive duration"):
        expression_direction("joy", 0.0, FPS)
    with pytest.raises(TrackError, match="neither may be negative"):
        expression_direction("joy", 1.0, FPS, onset_sec=-1.0)
