"""Windows around a face: points there and back, averages, rotation, and what lies outside the frame."""

import numpy as np
import pytest
from gaussian_heads.core.monocular.crops import CropWindow, cut, window_of_landmarks


def smooth_image(height: int, width: int) -> np.ndarray:
    y, x = np.mgrid[:height, :width] + 0.5
    waves = [np.sin(x / 17.0 + k) * np.cos(y / 23.0 - k) for k in range(3)]
    return np.uint8(np.rint(127.5 + 120.0 * np.stack(waves, -1)))


def colours_at(points: np.ndarray) -> np.ndarray:
    x, y = points[..., 0], points[..., 1]
    return 127.5 + 120.0 * np.stack(
        [np.sin(x / 17.0 + k) * np.cos(y / 23.0 - k) for k in range(3)], -1
    )


def crop_centers(size: int) -> np.ndarray:
    steps = (np.arange(size) + 0.5) / size
    return np.stack(np.meshgrid(steps, steps), -1)


@pytest.mark.parametrize("roll_rad", (0.0, 0.6, -2.0))
def test_points_go_to_the_image_and_back(roll_rad):
    window = CropWindow((30.0, 50.0), 20.0, roll_rad)
    points = np.random.default_rng(0).random((7, 2))
    assert np.allclose(window.to_crop(window.to_image(points)), points)
    assert np.allclose(window.to_image(np.array([0.5, 0.5])), (30.0, 50.0))


def test_a_positive_roll_is_clockwise_on_the_screen():
    right = CropWindow((0.0, 0.0), 2.0, np.pi / 2).to_image(np.array([1.0, 0.5]))
    assert np.allclose(right, (0.0, 1.0))


def test_the_window_of_landmarks_holds_them_with_a_margin():
    points = np.zeros((68, 2))
    points[0], points[1] = (10.0, 20.0), (50.0, 40.0)
    points[2:] = (30.0, 30.0)
    assert window_of_landmarks(points) == CropWindow((30.0, 30.0), 60.0)


@pytest.mark.parametrize("roll_rad", (0.0, 0.4, 1.8))
@pytest.mark.parametrize("side_px", (31.0, 120.0, 205.3))
def test_a_cut_shows_what_lies_at_its_points(side_px, roll_rad):
    window = CropWindow((211.3, 190.8), side_px, roll_rad)
    crop = cut(smooth_image(400, 420), window, 64)
    expected = colours_at(window.to_image(crop_centers(64)))
    # Averages over squares flatten the waves a little.
    assert np.abs(crop - expected).max() < 3.0
    assert np.abs((crop - expected).mean()) < 0.3


def test_shrinking_averages_instead_of_leaving_pixels_out():
    board = np.indices((400, 400)).sum(0) % 2 * 255
    crop = cut(
        np.repeat(board[..., None], 3, 2).astype(np.uint8), CropWindow((200.0, 200.0), 320.0), 80
    )
    assert set(np.unique(crop)) == {128}


def test_an_unscaled_cut_is_the_image_itself():
    image = np.random.default_rng(0).integers(0, 256, (40, 50, 4), dtype=np.uint8)
    assert np.array_equal(cut(image, CropWindow((20.0, 18.0), 16.0), 16), image[10:26, 12:28])
    turned = cut(image, CropWindow((20.0, 18.0), 16.0, np.pi / 2), 16)
    assert np.array_equal(turned, np.rot90(image[10:26, 12:28]))


@pytest.mark.parametrize("roll_rad", (0.0, 0.3))
def test_outside_of_the_frame_its_border_goes_on(roll_rad):
    image = np.zeros((60, 80, 3), np.uint8)
    image[:, -1] = (10, 200, 30)
    crop = cut(image, CropWindow((200.0, 30.0), 20.0, roll_rad), 20)
    assert (crop == (10, 200, 30)).all()


@pytest.mark.parametrize("shape", ((1, 1, 3), (2, 500, 3), (300, 3, 1)))
def test_any_window_of_any_image_gives_a_crop(shape):
    image = np.full(shape, 77, np.uint8)
    for side_px in (0.5, 90.0, 5000.0):
        crop = cut(image, CropWindow((-3.0, 400.0), side_px, 0.2), 32)
        assert crop.shape == (32, 32, shape[2]) and (crop == 77).all()
