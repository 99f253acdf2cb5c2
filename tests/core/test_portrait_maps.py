"""Landmarks as maps and warps, which the portrait network sees."""

import numpy as np
import pytest
from gaussian_heads.core.portrait.drawing import (
    AREAS,
    LEAST_SPREAD,
    LINES,
    NUM_MAPS,
    landmark_maps,
    noise_spread,
)
from gaussian_heads.core.portrait.warping import FIELD_PX, warp_field
from gaussian_heads.core.portrait.window import MARGIN, portrait_window


@pytest.fixture
def points():
    """A face drawn by hand: 68 landmarks and two irises in [0, 1] of the window."""
    angles = np.linspace(np.pi, 0.0, 17)
    jaw = np.stack([0.5 + 0.2 * np.cos(angles), 0.5 + 0.25 * np.sin(angles)], axis=1)
    brows = [np.stack([np.linspace(x, x + 0.12, 5), np.full(5, 0.4)], 1) for x in (0.33, 0.55)]
    nose = np.stack([np.full(4, 0.5), np.linspace(0.45, 0.55, 4)], 1)
    under = np.stack([np.linspace(0.46, 0.54, 5), np.full(5, 0.57)], 1)
    eyes = [_ring(x, 0.45, 0.04, 0.015, 6) for x in (0.4, 0.6)]
    lips = [_ring(0.5, 0.65, 0.07, 0.03, 12), _ring(0.5, 0.65, 0.05, 0.01, 8)]
    return np.concatenate([jaw, *brows, nose, under, *eyes, *lips, [[0.4, 0.45], [0.6, 0.45]]])


def _ring(x, y, across, down, count):
    angles = np.pi + np.arange(count) * 2 * np.pi / count
    return np.stack([x + across * np.cos(angles), y + down * np.sin(angles)], axis=1)


def place(maps, area):
    """A filled area `[128, 128]` of folded maps."""
    first = len(LINES) + 1 + 4 * list(AREAS).index(area)
    return maps[first : first + 4].reshape(2, 2, 64, 64).transpose(2, 0, 3, 1).reshape(128, 128)


def test_the_points_are_there(points):
    assert points.shape == (70, 2)


def test_lines_lie_on_the_points_and_areas_within_them(points):
    maps = landmark_maps(points[None])[0]
    assert maps.shape == (NUM_MAPS, 64, 64) and maps.min() >= 0.0 and maps.max() <= 1.0
    jaw = maps[list(LINES).index("jaw")]
    x, y = (points[8] * 64).astype(int)
    assert jaw[y, x] > 0.6 and jaw[20, 32] < 1e-3
    mouth = place(maps, "mouth")
    inside = np.pi * 0.05 * 0.01 * np.sin(np.pi / 4) / (np.pi / 4)
    assert mouth.mean() == pytest.approx(inside, rel=0.1)
    assert mouth[int(0.65 * 128), 64] > 0.9 and mouth[20, 64] == 0.0
    assert place(maps, "eyes")[int(0.45 * 128), int(0.6 * 128)] > 0.9


def test_a_tenth_of_a_pixel_is_seen(points):
    moved = points.copy()
    moved[60:68, 1] += 0.1 / 256
    before, after = (place(landmark_maps(p[None])[0], "mouth") for p in (points, moved))
    rows = (np.arange(128) + 0.5) / 128
    centers = [(m.sum(1) * rows).sum() / m.sum() for m in (before, after)]
    assert centers[1] - centers[0] == pytest.approx(0.1 / 256, rel=0.2)


def test_noise_is_strong_about_lips_and_lids_alone(points):
    (spread,) = noise_spread(landmark_maps(points[None]))[0]
    rows, columns = (np.array([[0.65, 0.5], [0.45, 0.4], [0.7, 0.5]]) * 64).astype(int).T
    np.testing.assert_allclose(spread[rows, columns], 1.0, atol=0.05)
    np.testing.assert_allclose(spread[[5, 35, 60], [5, 32, 32]], LEAST_SPREAD, atol=0.01)


def test_a_face_that_stays_moves_nothing(points):
    np.testing.assert_allclose(warp_field(points, points), 0.0, atol=1e-9)


def test_a_warp_leads_back_to_the_reference_and_keeps_the_border(points):
    driven = points.copy()
    driven[:, 0] += 0.03
    field = warp_field(points, driven)
    assert field.shape == (FIELD_PX, FIELD_PX, 2)
    middle = field[int(0.5 * 32), int(0.5 * 32)]
    np.testing.assert_allclose(middle, (-0.03, 0.0), atol=0.006)
    border = np.concatenate([field[0], field[-1], field[:, 0], field[:, -1]])
    assert np.abs(border).max() < 0.01


def test_the_window_is_about_the_face():
    landmarks = np.random.default_rng(1).uniform((100, 50), (200, 150), (68, 2))
    low, high = landmarks.min(0), landmarks.max(0)
    window = portrait_window(landmarks)
    side = MARGIN * (high - low).max()
    assert window.side_px == pytest.approx(side) and window.roll_rad == 0.0
    seen = window.to_crop(landmarks)
    assert seen.min() > 0.2 and seen.max() < 0.9
