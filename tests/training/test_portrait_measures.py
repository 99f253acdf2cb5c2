"""What the measures of portraits say of films whose faults are known."""

import numpy as np
import pytest

pytest.importorskip("torch", reason="the measures need the training extra (PyTorch, scipy)")

from gaussian_heads.training.portrait.measures import (  # noqa: E402
    TrueFilm,
    gap_curve,
    likeness,
    seen_closures,
    seen_lips,
    tracked,
)

from .portrait_fixtures import Watcher  # noqa: E402

# Seconds of p and of an open vowel, ten of each.
PHONES = [(name, n + at, n + at + 0.2) for n in range(10) for name, at in (("P", 0.1), ("AA", 0.6))]
TIMES_SEC = np.arange(0.0, 10.0, 0.04)


@pytest.fixture
def film():
    rng = np.random.default_rng(3)
    wanted = rng.integers(60, 200, (6, 64, 64, 3)).astype(np.uint8)
    alpha = np.zeros((6, 64, 64))
    alpha[:, 20:44, 20:44] = 1.0
    points = np.full((6, 70, 2), 0.5)
    points[:, 48], points[:, 54] = (0.4, 0.6), (0.6, 0.6)
    points[:, 49:54], points[:, 55:68] = (0.5, 0.62), (0.5, 0.62)
    return TrueFilm.of(wanted, alpha, points)


def test_the_truth_scores_best_and_a_flash_is_flicker(film):
    best = likeness([film], [film.wanted])
    assert best.psnr_db > 100 and best.ssim == pytest.approx(1.0) and best.flicker == 0.0
    flashing = film.wanted.copy()
    flashing[::2] += 10
    worse = likeness([film], [flashing])
    assert worse.flicker == pytest.approx(10.0, abs=1e-3)
    at_a_flash = -20 * np.log10(10 / 255)
    assert worse.psnr_db == pytest.approx((at_a_flash + best.psnr_db) / 2, abs=1e-3)


def test_only_the_mouth_counts_for_the_mouth_and_only_the_head_for_the_rest(film):
    without = film.wanted.copy()
    without[:, :6] = 0
    assert likeness([film], [without]).psnr_db > 100
    without = film.wanted.copy()
    without[:, 38:40, 28:36] += 20
    found = likeness([film], [without])
    assert found.mouth_psnr_db < found.psnr_db < 100


def pictures_of(gaps):
    pictures = np.zeros((len(gaps), 4, 4, 3), np.uint8)
    pictures[:, 0, 0, 0] = gaps
    return pictures


def test_a_gap_is_told_in_parts_of_the_eyes_distance_and_unknown_without_a_face():
    gaps = gap_curve(tracked(Watcher(), pictures_of([10, 0, 25])))
    np.testing.assert_allclose(gaps, [0.10, np.nan, 0.25])


def test_lips_that_follow_close_and_those_that_stay_do_not():
    shut = np.zeros(len(TIMES_SEC), bool)
    for name, start, end in PHONES:
        if name == "P":
            shut |= (TIMES_SEC >= start - 0.03) & (TIMES_SEC <= end + 0.03)
    wanted = tracked(Watcher(), pictures_of(np.where(shut, 1, 40)))
    same = seen_lips(wanted, wanted)
    assert (same.landmarks_px, same.lips_px) == (0.0, 0.0)
    assert same.gap_correlation == pytest.approx(1.0)
    assert seen_closures(wanted, TIMES_SEC, PHONES) == 1.0
    stiff = tracked(Watcher(), pictures_of(np.full(len(TIMES_SEC), 40)))
    assert seen_closures(stiff, TIMES_SEC, PHONES) == 0.0
    compared = seen_lips(stiff, wanted)
    assert compared.gap_correlation == 0.0 and compared.lips_px > 1
