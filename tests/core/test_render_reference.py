"""The reference rasteriser against values worked out by hand."""

import numpy as np
import pytest
from gaussian_heads.core.camera import Camera
from gaussian_heads.core.errors import BackendUnavailable, RenderError
from gaussian_heads.core.gaussians import Gaussians, concatenate
from gaussian_heads.core.render import registry, render

FOCAL_PX = 100.0
EPS2D = 0.3


def splat(mean, scale=0.05, opacity=0.8, color=(1.0, 0.5, 0.25), quat=(1.0, 0.0, 0.0, 0.0)):
    scales = np.broadcast_to(np.float32(scale), (1, 3))
    return Gaussians(
        np.array([mean], np.float32),
        np.array([quat], np.float32),
        np.array(scales, np.float32),
        np.array([opacity], np.float32),
        np.array([color], np.float32),
    )


def camera(width=33, height=33, center=None, focal=(FOCAL_PX, FOCAL_PX)):
    cx, cy = center or (width / 2, height / 2)
    K = np.array([[focal[0], 0, cx], [0, focal[1], cy], [0, 0, 1]], np.float64)
    return Camera(np.eye(4), K, width, height)


def draw(gaussians, view=None, **options):
    return render(gaussians, view or camera(), backend="reference", **options)


def test_isotropic_profile():
    # 0.05 m at 1 m with a focal length of 100 px: 5 px, widened by the low-pass.
    output = draw(splat((0, 0, 1)))
    distance = np.arange(33) - 16.0
    expected = 0.8 * np.exp(-0.5 * distance**2 / (25.0 + EPS2D))
    expected[expected < 1 / 255] = 0.0
    np.testing.assert_allclose(output.alphas[16], expected, atol=1e-6)
    np.testing.assert_allclose(output.alphas[:, 16], expected, atol=1e-6)
    np.testing.assert_allclose(output.colors[16, 16], [0.8, 0.4, 0.2], rtol=1e-6)
    assert output.depths[16, 16] == pytest.approx(1.0)


def test_support_ends_where_alpha_falls_below_1_255():
    # exp(-d^2 / (2 * 1.3)) * 0.5 = 1/255 at d = 3.55 px.
    alphas = draw(splat((0, 0, 1), scale=0.01, opacity=0.5)).alphas
    rows, columns = np.nonzero(alphas)
    distance = np.hypot(rows - 16, columns - 16)
    assert distance.max() <= 3.55
    assert len(rows) == sum(np.hypot(x, y) <= 3.55 for x in range(-4, 5) for y in range(-4, 5))


def test_rotated_splat_is_long_along_its_axis():
    turn = np.radians(45.0)
    quat = (np.cos(turn / 2), 0, 0, np.sin(turn / 2))
    output = draw(splat((0, 0, 1), scale=(0.08, 0.01, 0.01), quat=quat))
    # Rotating +x by +45 degrees about z (forward) gives (1, 1): down and right in the image.
    along = 0.8 * np.exp(-0.5 * 32.0 / (64.0 + EPS2D))
    across = 0.8 * np.exp(-0.5 * 8.0 / (1.0 + EPS2D))
    assert output.alphas[20, 20] == pytest.approx(along, rel=1e-5)
    assert output.alphas[14, 18] == pytest.approx(across, rel=1e-5)
    assert output.alphas[20, 12] == 0.0


def test_quaternion_length_does_not_matter():
    one = draw(splat((0, 0, 1), scale=(0.08, 0.02, 0.01), quat=(0.9, 0.1, 0.3, 0.2)))
    other = draw(splat((0, 0, 1), scale=(0.08, 0.02, 0.01), quat=(9, 1, 3, 2)))
    np.testing.assert_allclose(one.alphas, other.alphas, atol=1e-6)


def test_two_splats_composite_front_to_back_whatever_their_order():
    near = splat((0, 0, 1), opacity=0.5, color=(1, 0, 0))
    far = splat((0, 0, 2), opacity=0.4, color=(0, 1, 0))
    for order in ([near, far], [far, near]):
        output = draw(concatenate(order), background=np.array([0.0, 0.0, 1.0]))
        np.testing.assert_allclose(output.colors[16, 16], [0.5, 0.2, 0.3], rtol=1e-6)
        assert output.alphas[16, 16] == pytest.approx(0.7)
        assert output.depths[16, 16] == pytest.approx((0.5 * 1 + 0.2 * 2) / 0.7)


