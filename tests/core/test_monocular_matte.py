"""A coarse alpha takes on the frame's edges; a still background is learnt and taken away."""

import numpy as np
import pytest
from gaussian_heads.core.monocular.crops import CropWindow
from gaussian_heads.core.monocular.guided_filter import box_mean, guided_filter
from gaussian_heads.core.monocular.matte import MARGIN, BackgroundPlate, in_one_piece, refined

FACE = CropWindow((150.0, 110.0), 80.0)


def disc(radius: float, shape=(240, 300)) -> np.ndarray:
    y, x = np.mgrid[: shape[0], : shape[1]] + 0.5
    return np.clip(radius - np.hypot(x - 150.0, y - 110.0) + 0.5, 0.0, 1.0)


def frame_of(alpha: np.ndarray, seed: int = 0) -> np.ndarray:
    front, back = np.array([190.0, 140.0, 120.0]), np.array([50.0, 90.0, 160.0])
    noise = np.random.default_rng(seed).normal(0, 2, (*alpha.shape, 3))
    return np.clip(back + alpha[..., None] * (front - back) + noise, 0, 255).astype(np.uint8)


def coarse_of(alpha: np.ndarray, size: int = 80) -> np.ndarray:
    """The alpha as a blurred, slightly misplaced map of the window, as a small network gives it."""
    steps = (np.arange(size) + 0.5) / size - 0.5
    side = FACE.side_px * MARGIN
    rows = np.clip(np.rint(110.0 + side * steps + 1.5), 0, alpha.shape[0] - 1).astype(int)
    columns = np.clip(np.rint(150.0 + side * steps), 0, alpha.shape[1] - 1).astype(int)
    return box_mean(alpha[rows][:, columns].astype(np.float32), 1)


def test_means_over_squares_are_means():
    values = np.random.default_rng(0).random((13, 9)).astype(np.float32)
    means = box_mean(values, 2)
    assert means[6, 4] == pytest.approx(values[4:9, 2:7].mean(), rel=1e-5)
    assert means[0, 0] == pytest.approx(values[:3, :3].mean(), rel=1e-5)


@pytest.mark.parametrize("channels", (1, 2, 3))
def test_a_linear_function_of_the_guide_is_kept(channels):
    guide = np.random.default_rng(0).random((30, 40, channels))
    values = guide @ np.arange(1.0, channels + 1) + 0.3
    slopes, offsets = guided_filter(guide, values, radius=4, epsilon=1e-7)
    assert np.abs((slopes * guide).sum(-1) + offsets - values).max() < 1e-3


def test_the_edge_of_the_frame_sharpens_the_coarse_alpha():
    true = disc(70.0)
    coarse = coarse_of(true)
    fine = refined(frame_of(true), FACE, coarse)
    rough = refined(np.full((240, 300, 3), 128, np.uint8), FACE, coarse)
    error, before = np.abs(fine - true).mean(), np.abs(rough - true).mean()
    assert fine.shape == (240, 300) and fine.dtype == np.float32
    assert error < 0.6 * before and error < 0.01
    assert fine[110, 150] == 1.0 and fine[5, 5] == 0.0


def test_large_frames_are_refined_alike():
    """Edges are sought in a reduced frame, and the full frame is what is cut out."""
    big = disc(70.0).repeat(4, 0).repeat(4, 1)
    face = CropWindow((600.0, 440.0), 320.0)
    fine = refined(frame_of(big), face, coarse_of(disc(70.0)))
    assert fine.shape == big.shape and np.abs(fine - big).mean() < 0.012


def test_what_looks_like_the_background_is_taken_away():
    plate = BackgroundPlate()
    for seed in range(8):
        true = disc(40.0 + 3 * (seed % 3))
        plate.learn(frame_of(true, seed), true)
    true = disc(40.0)
    pixels = frame_of(true, 20)
    # The network is unsure in a ring that the head has left.
    unsure = np.maximum(true, 0.4 * (disc(60.0) > 0) * (disc(50.0) < 1)).astype(np.float32)
    cleaned = plate.taken_away(pixels, unsure)
    ring = (unsure > 0.3) & (true < 0.01)
    assert unsure[ring].min() > 0.3 and cleaned[ring].mean() < 0.03
    assert np.array_equal(cleaned[true > 0.95], unsure[true > 0.95])


def test_a_moving_camera_has_no_plate():
    plate = BackgroundPlate()
    rng = np.random.default_rng(0)
    for _ in range(30):
        plate.learn(rng.integers(0, 256, (60, 80, 3), dtype=np.uint8), np.zeros((60, 80)))
    assert not plate.is_still
    alpha = np.full((60, 80), 0.5, np.float32)
    pixels = rng.integers(0, 256, (60, 80, 3), dtype=np.uint8)
    assert np.array_equal(plate.taken_away(pixels, alpha), alpha)


def test_islands_go_and_holes_are_filled():
    y, x = np.mgrid[:80, :80]
    true = (np.hypot(x - 40, y - 40) < 20).astype(np.float32)
    true[55:, 20:60] = 1.0
    alpha = true.copy()
    alpha[5:12, 60:70] = 0.8
    alpha[30:33, 36:40] = 0.1
    assert np.array_equal(in_one_piece(alpha), true)
    # The edge of the head itself stays as soft as it is.
    soft = box_mean(true, 2)
    assert np.abs(in_one_piece(soft) - soft).max() < 0.2
    assert np.array_equal(in_one_piece(np.zeros((80, 80), np.float32)), np.zeros((80, 80)))
