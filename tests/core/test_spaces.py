"""The control tables name real shapes, both sides alike, within range."""

import numpy as np
import pytest
from gaussian_heads.core.spaces import (
    ACTION_UNITS,
    ARKIT_BLENDSHAPES,
    ARKIT_INDEX,
    AU_LABELS,
    META_VISEMES,
    PHONE_TO_VISEME,
    arkit_vector,
    au_to_arkit,
    viseme_to_arkit,
)

SIDES = [(n, n.replace("Left", "Right")) for n in ARKIT_BLENDSHAPES if n.endswith("Left")]


def test_counts_and_uniqueness():
    assert len(set(ARKIT_BLENDSHAPES)) == 52
    assert len(ACTION_UNITS) == 18 and set(AU_LABELS) == set(ACTION_UNITS)
    assert len(META_VISEMES) == 15


def test_a_name_without_side_means_both():
    vector = arkit_vector({"mouthSmile": 0.5, "jawOpen": 0.2})
    assert vector[ARKIT_INDEX["mouthSmileLeft"]] == vector[ARKIT_INDEX["mouthSmileRight"]] == 0.5
    assert vector.sum() == pytest.approx(1.2)


def test_a_misspelt_name_is_an_error():
    with pytest.raises(KeyError):
        arkit_vector({"mouthSmiel": 1.0})


@pytest.mark.parametrize("matrix", [5 * au_to_arkit(), viseme_to_arkit()])
def test_maps_are_symmetric_and_in_range(matrix):
    assert matrix.min() >= 0 and matrix.max() <= 1
    for left, right in SIDES:
        if left.startswith(("jaw", "mouthLeft")):
            continue
        np.testing.assert_array_equal(matrix[:, ARKIT_INDEX[left]], matrix[:, ARKIT_INDEX[right]])


def test_full_intensity_of_an_action_unit_is_the_full_shape():
    smile = au_to_arkit()[ACTION_UNITS.index("AU12")] * 5
    assert smile[ARKIT_INDEX["mouthSmileLeft"]] == pytest.approx(1.0)


def test_every_phone_has_a_viseme_and_closures_are_bilabial():
    assert set(PHONE_TO_VISEME.values()) == set(META_VISEMES)
    assert {p for p, v in PHONE_TO_VISEME.items() if v == "viseme_PP"} == {"P", "B", "M"}
    assert len(set(PHONE_TO_VISEME) - {"SIL", "SP", "SPN", "PAU"}) == 39
