"""Expressions are made of known units, within FACS's intensities, and mirror as faces do."""

import pytest
from gaussian_heads.core.spaces import ACTION_UNITS, ARKIT_INDEX
from gaussian_heads.core.spaces.expressions import (
    EXPRESSION_GROUPS,
    EXPRESSIONS,
    OTHER_UNITS,
    mirrored,
)
from gaussian_heads.core.spaces.facs import AU_TO_ARKIT


def test_the_seven_emotions_and_the_subtle_ones_are_there():
    assert {"joy", "sadness", "anger", "fear", "surprise", "disgust", "contempt"} <= set(
        EXPRESSIONS
    )
    assert {"doubt", "smirk", "flirt", "concentration", "pain"} <= set(EXPRESSIONS)
    labels = [expression.label for expression in EXPRESSIONS.values()]
    assert len(labels) == len(set(labels))
    assert {expression.group for expression in EXPRESSIONS.values()} == set(EXPRESSION_GROUPS)


@pytest.mark.parametrize("name", EXPRESSIONS)
def test_an_expression_sets_known_controls_within_their_ranges(name):
    expression = EXPRESSIONS[name]
    pose = expression.pose()
    assert pose and expression.description
    for control, value in pose.items():
        limit = 5.0 if control in ACTION_UNITS else 1.0
        assert control in ACTION_UNITS or control in ARKIT_INDEX, control
        assert 0 < value <= limit, (control, value)
    half = expression.pose(0.5)
    assert half == {control: pytest.approx(0.5 * value) for control, value in pose.items()}


def test_units_without_a_slider_are_no_second_sliders():
    assert not set(OTHER_UNITS) & set(AU_TO_ARKIT)


def test_units_of_both_sides_are_action_units_and_those_of_one_are_shapes():
    assert EXPRESSIONS["content"].pose() == {"AU06": 1.5, "AU12": 1.8}
    contempt = EXPRESSIONS["contempt"].pose()
    assert contempt == {
        "mouthSmileRight": pytest.approx(0.4),
        "mouthDimpleRight": pytest.approx(0.6),
    }
    # Half of what has no sides: the inner brow of one side.
    assert EXPRESSIONS["doubt"].pose()["browInnerUp"] == pytest.approx(0.5 * 1.5 / 5)


def test_mirroring_swaps_sides_and_comes_back():
    contempt = EXPRESSIONS["contempt"].pose()
    assert set(mirrored(contempt)) == {"mouthSmileLeft", "mouthDimpleLeft"}
    assert mirrored(mirrored(contempt)) == contempt
    one_sided = {name for name, e in EXPRESSIONS.items() if mirrored(e.pose()) != dict(e.pose())}
    assert one_sided == {"contempt", "smirk", "flirt", "doubt", "thinking", "wink"}
    # Eyes that look to the left look to the right in the mirror.
    looks = mirrored(EXPRESSIONS["thinking"].pose())
    assert looks["eyeLookOutRight"] == looks["eyeLookInLeft"] > 0