def test_equal_depths_keep_the_given_order():
    red = splat((0, 0, 1), opacity=0.5, color=(1, 0, 0))
    green = splat((0, 0, 1), opacity=0.5, color=(0, 1, 0))
    np.testing.assert_allclose(
        draw(concatenate([red, green])).colors[16, 16], [0.5, 0.25, 0], rtol=1e-6
    )
    np.testing.assert_allclose(
        draw(concatenate([green, red])).colors[16, 16], [0.25, 0.5, 0], rtol=1e-6
    )


def test_alpha_is_limited_and_the_last_splat_is_not_added():
    # T: 1 -> 0.001 after the first; the second would leave 1e-6 and ends the pixel unseen.
    opaque = [splat((0, 0, z), opacity=1.0, color=(1, 1, 1)) for z in (1.0, 1.1)]
    faint = splat((0, 0, 1.2), opacity=0.5, color=(1, 1, 1))
    output = draw(concatenate([*opaque, faint]))
    assert output.alphas[16, 16] == pytest.approx(0.999)
    assert output.colors[16, 16, 0] == pytest.approx(0.999)


def test_nothing_is_drawn_behind_the_near_plane():
    behind = concatenate([splat((0, 0, z), scale=0.5) for z in (-1.0, 0.0, 0.0099)])
    output = draw(behind)
    assert not output.alphas.any() and not output.colors.any() and not output.depths.any()
    assert draw(splat((0, 0, 0.0101))).alphas[16, 16] > 0.79


def test_jacobian_is_clamped_outside_the_image():
    # At x/z = 2 the Jacobian is taken at 1.3 * 16.5 / 100 instead; the mean stays where it is.
    z, scale = 0.5, 3.0
    view = camera()
    limit = 1.3 * 16.5 / FOCAL_PX
    jacobian = np.array([FOCAL_PX / z, 0, -FOCAL_PX * limit / z])
    variance_x = scale**2 * jacobian @ jacobian + EPS2D
    dx = 16.5 - (FOCAL_PX * 2.0 + 16.5)
    expected = 0.8 * np.exp(-0.5 * dx * dx / variance_x)
    output = draw(splat((2.0 * z, 0, z), scale=scale), view)
    assert output.alphas[16, 16] == pytest.approx(expected, rel=1e-5)


def test_principal_point_and_focal_lengths_place_the_splat():
    view = camera(40, 24, center=(10.5, 5.5), focal=(100.0, 50.0))
    output = draw(splat((0.1, 0.1, 1.0)), view)
    peak = np.unravel_index(np.argmax(output.alphas), output.alphas.shape)
    assert peak == (10, 20)
    # Half the focal length: half as tall as wide. Off the axis, z spreads over the image as well.
    jacobian = np.array([[100.0, 0.0, -10.0], [0.0, 50.0, -5.0]])
    conic = np.linalg.inv(0.05**2 * jacobian @ jacobian.T + EPS2D * np.eye(2))
    for dx, dy in ((5, 0), (0, 5), (4, -3)):
        expected = 0.8 * np.exp(-0.5 * np.array([dx, dy]) @ conic @ [dx, dy])
        assert output.alphas[10 + dy, 20 + dx] == pytest.approx(expected, rel=1e-5)


def test_view_matrix_moves_the_world():
    view = np.eye(4)
    view[:3, :3] = [[0, 0, -1], [0, 1, 0], [1, 0, 0]]  # looks along world +x
    view[:3, 3] = [0.0, 0.0, 2.0]
    K = np.array([[FOCAL_PX, 0, 16.5], [0, FOCAL_PX, 16.5], [0, 0, 1]])
    output = draw(splat((1, 0, 0.3)), Camera(view, K, 33, 33))
    assert output.alphas.argmax() == 16 * 33 + 6
    assert output.depths[16, 6] == pytest.approx(3.0)


