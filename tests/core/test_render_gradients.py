"""Gradients: the reference's against finite differences, the C rasteriser's against the reference's.

A picture is not smooth where a splat's alpha crosses 1/255 at a pixel's centre (it vanishes), where it
crosses 0.999 (it is bound), where a pixel's transmittance crosses 1e-4 (it is finished) and where two depths
swap. Finite differences are therefore taken of a scene in which nothing comes near any of these: the splats
are so wide that they cover the small picture with alphas far above 1/255, their depths lie centimetres
apart, and those that are bound, hidden or outside are so by a wide margin. Two step sizes must agree, which
they would not over a jump.
"""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import gaussian_heads
import numpy as np
import pytest
from gaussian_heads.core.camera import Camera, intrinsics, look_at
from gaussian_heads.core.errors import RenderError
from gaussian_heads.core.gaussians import Gaussians, concatenate
from gaussian_heads.core.render import RenderOutput, cpu, reference, reference_gradients
from gaussian_heads.core.render.gradients import ImageGradients

TENSORS = ("means", "quats", "scales", "opacities", "colors")
BACKGROUND = np.array([0.2, 0.5, 0.9])


def random_images(camera, seed=0):
    rng = np.random.default_rng(seed)
    size = (camera.height, camera.width)
    shapes = ((*size, 3), size, size)
    return ImageGradients(*(rng.normal(size=shape).astype(np.float32) for shape in shapes))


def smooth_scene(opacities, seed=0, depth_m=0.05):
    """Wide splats one behind the other, turned and stretched; see the top of the file."""
    rng = np.random.default_rng(seed)
    count = len(opacities)
    means = rng.uniform(-0.02, 0.02, (count, 3))
    means[:, 2] = 0.5 + depth_m * np.arange(count)
    return Gaussians(
        means=means.astype(np.float32),
        quats=rng.normal(size=(count, 4)).astype(np.float32),
        scales=rng.uniform(0.08, 0.2, (count, 3)).astype(np.float32),
        opacities=np.array(opacities, np.float32),
        colors=rng.uniform(0.0, 1.0, (count, 3)).astype(np.float32),
    )


def small_camera(is_orthographic=False):
    tilted = look_at(np.array([0.05, 0.02, -0.1]), np.array([0, 0, 1.0]), np.array([0.1, -1.0, 0]))
    K = np.array([[60.0, 0, 5.5], [0, 75.0, 6.5], [0, 0, 1]])
    return Camera(tilted, K, 12, 10, is_orthographic)


def loss(gaussians, camera, images, depth_limits):
    """Sum of the pictures times `images`, in float64 throughout."""
    splats = reference.project(gaussians, camera)
    colors, transmittance, depths = reference.blend(splats, depth_limits)
    alphas = 1.0 - transmittance
    colors = colors + transmittance[..., None] * BACKGROUND
    depths = np.divide(depths, alphas, out=np.zeros_like(alphas), where=alphas > 0.0)
    pictures = (colors, alphas, depths)
    return sum((a * b).sum() for a, b in zip(pictures, vars(images).values(), strict=True))


def differences(gaussians, camera, images, depth_limits, relative_step):
    """Central differences of `loss` by every number of every tensor."""
    found = {}
    for name in TENSORS:
        values = getattr(gaussians, name)
        found[name] = np.zeros(values.shape)
        for index in np.ndindex(values.shape):
            low, high = values.copy(), values.copy()
            step = relative_step * max(abs(values[index]), 0.02)
            low[index] -= step
            high[index] += step
            losses = [
                loss(replace(gaussians, **{name: moved}), camera, images, depth_limits)
                for moved in (low, high)
            ]
            found[name][index] = (losses[1] - losses[0]) / (float(high[index]) - float(low[index]))
    return found


def no_limits(camera):
    return np.full((camera.height, camera.width), np.inf, np.float32)


