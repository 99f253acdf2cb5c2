"""The plain half of the GPU's drawing: texels, order, thinner sets, the camera's block."""

import dataclasses

import numpy as np
import pytest
from gaussian_heads.core.camera import Camera, intrinsics, look_at
from gaussian_heads.core.gaussians import Gaussians
from gaussian_heads.core.render import packing, render
from gaussian_heads.core.render.packing import back_to_front, camera_block, thinned


def blob(count, seed=0, spread=0.1):
    random = np.random.default_rng(seed)
    return Gaussians(
        means=random.normal(0, spread, (count, 3)).astype(np.float32),
        quats=random.normal(size=(count, 4)).astype(np.float32),
        scales=random.uniform(0.002, 0.02, (count, 3)).astype(np.float32),
        opacities=random.uniform(0.3, 0.99, count).astype(np.float32),
        colors=random.uniform(0, 1, (count, 3)).astype(np.float32),
    )


def viewmat(eye=(0.3, 0.1, 0.8)):
    return look_at(np.array(eye), np.zeros(3), np.array([0.0, 1.0, 0.0]))


@pytest.mark.parametrize("count", [0, 1, 1024, 1025, 5000])
def test_attributes_lie_where_the_shader_looks(count):
    gaussians = blob(count)
    texels = packing.pack_attributes(gaussians)
    assert texels.shape[1:] == (packing.ROW_GAUSSIANS * packing.TEXELS, 4)
    for index in {0, count // 2, count - 1} if count else ():
        row, column = divmod(index, packing.ROW_GAUSSIANS)
        mean, quat, scale, color = texels[row, column * 4 : column * 4 + 4]
        np.testing.assert_array_equal(mean, [*gaussians.means[index], gaussians.opacities[index]])
        np.testing.assert_array_equal(quat, gaussians.quats[index])
        np.testing.assert_array_equal(scale[:3], gaussians.scales[index])
        np.testing.assert_array_equal(color[:3], gaussians.colors[index])
    assert texels.reshape(-1, 16)[count:].sum() == 0.0


def test_order_texels_hold_indices_exactly():
    order = np.array([16_777_215, 0, *range(5000)])
    texels = packing.pack_order(order)
    assert texels.dtype == np.float32
    np.testing.assert_array_equal(texels.ravel()[: len(order)], order)
    assert packing.pack_order(np.zeros(0, np.int64)).shape == (1, packing.ROW_ORDER)


@pytest.mark.parametrize("eye", [(0.3, 0.1, 0.8), (0.01, 0.0, 0.02)])
def test_exact_order_is_the_references(eye):
    gaussians = blob(20_000)
    gaussians.means[5000:6000] = gaussians.means[:1000]
    matrix = viewmat(eye)
    depths = (gaussians.means.astype(np.float64) @ matrix[2, :3] + matrix[2, 3]).astype(np.float32)
    expected = np.argsort(depths, kind="stable")[::-1]
    np.testing.assert_array_equal(back_to_front(gaussians, matrix, is_exact=True), expected)


def test_live_order_is_within_a_sixteen_bit_step():
    gaussians = blob(20_000)
    matrix = viewmat()
    depths = gaussians.means @ matrix[2, :3] + matrix[2, 3]
    sorted_depths = depths[back_to_front(gaussians, matrix, is_exact=False)]
    step = (depths.max() - depths.min()) / 65535
    assert np.diff(sorted_depths).max() <= step * 1.01
    assert np.diff(sorted_depths).max() > 0, "the live order is meant to be the coarse one"


def test_deep_scene_is_sorted_exactly_also_live():
    gaussians = blob(2000, spread=3.0)
    gaussians.means[:, 2] -= 30.0
    matrix = viewmat()
    np.testing.assert_array_equal(
        back_to_front(gaussians, matrix, is_exact=False),
        back_to_front(gaussians, matrix, is_exact=True),
    )


def test_order_leaves_out_what_no_one_sees():
    gaussians = blob(100, spread=0.01)
    gaussians.opacities[7] = 1 / 300
    for is_exact in (True, False):
        order = back_to_front(gaussians, viewmat(), is_exact=is_exact)
        assert sorted(order) == [i for i in range(100) if i != 7]
    assert len(back_to_front(blob(0), viewmat(), is_exact=False)) == 0


@pytest.mark.parametrize("density", [0.05, 0.3, 0.5])
def test_thinner_set_is_stable_and_keeps_its_area(density):
    gaussians = blob(10_000)
    kept = thinned(gaussians, density)
    assert kept.num_gaussians == pytest.approx(10_000 * density, abs=1)
    area = (gaussians.scales**2).sum()
    assert (kept.scales**2).sum() == pytest.approx(area, rel=0.1)
    moved = thinned(gaussians.transformed(np.diag([2.0, 2.0, 2.0, 1.0])), density)
    np.testing.assert_allclose(moved.means, kept.means * 2, rtol=1e-6)
    assert thinned(gaussians, 1.0) is gaussians


def test_thinner_head_stays_solid():
    gaussians = blob(10_000)
    camera = Camera(viewmat(), intrinsics(150.0, 80, 80), 80, 80)
    thin = thinned(gaussians, 0.1)
    plain = dataclasses.replace(thin, scales=thin.scales * np.float32(0.1**0.5))
    full, grown, small = (render(g, camera).alphas for g in (gaussians, thin, plain))
    solid = full > 0.99
    assert np.percentile(grown[solid], 2) > 0.8 > np.percentile(small[solid], 25)
    assert abs(grown.mean() - full.mean()) < 0.05


def test_camera_block_layout():
    K = np.array([[500.0, 0, 40], [0, 400, 30], [0, 0, 1]])
    camera = Camera(viewmat(), K, 100, 80, True)
    block = camera_block(camera, np.diag([1.0, 2, 3, 4]), 1234)
    assert block.shape == (44,) and block.nbytes == 176
    np.testing.assert_allclose(block[:16].reshape(4, 4).T, camera.viewmat, rtol=1e-6)
    np.testing.assert_allclose(block[16:32].reshape(4, 4).T, np.diag([1, 2, 3, 4]))
    np.testing.assert_allclose(block[32:36], [500, 400, 40, 30])
    margins = [0.15 * 100 / 500, 0.15 * 80 / 400]
    low, high = [-40 / 500, -30 / 400], [60 / 500, 50 / 400]
    np.testing.assert_allclose(block[36:38], np.subtract(low, margins), rtol=1e-6)
    np.testing.assert_allclose(block[38:40], np.add(high, margins), rtol=1e-6)
    np.testing.assert_allclose(block[40:], [100, 80, 1, 1234])
