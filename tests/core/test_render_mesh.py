"""The depth buffer of opaque triangles, against rays that are traced to them."""

import dataclasses

import numpy as np
import pytest
from gaussian_heads.core.camera import Camera, intrinsics, look_at
from gaussian_heads.core.render.mesh import draw_mesh


def camera(width=64, height=48, focal_px=60.0, eye=(0.2, 0.1, -2.0)):
    view = look_at(np.array(eye), np.zeros(3), np.array([0.0, 1.0, 0.0]))
    return Camera(view, intrinsics(focal_px, width, height), width, height)


def traced(triangles, view):
    """Depth, triangle and barycentrics in every pixel by intersecting its ray (Moller and Trumbore 1997)."""
    x = (np.arange(view.width) + 0.5 - view.K[0, 2]) / view.K[0, 0]
    y = (np.arange(view.height) + 0.5 - view.K[1, 2]) / view.K[1, 1]
    slopes = np.stack(np.broadcast_arrays(x[None, :], y[:, None], 1.0), axis=-1)
    origins, rays = np.zeros_like(slopes), slopes
    if view.is_orthographic:
        origins, rays = slopes * [1, 1, 0], np.broadcast_to([0.0, 0.0, 1.0], slopes.shape)
    depths = np.full((view.height, view.width), np.inf)
    indices = np.full(depths.shape, -1)
    weights = np.zeros((*depths.shape, 2))
    for index, corners in enumerate(triangles.astype(np.float64)):
        a, b, c = corners @ view.viewmat[:3, :3].T + view.viewmat[:3, 3]
        across = np.cross(rays, c - a)
        determinant = across @ (b - a)
        from_a = origins - a
        u = np.sum(from_a * across, axis=-1) / determinant
        q = np.cross(from_a, b - a)
        v = np.sum(rays * q, axis=-1) / determinant
        z = q @ (c - a) / determinant
        hit = (u >= 0) & (v >= 0) & (u + v <= 1) & (z >= 0.01) & (z < depths)
        depths[hit], indices[hit] = z[hit], index
        weights[hit] = np.stack([u, v], axis=-1)[hit]
    return depths, indices, weights


def clutter(count, seed, spread=1.0):
    rng = np.random.default_rng(seed)
    centres = rng.uniform(-spread, spread, (count, 1, 3))
    return (centres + rng.normal(0, 0.4, (count, 3, 3))).astype(np.float32)


@pytest.mark.parametrize("is_orthographic", [False, True])
@pytest.mark.parametrize("seed", range(3))
def test_depths_are_those_of_traced_rays(seed, is_orthographic):
    # Some triangles stand around and behind the camera.
    triangles = clutter(60, seed, spread=2.5)
    view = dataclasses.replace(camera(), is_orthographic=is_orthographic)
    if is_orthographic:
        view = dataclasses.replace(view, K=intrinsics(20.0, 64, 48))
    depths, indices, weights = traced(triangles, view)
    picture = draw_mesh(triangles, view)
    same = picture.indices == indices
    # Rays through an edge may fall on either side of it.
    assert same.mean() > 0.995
    assert (indices >= 0).mean() > 0.1
    seen = same & (indices >= 0)
    np.testing.assert_allclose(picture.depths[seen], depths[seen], rtol=1e-5)
    np.testing.assert_allclose(picture.barycentrics[seen], weights[seen], atol=1e-4)
    np.testing.assert_array_equal(np.isinf(picture.depths), picture.indices == -1)


def test_a_floor_under_the_camera_reaches_the_horizon():
    floor = np.array([[-1e3, -1, -1e3], [1e3, -1, -1e3], [0, -1, 1e3]], np.float32)[None]
    view = Camera(np.diag([1.0, -1.0, 1.0, 1.0]), intrinsics(50.0, 64, 64), 64, 64)
    picture = draw_mesh(floor, view)
    assert (picture.indices[:32] == -1).all()
    rows = np.arange(32, 64)
    np.testing.assert_allclose(picture.depths[33:, 32], 50.0 / (rows[1:] + 0.5 - 32), rtol=1e-4)


def test_no_pixel_falls_between_triangles_that_share_an_edge():
    # The diagonal of the quad and its halves run exactly through pixel centres.
    steps = np.linspace(-0.5, 0.5, 17)
    corners = [
        [[(x0, y0), (x1, y0), (x1, y1)], [(x0, y0), (x1, y1), (x0, y1)]]
        for x0, x1 in zip(steps[:-1], steps[1:], strict=True)
        for y0, y1 in zip(steps[:-1], steps[1:], strict=True)
    ]
    flat = np.array(corners, np.float32).reshape(-1, 3, 2)
    triangles = np.concatenate([flat, np.full((*flat.shape[:2], 1), 1.0, np.float32)], axis=-1)
    for shift in (0.0, 0.5):
        K = np.array([[32.0, 0, 16 + shift], [0, 32.0, 16 + shift], [0, 0, 1]])
        picture = draw_mesh(triangles, Camera(np.eye(4), K, 32, 32))
        assert (picture.indices[1:, 1:] >= 0).all()


def test_clip_distances_cut():
    wall = np.array([[-9, -9, 1], [9, -9, 1], [0, 9, 3]], np.float32)[None]
    view = Camera(np.eye(4), intrinsics(40.0, 32, 32), 32, 32)
    free, cut = draw_mesh(wall, view), draw_mesh(wall, view, (1.95, 2.05))
    expected = np.where((free.depths >= 1.95) & (free.depths <= 2.05), free.depths, np.inf)
    np.testing.assert_array_equal(cut.depths, expected)
    assert (
        np.isfinite(cut.depths).any()
        and np.isfinite(free.depths).sum() > np.isfinite(cut.depths).sum()
    )


def test_any_number_of_threads_draws_the_same():
    triangles, view = clutter(80, 5), camera(70, 51)
    one = draw_mesh(triangles, view, num_threads=1)
    for count in (2, 7, 500):
        other = draw_mesh(triangles, view, num_threads=count)
        for name in ("depths", "indices", "barycentrics"):
            np.testing.assert_array_equal(getattr(one, name), getattr(other, name))


def test_broken_and_flat_triangles_are_left_out():
    good = np.array([[-1, -1, 2], [1, -1, 2], [0, 1, 2]], np.float32)
    broken = np.stack([good, good, good, good])
    broken[0, 1, 2], broken[1, 0, 0], broken[2, 2] = np.nan, np.inf, broken[2, 1]
    picture = draw_mesh(broken, Camera(np.eye(4), intrinsics(40.0, 32, 32), 32, 32))
    assert set(np.unique(picture.indices)) == {-1, 3}


def test_no_triangles_give_an_empty_picture():
    picture = draw_mesh(np.zeros((0, 3, 3), np.float32), camera())
    assert np.isinf(picture.depths).all() and (picture.indices == -1).all()
