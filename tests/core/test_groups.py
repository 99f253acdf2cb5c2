"""The tables that panels show controls by hold every name once, with FACS's own words."""

import pytest
from gaussian_heads.core.spaces import ACTION_UNITS, ARKIT_BLENDSHAPES, META_VISEMES
from gaussian_heads.core.spaces.groups import (
    ARKIT_GROUPS,
    AU_GROUPS,
    CONTROL_LABELS,
    FACS_INTENSITIES,
    VISEME_GROUPS,
    matches,
    other_side,
    side_of,
    symmetric_partner,
)


@pytest.mark.parametrize(
    ("groups", "names"),
    [
        (ARKIT_GROUPS, ARKIT_BLENDSHAPES),
        (AU_GROUPS, ACTION_UNITS),
        (VISEME_GROUPS, META_VISEMES),
    ],
)
def test_every_name_stands_in_one_group_once(groups, names):
    shown = [name for group in groups for name in group.names]
    assert sorted(shown) == sorted(names) and len(shown) == len(set(shown))
    labels = [group.label for group in groups]
    assert len(labels) == len(set(labels)) and all(labels)


def test_both_sides_stand_side_by_side():
    for group in ARKIT_GROUPS:
        for name in group.names:
            if side_of(name) == "Left":
                assert group.names[group.names.index(name) + 1] == other_side(name)


def test_labels_are_different_and_those_of_facs():
    assert len(CONTROL_LABELS) == 52 + 18 + 15 == len(set(CONTROL_LABELS.values()))
    assert CONTROL_LABELS["AU12"] == "AU12 Lip Corner Puller"
    assert CONTROL_LABELS["AU01"] == "AU1 Inner Brow Raiser"
    assert CONTROL_LABELS["mouthSmileLeft"] == "Mouth Smile Left"
    assert CONTROL_LABELS["viseme_PP"] == "PP (p, b, m)"
    assert [letter for letter, _ in FACS_INTENSITIES] == list("ABCDE")


def test_sides_swap_and_swap_back():
    assert other_side("mouthSmileLeft") == "mouthSmileRight"
    assert other_side("jawOpen") == "jawOpen" and other_side("AU12") == "AU12"
    assert all(other_side(other_side(name)) == name for name in CONTROL_LABELS)
    assert sum(side_of(name) == "Left" for name in CONTROL_LABELS) == 20


def test_a_jaw_that_goes_aside_has_no_symmetric_partner():
    assert symmetric_partner("mouthSmileRight") == "mouthSmileLeft"
    assert {symmetric_partner(n) for n in ("jawLeft", "mouthRight", "jawOpen", "AU12")} == {""}


@pytest.mark.parametrize(
    ("name", "wanted", "found"),
    [
        ("mouthSmileLeft", "", True),
        ("mouthSmileLeft", "left SMILE", True),
        ("mouthSmileLeft", "mouthsmile", True),
        ("mouthSmileLeft", "frown", False),
        ("AU12", "corner pull", True),
        ("AU01", "au1 ", True),
        ("viseme_PP", "p, b", True),
    ],
)
def test_searching_finds_names_and_labels(name, wanted, found):
    assert matches(name, wanted) is found
