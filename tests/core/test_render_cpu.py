"""The C rasteriser against the reference, and against itself with other numbers of threads."""

import dataclasses
import logging
import sys
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from gaussian_heads.core.camera import Camera, intrinsics, look_at
from gaussian_heads.core.errors import BackendUnavailable, RenderError
from gaussian_heads.core.gaussians import Gaussians, concatenate
from gaussian_heads.core.render import backends, cpu, reference, register_backend, registry, render

IMAGES = ("colors", "alphas", "depths")


def scene(count, seed=0, log_scale=-5.5, spread=0.1, elongation=1.0):
    """Rotated, anisotropic Gaussians in a ball about the origin."""
    rng = np.random.default_rng(seed)
    directions = rng.normal(size=(count, 3))
    directions /= np.linalg.norm(directions, axis=1, keepdims=True)
    radii = spread * rng.uniform(0.2, 1.0, (count, 1))
    return Gaussians(
        means=(directions * radii).astype(np.float32),
        quats=rng.normal(size=(count, 4)).astype(np.float32),
        scales=np.exp(rng.normal(log_scale, elongation, (count, 3))).astype(np.float32),
        opacities=rng.uniform(0.0, 1.0, count).astype(np.float32),
        colors=rng.uniform(0.0, 1.0, (count, 3)).astype(np.float32),
    )


def camera(width=128, height=128, focal_px=200.0, eye=(0.1, 0.05, 0.5)):
    view = look_at(np.array(eye), np.zeros(3), np.array([0.0, 1.0, 0.0]))
    return Camera(view, intrinsics(focal_px, width, height), width, height)


def psnr(a, b):
    mean_square = np.mean((a.astype(np.float64) - b) ** 2)
    return np.inf if mean_square == 0 else -10 * np.log10(mean_square)


def assert_agrees(gaussians, view, background=None, depth_limits=None):
    expected = reference.render(gaussians, view, background, depth_limits)
    actual = cpu.render(gaussians, view, background, depth_limits)
    for name in IMAGES:
        e, a = getattr(expected, name), getattr(actual, name)
        assert psnr(e, a) > 85.0, name
        assert np.abs(e - a).max() < 0.05, name
    return actual


def assert_same(one, other):
    for name in IMAGES:
        np.testing.assert_array_equal(getattr(one, name), getattr(other, name))


@pytest.mark.parametrize("seed", range(3))
def test_agrees_with_the_reference(seed):
    output = assert_agrees(scene(3000, seed), camera())
    assert output.alphas.max() > 0.9 and output.alphas.min() < 0.1


def test_agrees_with_the_reference_over_a_background():
    assert_agrees(scene(500), camera(), np.array([0.9, 0.1, 0.4]))


def test_agrees_on_long_thin_strands():
    gaussians = scene(2000, log_scale=-6.0, elongation=0.1)
    gaussians.scales[:, 0] *= 60.0
    assert_agrees(gaussians, camera(256, 256, focal_px=600.0))


@pytest.mark.parametrize("size", [(1, 1), (17, 31), (16, 16), (130, 3), (7, 200)])
def test_agrees_at_odd_sizes(size):
    assert_agrees(scene(800), camera(*size, focal_px=120.0))


def test_agrees_with_an_off_centre_principal_point_and_non_square_pixels():
    view = camera(150, 90)
    K = np.array([[260.0, 0, 12.3], [0, 130.0, 80.9], [0, 0, 1]])
    assert_agrees(scene(1500), Camera(view.viewmat, K, 150, 90))


def test_agrees_from_within_the_cloud():
    # Splats behind, beside and around the camera, some covering the whole image.
    gaussians = scene(1500, log_scale=-3.5)
    output = assert_agrees(gaussians, camera(eye=(0.01, 0.0, 0.02)))
    assert output.alphas.min() > 0.5


def test_agrees_far_from_the_origin():
    gaussians = scene(1000)
    offset = np.array([1000.0, -2000.0, 500.0])
    gaussians.means[:] += offset.astype(np.float32)
    eye = offset + [0.1, 0.05, 0.5]
    view = look_at(eye, offset, np.array([0.0, 1.0, 0.0]))
    assert_agrees(gaussians, Camera(view, intrinsics(200.0, 128, 128), 128, 128))