def test_flat_gaussian_and_zero_quaternion_are_safe():
    output = draw(splat((0, 0, 1), scale=0.0, quat=(0, 0, 0, 0)))
    assert output.alphas[16, 16] == pytest.approx(0.8)
    assert output.alphas[16, 17] == pytest.approx(0.8 * np.exp(-0.5 / EPS2D), rel=1e-5)


def test_opacity_above_one_counts_as_one():
    np.testing.assert_array_equal(
        draw(splat((0, 0, 1), opacity=3.0)).alphas, draw(splat((0, 0, 1), opacity=1.0)).alphas
    )


def test_empty_set_gives_the_background():
    output = draw(concatenate([]), background=np.array([0.1, 0.2, 0.3]))
    np.testing.assert_allclose(output.colors, np.broadcast_to([0.1, 0.2, 0.3], (33, 33, 3)))
    assert not output.alphas.any() and not output.depths.any()


@pytest.mark.parametrize("backend", ["reference", "cpu", "auto"])
@pytest.mark.parametrize("name", ["means", "quats", "scales", "opacities", "colors"])
def test_gaussians_that_are_not_finite_are_refused(backend, name):
    gaussians = concatenate([splat((0, 0, 1)), splat((0, 0, 2))])
    getattr(gaussians, name)[1] = np.nan
    with pytest.raises(RenderError, match=f"Gaussian 1 has {name} that are not finite"):
        render(gaussians, camera(), backend=backend)


@pytest.mark.parametrize("background", [[0.0, np.inf, 0.0]])
def test_background_that_is_not_finite_is_refused(background):
    with pytest.raises(RenderError, match="background"):
        draw(splat((0, 0, 1)), background=np.array(background))


@pytest.mark.parametrize("name", ["cuda", "gpu"])
def test_backends_of_blender_are_refused_outside_it(name, monkeypatch):
    monkeypatch.setattr(registry, "_registered", {})
    with pytest.raises(BackendUnavailable, match=f"'{name}' works only inside Blender"):
        render(splat((0, 0, 1)), camera(), backend=name)


def test_unknown_backend_is_named():
    with pytest.raises(RenderError, match="no backend 'vulkan': choose one of auto, cuda, gpu"):
        render(splat((0, 0, 1)), camera(), backend="vulkan")


def orthographic(width=33, height=33, per_m=100.0):
    K = np.array([[per_m, 0, width / 2], [0, per_m, height / 2], [0, 0, 1]], np.float64)
    return Camera(np.eye(4), K, width, height, is_orthographic=True)


def test_an_orthographic_camera_shows_the_same_at_every_distance():
    near, far = (draw(splat((0.05, 0, z)), orthographic()) for z in (1.0, 7.0))
    np.testing.assert_array_equal(near.colors, far.colors)
    # 0.05 m are 5 px; the profile is that of a 5 px Gaussian, widened by the low-pass.
    distance = np.arange(33) - 16.0 - 5.0
    expected = 0.8 * np.exp(-0.5 * distance**2 / (25.0 + EPS2D))
    expected[expected < 1 / 255] = 0.0
    np.testing.assert_allclose(near.alphas[16], expected, atol=1e-6)
    assert far.depths[16, 21] == pytest.approx(7.0)


def test_depth_limits_hide_what_lies_behind_them():
    both = concatenate([splat((0, 0, 1), color=(1, 0, 0)), splat((0, 0, 2), 0.1, color=(0, 1, 0))])
    limits = np.full((33, 33), np.inf, np.float32)
    limits[:, :11], limits[:, 11:22] = 0.5, 1.5
    output = draw(both, depth_limits=limits)
    free, front = draw(both), draw(splat((0, 0, 1), color=(1, 0, 0)))
    np.testing.assert_array_equal(output.alphas[:, :11], 0.0)
    np.testing.assert_array_equal(output.colors[:, 11:22], front.colors[:, 11:22])
    np.testing.assert_array_equal(output.colors[:, 22:], free.colors[:, 22:])
    assert free.colors[16, 13, 1] > 0.01


@pytest.mark.parametrize("limits", [np.ones((33, 32)), np.full((33, 33), np.nan)])
def test_broken_depth_limits_are_refused(limits):
    with pytest.raises(RenderError, match="one depth for each of the 33 x 33 pixels"):
        draw(splat((0, 0, 1)), depth_limits=limits.astype(np.float32))
