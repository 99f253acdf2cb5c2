"""sRGB and linear light."""

import numpy as np
from gaussian_heads.blender.colors import combined_pass, linear_to_srgb, srgb_to_linear


def test_known_values():
    np.testing.assert_allclose(srgb_to_linear(np.array([0.0, 0.04045, 0.5, 1.0])),
                               [0.0, 0.0031308, 0.21404114, 1.0], atol=1e-6)  # fmt: skip


def test_round_trip_beyond_the_display_range():
    values = np.linspace(-0.5, 3.0, 701)
    np.testing.assert_allclose(srgb_to_linear(linear_to_srgb(values)), values, atol=1e-9)


def test_rows_are_turned_and_empty_pixels_stay_empty():
    colors = np.zeros((2, 1, 3), np.float32)
    alphas = np.zeros((2, 1), np.float32)
    colors[0], alphas[0] = 0.25, 0.5
    rgba = combined_pass(colors, alphas, None)
    np.testing.assert_allclose(
        rgba[1, 0], [0.5 * srgb_to_linear(np.array(0.5))] * 3 + [0.5], rtol=1e-6
    )
    np.testing.assert_array_equal(rgba[0, 0], 0)