def test_equal_depths_keep_the_given_order():
    gaussians = scene(2000)
    gaussians.means[:, 2] = 0.0
    view = np.eye(4)
    view[2, 3] = 0.5
    assert_agrees(gaussians, Camera(view, intrinsics(200.0, 128, 128), 128, 128))


def test_depths_of_many_octaves_are_sorted():
    # Eleven octaves of depth: three sorting passes instead of two.
    rng = np.random.default_rng(3)
    gaussians = scene(6000)
    depths = np.exp2(rng.uniform(-5.0, 6.0, 6000)).astype(np.float32)
    gaussians.means[:] = rng.uniform(-0.4, 0.4, (6000, 3)) * depths[:, None]
    gaussians.means[:, 2] = depths
    gaussians.scales[:] = (0.02 * depths)[:, None]
    assert_agrees(gaussians, Camera(np.eye(4), intrinsics(100.0, 96, 96), 96, 96))


def test_empty_set_gives_the_background():
    output = cpu.render(concatenate([]), camera(20, 10), np.array([0.1, 0.2, 0.3]))
    np.testing.assert_allclose(output.colors, np.broadcast_to([0.1, 0.2, 0.3], (10, 20, 3)))
    assert not output.alphas.any() and not output.depths.any()


def test_extreme_gaussians_give_finite_pixels():
    rng = np.random.default_rng(7)
    gaussians = scene(4000)
    gaussians.scales[:1000] = 0.0
    gaussians.scales[1000:2000] = np.exp(rng.uniform(-80.0, 80.0, (1000, 3)))
    gaussians.quats[500:1500] = 0.0
    gaussians.quats[1500:1600] = 1e-30
    gaussians.means[2000:3000] = rng.normal(size=(1000, 3)) * np.exp(rng.uniform(0, 80, (1000, 1)))
    gaussians.opacities[3000:3500] = 1e30
    gaussians.opacities[3500:3600] = -1.0
    output = cpu.render(gaussians, camera())
    for name in IMAGES:
        assert np.isfinite(getattr(output, name)).all(), name
    assert output.alphas.min() >= 0.0 and output.alphas.max() <= 1.0


@pytest.mark.parametrize("num_threads", [2, 5])
def test_pixels_do_not_depend_on_the_number_of_threads(num_threads):
    gaussians, view = scene(30_000), camera(333, 222, focal_px=400.0)
    assert_same(
        cpu.render(gaussians, view, num_threads=1),
        cpu.render(gaussians, view, num_threads=num_threads),
    )


def test_two_threads_can_render_at_once():
    jobs = [(scene(4000 + 500 * k, seed=k), camera(64 + 9 * k, 80)) for k in range(6)] * 4
    expected = [cpu.render(gaussians, view, num_threads=1) for gaussians, view in jobs]
    with ThreadPoolExecutor(4) as pool:
        actual = list(pool.map(lambda job: cpu.render(*job, num_threads=3), jobs))
    for one, other in zip(expected, actual, strict=True):
        assert_same(one, other)


def test_lists_longer_than_a_band_are_cut():
    # 45,000 splats over all of 800 tiles make 36 M list entries, more than one band holds.
    count = 45_000
    gaussians = scene(count)
    gaussians.means[:] = [0.0, 0.0, 0.0]
    gaussians.means[:, 2] = np.linspace(-0.1, 0.1, count)
    gaussians.scales[:] = 1.0
    gaussians.opacities[:] = 0.005
    view = camera(512, 400, eye=(0.0, 0.0, 0.5))
    output = cpu.render(gaussians, view)
    small = reference.render(gaussians, camera(8, 6, focal_px=200.0 * 8 / 512, eye=(0.0, 0.0, 0.5)))
    # Constant over the image, so that a small picture says what the large one must hold.
    assert np.ptp(output.alphas) < 1e-3
    assert np.abs(output.colors.mean(axis=(0, 1)) - small.colors.mean(axis=(0, 1))).max() < 2e-3


@pytest.mark.parametrize("name", ["base", "v3", "v4"])
def test_every_build_agrees_with_the_reference(monkeypatch, name):
    native = pytest.importorskip("gaussian_heads_native")
    if name not in native.variants():
        pytest.skip(f"this processor does not run the build {name}")
    monkeypatch.setattr(cpu, "load_library", lambda: native.load_variant(name))
    assert_agrees(scene(3000), camera(150, 90), np.array([0.9, 0.1, 0.4]))


