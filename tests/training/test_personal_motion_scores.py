"""What scores of personal motion measure."""

import numpy as np
import pytest

pytest.importorskip("torch", reason="needs torch")

from gaussian_heads.core.camera import Camera, intrinsics, look_at  # noqa: E402
from gaussian_heads.training.personalization.motion_scores import (  # noqa: E402
    MotionScores,
    closure_j,
    pixels_of,
    table,
)

TIMES_SEC = np.arange(0, 2, 0.04)


def gaps(closed_from, closed_to):
    values = np.full(len(TIMES_SEC), 8.0)
    values[(TIMES_SEC >= closed_from) & (TIMES_SEC <= closed_to)] = 0.0
    return values


@pytest.mark.parametrize(
    ("closed", "wanted"),
    [((0.48, 0.56), 1.0), ((1.2, 1.4), -1.0), ((0.0, -1.0), 0.0), ((0.4, 1.4), 0.0)],
)
def test_lips_should_close_at_p_b_m_and_not_at_vowels(closed, wanted):
    phones = [("AA", 1.2, 1.4), ("M", 0.5, 0.56), ("P", 0.5, 0.51), ("AA", 0.5, 0.52)]
    assert closure_j(TIMES_SEC, gaps(*closed), phones) == wanted


def test_phones_beyond_the_frames_do_not_count():
    assert np.isnan(closure_j(TIMES_SEC, gaps(0, 1), [("M", 3.0, 3.2), ("AA", 1.0, 1.2)]))


def test_landmarks_are_seen_where_the_camera_sees_them():
    view = look_at(np.array([0.0, 0.0, 2.0]), np.zeros(3), np.array([0.0, 1.0, 0.0]))
    camera = Camera(view, intrinsics(100.0, 64, 48), 64, 48)
    found = pixels_of(np.array([[0.0, 0.0, 0.0], [0.1, 0.2, 0.0]]), camera)
    np.testing.assert_allclose(found, [[32, 24], [37, 14]], atol=1e-9)


def test_the_table_has_a_row_for_each():
    scores = MotionScores(30.0, 1.0, 0.5, 0.7, 0.9, 1.1, 0.95)
    lines = table([("universal", scores), ("personal", scores)]).splitlines()
    assert len(lines) == 4 and lines[3].startswith("| personal | 30.000 | 1.000 | 0.500")
    assert lines[0].count("|") == lines[3].count("|")
