"""Acting directions: intensities over the sound's time, held at both ends, from 0 to 5."""

from fractions import Fraction

import numpy as np
import pytest
from gaussian_heads.core.direction import ActingDirection
from gaussian_heads.core.errors import TrackError
from gaussian_heads.core.spaces import ACTION_UNITS

SMILE, LID = ACTION_UNITS.index("AU12"), ACTION_UNITS.index("AU07")


def rows(smile, lid=0.0):
    """Rows with a smile each."""
    found = np.zeros((len(smile), len(ACTION_UNITS)), np.float32)
    found[:, SMILE], found[:, LID] = smile, lid
    return found


def smile_at(direction, *times_sec):
    return direction.at(np.array(times_sec))[:, SMILE].tolist()


def test_between_rows_intensities_lie_on_a_line():
    direction = ActingDirection(rows([0, 4, 2]), Fraction(10), 1.0)
    assert smile_at(direction, 1.0, 1.05, 1.1, 1.175) == pytest.approx([0, 2, 4, 2.5], abs=1e-5)


def test_first_and_last_row_hold_outside():
    direction = ActingDirection(rows([1, 4, 2], lid=3), Fraction(30000, 1001), -0.5)
    assert smile_at(direction, -100.0, -0.5, 50.0, 1e9) == pytest.approx([1, 1, 2, 2])
    assert direction.at(np.array([-9.0, 0.0, 9.0]))[:, LID].tolist() == [3, 3, 3]


def test_a_rate_does_not_drift_over_an_hour():
    count = 108_000
    direction = ActingDirection(rows(np.arange(count) % 5), Fraction(30000, 1001))
    last = (count - 1) * 1001 / 30000
    assert smile_at(direction, last) == pytest.approx([(count - 1) % 5], abs=1e-3)


def test_intensities_stay_within_the_scale_and_the_precision_of_networks():
    direction = ActingDirection(rows([-3, 9]), Fraction(1))
    found = direction.at(np.linspace(-1, 2, 7, dtype=np.float32))
    assert found.dtype == np.float32 and found.shape == (7, len(ACTION_UNITS))
    assert found.min() == 0.0 and found.max() == 5.0


def test_no_times_give_no_rows():
    assert ActingDirection.constant(AU12=1).at(np.zeros(0)).shape == (0, len(ACTION_UNITS))


def test_constant_holds_each_named_unit_in_its_own_column():
    for index, name in enumerate(ACTION_UNITS):
        found = ActingDirection.constant(**{name: 2.5}).at(np.array([-1.0, 0.0, 1e6]))
        assert (found[:, index] == 2.5).all() and found.sum() == pytest.approx(7.5)


def test_only_directions_above_nothing_are_more_than_plain():
    assert ActingDirection.constant().is_plain
    assert ActingDirection(rows([0, -2]), Fraction(25)).is_plain
    assert not ActingDirection(rows([0, 0.01, 0]), Fraction(25)).is_plain


@pytest.mark.parametrize(
    ("intensities", "fps", "start_sec", "reason"),
    [
        (np.zeros((0, 18)), 25, 0.0, r"shape \(0, 18\): give frames by 18"),
        (np.full((2, 18), np.nan), 25, 0.0, "not finite"),
        (np.full((2, 18), np.inf), 25, 0.0, "not finite"),
        (np.zeros((2, 18)), 25, float("nan"), "not finite"),
        (np.zeros((2, 18)), 0, 0.0, "rate is 0: it must be positive"),
        (np.zeros((2, 18)), -25, 0.0, "rate is -25"),
    ],
)
def test_what_is_no_direction_is_refused(intensities, fps, start_sec, reason):
    with pytest.raises(TrackError, match=reason):
        ActingDirection(intensities.astype(np.float32), Fraction(fps), start_sec)


@pytest.mark.parametrize("shape", [(3, 17), (18,), (1, 2, 18)])
def test_other_shapes_are_refused(shape, monkeypatch):
    # The shape check of jaxtyping is off in Blender, so the direction checks by itself.
    monkeypatch.setattr("jaxtyping.config.jaxtyping_disable", True)
    with pytest.raises(TrackError, match="give frames by 18 Action Units"):
        ActingDirection(np.zeros(shape, np.float32), Fraction(25))


def test_units_that_do_not_exist_are_named():
    with pytest.raises(TrackError, match=r"no Action Unit 'AU16': choose of AU01, .*AU45\."):
        ActingDirection.constant(AU12=1.0, AU16=2.0)
    with pytest.raises(TrackError, match="not finite"):
        ActingDirection.constant(AU12=float("nan"))