def test_the_fastest_build_is_taken():
    native = pytest.importorskip("gaussian_heads_native")
    level = native.load_variant("base").gh_processor_level()
    expected = {4: "rasterizer_v4", 3: "rasterizer_v3", 0: "rasterizer_base"}[level]
    assert expected in native.load()._name


def test_agrees_through_an_orthographic_camera():
    view = dataclasses.replace(camera(), K=intrinsics(400.0, 128, 128), is_orthographic=True)
    output = assert_agrees(scene(3000), view)
    assert output.alphas.max() > 0.9 and output.alphas.min() < 0.1


@pytest.mark.parametrize("seed", range(3))
def test_agrees_where_surfaces_hide_gaussians(seed):
    rng = np.random.default_rng(seed)
    view = camera(120, 131)
    # Ragged surfaces through the middle of the cloud, with holes.
    limits = rng.uniform(0.4, 0.6, (131, 120)).astype(np.float32)
    limits[rng.random(limits.shape) < 0.3] = np.inf
    limits[:40, :40] = 0.1
    hidden = assert_agrees(scene(3000, seed), view, np.array([0.1, 0.4, 0.2]), limits)
    assert (hidden.alphas[:40, :40] == 0).all()
    free = cpu.render(scene(3000, seed), view)
    assert np.abs(free.alphas - hidden.alphas).mean() > 0.05
    for threads in (1, 5):
        again = cpu.render(
            scene(3000, seed), view, np.array([0.1, 0.4, 0.2]), limits, num_threads=threads
        )
        assert_same(hidden, again)


def registered(monkeypatch, name, draw):
    monkeypatch.setattr(registry, "_registered", {})
    monkeypatch.setattr(backends, "_said", set())
    register_backend(name, draw, lambda: True)


def test_auto_prefers_a_registered_backend(monkeypatch):
    registered(monkeypatch, "gpu", reference.render)
    assert backends.automatic_backends() == ["gpu", "cpu", "reference"]
    assert_same(render(scene(50), camera()), reference.render(scene(50), camera()))


def test_auto_goes_on_to_the_next_backend_and_warns_once(monkeypatch, caplog):
    def lost(*_):
        raise BackendUnavailable("the worker is gone")

    registered(monkeypatch, "cuda", lost)
    for _ in range(2):
        assert_same(render(scene(50), camera()), cpu.render(scene(50), camera()))
    assert caplog.text.count("the worker is gone") == 1


def test_auto_does_not_hide_what_no_backend_could_draw(monkeypatch):
    def too_large(*_):
        raise RenderError("the picture is too large")

    registered(monkeypatch, "gpu", too_large)
    with pytest.raises(RenderError, match="too large"):
        render(scene(50), camera())


def test_auto_takes_the_c_rasteriser_and_says_so(caplog):
    backends._said.clear()
    with caplog.at_level(logging.INFO):
        output = render(scene(200), camera())
    assert "Drawing with the cpu rasteriser" in caplog.text
    assert_same(output, render(scene(200), camera(), backend="cpu"))


def test_auto_falls_back_to_the_reference_and_says_why(caplog, monkeypatch):
    def missing():
        raise BackendUnavailable("the library is not there")

    backends._said.clear()
    monkeypatch.setattr(cpu, "load_library", missing)
    output = render(scene(50), camera())
    assert "the library is not there" in caplog.text
    assert_same(output, reference.render(scene(50), camera()))


def test_a_missing_wheel_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "gaussian_heads_native", None)
    cpu.load_library.cache_clear()
    try:
        with pytest.raises(RenderError, match="install the wheel gaussian-heads-native"):
            cpu.load_library()
    finally:
        cpu.load_library.cache_clear()


def test_inputs_of_another_memory_order_are_read_right():
    gaussians = scene(500)
    turned = Gaussians(
        np.asfortranarray(gaussians.means),
        np.repeat(gaussians.quats, 2, axis=1)[:, ::2],
        np.asfortranarray(gaussians.scales),
        np.repeat(gaussians.opacities, 3)[::3],
        gaussians.colors[:, ::-1].copy()[:, ::-1],
    )
    assert_same(cpu.render(gaussians, camera()), cpu.render(turned, camera()))
