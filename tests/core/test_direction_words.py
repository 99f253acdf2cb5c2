"""Directions in words: expressions with an intensity, tables by their ending, and sentences for all else."""

import numpy as np
import pytest
from gaussian_heads.core.direction.words import read_direction, table_of
from gaussian_heads.core.errors import TrackError
from gaussian_heads.core.spaces import ACTION_UNITS


def held(words):
    row = read_direction(words).at(np.array([0.0, 99.0]))
    np.testing.assert_array_equal(row[0], row[1])
    return {name: float(v) for name, v in zip(ACTION_UNITS, row[0], strict=True) if v}


def test_an_expression_is_held_all_along_as_strong_as_told():
    assert held("courtesy") == {"AU12": 3.0, "AU25": 1.0}
    assert held("courtesy:0.5") == {"AU12": 1.5, "AU25": 0.5}


def test_a_table_is_known_by_its_ending_and_keeps_its_times(tmp_path):
    path = tmp_path / "Take.CSV"
    path.write_text("frame, timestamp, AU12_r, AU04_r\n1,0.0,0,1\n2,0.5,2,1\n3,1.0,4,1\n")
    assert table_of(str(path)) == path and table_of("joy:0.5") is None
    found = read_direction(str(path)).at(np.array([0.25, 1.0]))
    np.testing.assert_allclose(found[:, ACTION_UNITS.index("AU12")], [1.0, 4.0], atol=1e-5)


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        ("smile", "'smile' is neither an expression .joy, "),
        ("wink", "neither an expression"),
        ("joy:much", "'much' is no intensity of 'joy'"),
        ("joy:nan", "The intensity of 'joy' is nan"),
        ("nowhere/take.csv", "take.csv"),
    ],
)
def test_what_cannot_be_directed_is_said(words, sentence):
    with pytest.raises(TrackError, match=sentence):
        read_direction(words)