def half_hidden(camera):
    """A surface before the left half, between the depths of two splats."""
    limits = no_limits(camera)
    limits[:, : camera.width // 2] = 0.78
    return limits


@pytest.mark.parametrize("is_orthographic", [False, True])
@pytest.mark.parametrize("limits_of", [no_limits, half_hidden])
def test_reference_agrees_with_finite_differences(is_orthographic, limits_of):
    gaussians = smooth_scene([0.5, 0.3, 0.6, 0.4, 0.5, 0.2])
    camera = small_camera(is_orthographic)
    limits, images = limits_of(camera), random_images(camera)
    assert_differences_agree(gaussians, camera, images, limits)


def test_reference_agrees_where_splats_are_bound_hidden_or_outside():
    # Alphas of 0.93: the fourth splat finishes every pixel. The last lies far outside the picture.
    gaussians = smooth_scene([0.93, 0.93, 0.93, 0.97, 0.5, 0.5])
    gaussians.scales[:5] *= 20.0
    gaussians.means[5, 0] = 3.0
    camera = small_camera()
    gradients = assert_differences_agree(
        gaussians, camera, random_images(camera), no_limits(camera)
    )
    assert gradients.num_pixels.tolist() == [120, 120, 120, 0, 0, 0]
    assert not gradients.means[3:].any()


def test_alpha_that_is_bound_has_no_gradient():
    # A splat that fills the picture with more than 0.999; a second one shines through it.
    gaussians = smooth_scene([1.0, 0.5])
    gaussians.scales[0] *= 300.0
    camera = small_camera()
    # A step of its opacity would leave the bound.
    smooth = ("means", "quats", "scales", "colors")
    gradients = assert_differences_agree(
        gaussians, camera, random_images(camera), no_limits(camera), smooth
    )
    assert not gradients.scales[0].any() and gradients.opacities[0] == 0.0
    assert gradients.colors[0].all() and gradients.scales[1].all()


def assert_differences_agree(gaussians, camera, images, limits, tensors=TENSORS):
    gradients = reference_gradients.backward(gaussians, camera, images, BACKGROUND, limits)
    coarse = differences(gaussians, camera, images, limits, 2e-3)
    fine = differences(gaussians, camera, images, limits, 1e-3)
    for name in tensors:
        scale = np.abs(fine[name]).max()
        np.testing.assert_allclose(coarse[name], fine[name], atol=1e-4 * scale, err_msg=name)
        # Richardson: the error of a central difference falls with the square of the step.
        exact = (4.0 * fine[name] - coarse[name]) / 3.0
        np.testing.assert_allclose(getattr(gradients, name), exact, atol=2e-6 * scale, err_msg=name)
    return gradients


def test_projected_means_have_the_gradient_of_a_shifted_picture():
    # Moving the principal point moves all projected means and nothing else of this camera.
    gaussians, camera = smooth_scene([0.5, 0.3, 0.6]), small_camera(is_orthographic=True)
    images, limits = random_images(camera), no_limits(camera)
    gradients = reference_gradients.backward(gaussians, camera, images, BACKGROUND)
    for axis in (0, 1):
        losses = []
        for shift_px in (-1e-4, 1e-4):
            K = camera.K.copy()
            K[axis, 2] += shift_px
            losses.append(loss(gaussians, replace(camera, K=K), images, limits))
        expected = (losses[1] - losses[0]) / 2e-4
        np.testing.assert_allclose(gradients.means2d[:, axis].sum(), expected, rtol=1e-5)


def cloud(count, seed=0, log_scale=-5.5, elongation=1.0):
    """Turned, stretched Gaussians in a ball about the origin."""
    rng = np.random.default_rng(seed)
    return Gaussians(
        means=rng.normal(0.0, 0.05, (count, 3)).astype(np.float32),
        quats=rng.normal(size=(count, 4)).astype(np.float32),
        scales=np.exp(rng.normal(log_scale, elongation, (count, 3))).astype(np.float32),
        opacities=rng.uniform(0.0, 1.0, count).astype(np.float32),
        colors=rng.uniform(0.0, 1.0, (count, 3)).astype(np.float32),
    )


def view(width=128, height=128, focal_px=200.0, eye=(0.1, 0.05, 0.5), is_orthographic=False):
    viewmat = look_at(np.array(eye), np.zeros(3), np.array([0.0, 1.0, 0.0]))
    return Camera(viewmat, intrinsics(focal_px, width, height), width, height, is_orthographic)


def both(gaussians, camera, images, background=BACKGROUND, depth_limits=None):
    expected = reference_gradients.backward(gaussians, camera, images, background, depth_limits)
    output = cpu.render(gaussians, camera, background, depth_limits)
    actual = cpu.backward(
        gaussians, camera, output, images, background=background, depth_limits=depth_limits
    )
    return expected, actual


def assert_agrees(gaussians, camera, images=None, background=BACKGROUND, depth_limits=None):
    images = images or random_images(camera)
    expected, actual = both(gaussians, camera, images, background, depth_limits)
    for name in (*TENSORS, "means2d", "num_pixels"):
        e, a = getattr(expected, name), getattr(actual, name)
        assert np.linalg.norm(e) > 0.0, name
        assert np.linalg.norm(a - e) < 1e-3 * np.linalg.norm(e), name


@pytest.mark.parametrize("seed", range(3))
def test_c_agrees_with_the_reference(seed):
    assert_agrees(cloud(3000, seed), view())


def test_c_agrees_on_a_head():
    pytest.importorskip("onnxruntime", reason="needs onnxruntime")
    from gaussian_heads.core.avatar import Avatar

    avatar = Avatar.open(Path(gaussian_heads.__file__).parent / "assets" / "avatars" / "ada.uhap")
    head = avatar.decode(np.zeros(avatar.code_dim, np.float32))
    fewer = Gaussians(*(getattr(head, name)[::5].copy() for name in TENSORS))
    assert_agrees(fewer, view(192, 192, focal_px=360.0, eye=(0.2, 0.0, 0.9)))


@pytest.mark.parametrize("name", ["colors", "alphas", "depths"])
def test_c_agrees_for_one_image_alone(name):
    # A missing image means zeros: the gradients of the three are those of their sum, each alone.
    camera = view()
    gaussians, images = cloud(1000), random_images(camera)
    alone = ImageGradients(
        **{image: getattr(images, image) if image == name else None for image in vars(images)}
    )
    expected, actual = both(gaussians, camera, alone)
    for tensor in ("means", "quats", "scales", "opacities"):
        e, a = getattr(expected, tensor), getattr(actual, tensor)
        assert 0.0 < np.linalg.norm(e) and np.linalg.norm(a - e) < 1e-3 * np.linalg.norm(e)
    assert bool(actual.colors.any()) == (name == "colors")


def test_c_agrees_under_an_orthographic_camera():
    assert_agrees(cloud(2000), view(focal_px=500.0, is_orthographic=True))


def test_c_agrees_behind_depth_limits():
    rng = np.random.default_rng(5)
    limits = rng.uniform(0.3, 0.7, (128, 128)).astype(np.float32)
    limits[rng.random(limits.shape) < 0.3] = np.inf
    assert_agrees(cloud(2000), view(), depth_limits=limits)


def test_c_agrees_on_long_thin_strands():
    gaussians = cloud(600, log_scale=-6.0, elongation=0.1)
    gaussians.scales[:, 0] *= 60.0
    assert_agrees(gaussians, view(160, 160, focal_px=400.0))


def test_c_agrees_from_within_the_cloud():
    # Splats behind, beside and around the camera; many are linearised at the limit.
    gaussians = cloud(1500, log_scale=-3.5)
    assert_agrees(gaussians, view(eye=(0.01, 0.0, 0.02)))


@pytest.mark.parametrize("size", [(1, 1), (17, 31), (130, 3), (7, 200)])
def test_c_agrees_at_odd_sizes(size):
    assert_agrees(cloud(800), view(*size, focal_px=120.0), background=None)


def test_c_agrees_off_centre_and_with_non_square_pixels():
    K = np.array([[260.0, 0, 12.3], [0, 130.0, 80.9], [0, 0, 1]])
    assert_agrees(cloud(1500), Camera(view().viewmat, K, 150, 90))


def test_c_agrees_on_opacities_of_one_and_more():
    gaussians = cloud(500)
    gaussians.opacities[::2] = 1.0
    gaussians.opacities[::3] = 2.0
    expected, actual = both(gaussians, view(), random_images(view()))
    assert not actual.opacities[::3].any()
    error = np.linalg.norm(actual.opacities - expected.opacities)
    assert error < 1e-3 * np.linalg.norm(expected.opacities)


@pytest.mark.parametrize("num_threads", [2, 5])
def test_gradients_do_not_depend_on_the_number_of_threads(num_threads):
    gaussians, camera = cloud(30_000), view(333, 222, focal_px=400.0)
    images = random_images(camera)
    output = cpu.render(gaussians, camera)
    one = cpu.backward(gaussians, camera, output, images, num_threads=1)
    other = cpu.backward(gaussians, camera, output, images, num_threads=num_threads)
    for name, values in vars(one).items():
        np.testing.assert_array_equal(values, getattr(other, name), name)


def test_two_backward_passes_at_once_are_safe():
    def run(seed, num_threads):
        gaussians, camera = cloud(3000 + 500 * seed, seed), view(64 + 9 * seed, 80)
        output = cpu.render(gaussians, camera)
        images = random_images(camera, seed)
        return cpu.backward(gaussians, camera, output, images, num_threads=num_threads)

    expected = [run(seed, 1) for seed in range(4)] * 3
    with ThreadPoolExecutor(4) as pool:
        actual = list(pool.map(lambda seed: run(seed, 3), list(range(4)) * 3))
    for one, other in zip(expected, actual, strict=True):
        np.testing.assert_array_equal(one.means, other.means)
        np.testing.assert_array_equal(one.num_pixels, other.num_pixels)


def test_records_longer_than_a_band_are_cut():
    # 6,000 splats over all of 800 tiles make 4.8 M records, more than one band holds.
    count = 6000
    gaussians = cloud(count)
    gaussians.means[:] = [0.0, 0.0, 0.0]
    gaussians.means[:, 2] = np.linspace(-0.1, 0.1, count)
    gaussians.scales[:] = 1.0
    gaussians.opacities[:] = 0.005
    camera = view(512, 400, eye=(0.0, 0.0, 0.5))
    images = ImageGradients(np.ones((400, 512, 3), np.float32))
    output = cpu.render(gaussians, camera)
    gradients = cpu.backward(gaussians, camera, output, images)
    front = gradients.num_pixels == 512 * 400
    assert front[-1] and 500 < front.sum() < count
    # The weights of a pixel's splats add up to its alpha.
    assert np.allclose(gradients.colors.sum(axis=0), output.alphas.sum(), rtol=1e-4)


def test_an_empty_set_has_empty_gradients():
    camera = view(20, 10)
    nobody = concatenate([])
    gradients = cpu.backward(nobody, camera, cpu.render(nobody, camera), random_images(camera))
    assert gradients.means.shape == (0, 3) and gradients.num_pixels.shape == (0,)


def test_images_of_another_size_are_refused():
    gaussians, camera = cloud(10), view(20, 10)
    output = cpu.render(gaussians, camera)
    with pytest.raises(RenderError, match="expected \\(10, 20"):
        cpu.backward(gaussians, camera, output, random_images(view(21, 10)))
    with pytest.raises(RenderError, match="expected \\(12, 20"):
        cpu.backward(gaussians, view(20, 12), output, random_images(view(20, 12)))


def test_pictures_of_another_memory_order_are_read_right():
    gaussians, camera = cloud(500), view()
    images, output = random_images(camera), cpu.render(gaussians, camera)
    turned = RenderOutput(*(np.asfortranarray(image) for image in vars(output).values()))
    turned_images = ImageGradients(*(np.asfortranarray(image) for image in vars(images).values()))
    expected = cpu.backward(gaussians, camera, output, images)
    actual = cpu.backward(gaussians, camera, turned, turned_images)
    np.testing.assert_array_equal(actual.means, expected.means)
