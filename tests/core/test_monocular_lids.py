"""Blinks that codes say by half, closed as far as the lids were read."""

import numpy as np
import pytest
from gaussian_heads.core.assets import avatar_path
from gaussian_heads.core.avatar import Avatar
from gaussian_heads.core.monocular.encoder import LEFT_LIDS, RIGHT_LIDS
from gaussian_heads.core.monocular.lids import closed_lids
from gaussian_heads.core.monocular.refinement import measures_mm
from gaussian_heads.core.spaces import ARKIT_INDEX

COUNT, OPEN_MM = 20, 8.0
BLINK = slice(8, 11)


@pytest.fixture(scope="module")
def maya():
    return Avatar.open(avatar_path("builtin:maya"), threads=1)


def half_blink(avatar, sides=("Left", "Right")):
    """Codes that blink by .45, and readings that blink entirely, of the given eyes."""
    codes = np.zeros((COUNT, avatar.code_dim), np.float32)
    read = np.full((COUNT, 4), OPEN_MM, np.float32)
    for side, column in (("Left", LEFT_LIDS), ("Right", RIGHT_LIDS)):
        if side in sides:
            codes[BLINK] += 0.45 * avatar.controls.arkit52[ARKIT_INDEX[f"eyeBlink{side}"]]
            read[BLINK, column] = 1.0
    return codes, read


def lids_mm(avatar, codes):
    return np.stack([measures_mm(avatar, code.astype(np.float32)) for code in codes])[
        :, [LEFT_LIDS, RIGHT_LIDS]
    ]


def test_half_a_blink_is_closed_and_open_eyes_stay(maya):
    codes, read = half_blink(maya)
    found = closed_lids(codes, read, maya.code_space)
    before, after = lids_mm(maya, codes), lids_mm(maya, found)
    assert before[BLINK].min() > 2.0 and after[BLINK].max() < 0.8
    changed = np.abs(found - codes).max(axis=1) > 0
    assert changed[BLINK].all() and changed.sum() == 3


def test_a_wink_closes_one_eye(maya):
    codes, read = half_blink(maya, sides=("Left",))
    change = lids_mm(maya, closed_lids(codes, read, maya.code_space)) - lids_mm(maya, codes)
    assert change[BLINK, 0].max() < -2.0 and np.abs(change[BLINK, 1]).max() < 0.4


def test_lids_that_were_read_open_are_not_opened(maya):
    codes, read = half_blink(maya)
    read[:] = OPEN_MM
    np.testing.assert_array_equal(closed_lids(codes, read, maya.code_space), codes)
    # Half lowered lids, as in a look down, hardly count; what the codes close already is left.
    deep = codes.copy()
    deep[BLINK] *= 3.0
    read[BLINK] = 0.5
    assert lids_mm(maya, deep)[BLINK].max() < 0.0
    np.testing.assert_array_equal(closed_lids(deep, read, maya.code_space), deep)


def test_closing_grows_with_the_reading(maya):
    codes, read = half_blink(maya)
    gaps = []
    for gap_mm in (5.0, 4.0, 3.0, 2.0, 1.0):
        read[BLINK, LEFT_LIDS:] = gap_mm
        gaps.append(lids_mm(maya, closed_lids(codes, read, maya.code_space))[9].mean())
    assert gaps[0] == pytest.approx(lids_mm(maya, codes)[9].mean(), abs=1e-3)
    assert (
        all(a >= b - 1e-6 for a, b in zip(gaps, gaps[1:], strict=False)) and gaps[-1] < gaps[1] - 1
    )


def test_where_nothing_is_known_of_open_eyes_nothing_changes(maya):
    codes, read = half_blink(maya)
    few = closed_lids(codes[6:14], read[6:14], maya.code_space)
    np.testing.assert_array_equal(few, codes[6:14])
    shut = np.minimum(read, 2.0)
    np.testing.assert_array_equal(closed_lids(codes, shut, maya.code_space), codes)
    np.testing.assert_array_equal(closed_lids(codes, read, "somebody's space"), codes)
