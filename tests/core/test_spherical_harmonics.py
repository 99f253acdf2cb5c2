"""Colours that depend on the view: known values, and what turns together looks the same."""

import dataclasses
import math

import numpy as np
import pytest
from gaussian_heads.core.avatar.pose import pose_gaussians
from gaussian_heads.core.camera import Camera, intrinsics, look_at
from gaussian_heads.core.errors import RenderError
from gaussian_heads.core.gaussians import Gaussians, concatenate, quat_to_matrix
from gaussian_heads.core.render import render
from gaussian_heads.core.spherical_harmonics import SH_C0, rotate_sh, sh_basis

from .test_gaussians import make_gaussians

TURN = quat_to_matrix(np.array([0.3, -0.5, 0.7, 0.2]))


def with_sh(count=9, num_coefficients=15, seed=3):
    sh = np.random.default_rng(seed).normal(size=(count, num_coefficients, 3)) * 0.1
    return dataclasses.replace(make_gaussians(count, seed), sh=sh.astype(np.float32))


def test_known_values_of_every_degree():
    # The numbers of the sources' tables: Y at the axes and at one diagonal.
    assert SH_C0 == pytest.approx(0.28209479177387814)
    x, y, z = (sh_basis(np.array(axis, np.float64), 15) for axis in np.eye(3))
    np.testing.assert_allclose(x[:3], [0, 0, -0.4886025119029199], atol=1e-12)
    np.testing.assert_allclose(y[:3], [-0.4886025119029199, 0, 0], atol=1e-12)
    np.testing.assert_allclose(z[:3], [0, 0.4886025119029199, 0], atol=1e-12)
    np.testing.assert_allclose(z[3:8], [0, 0, 0.6307831305050401, 0, 0], atol=1e-12)
    np.testing.assert_allclose(x[3:8], [0, 0, -0.31539156525252005, 0, 0.5462742152960396])
    np.testing.assert_allclose(y[8], 0.5900435899266435)
    np.testing.assert_allclose(z[8:], [0, 0, 0, 2 * 0.3731763325901154, 0, 0, 0], atol=1e-12)
    diagonal = sh_basis(np.ones(3) / math.sqrt(3), 15)
    third = 1 / (3 * math.sqrt(3))
    expected = [1.0925484305920792 / 3, -1.0925484305920792 / 3, 0, -1.0925484305920792 / 3, 0]
    expected += [
        -0.5900435899266435 * 2 * third,
        2.890611442640554 * third,
        -0.4570457994644658 * 2 * third,
        0.3731763325901154 * -4 * third,
        -0.4570457994644658 * 2 * third,
        0,
        -0.5900435899266435 * -2 * third,
    ]
    np.testing.assert_allclose(diagonal[3:], expected, atol=1e-12)


def test_functions_are_orthonormal():
    nodes, weights = np.polynomial.legendre.leggauss(8)
    angles = np.arange(16) * math.pi / 8
    z, angle = (a.ravel() for a in np.meshgrid(nodes, angles, indexing="ij"))
    radius = np.sqrt(1 - z * z)
    basis = sh_basis(np.stack([radius * np.cos(angle), radius * np.sin(angle), z], axis=1), 15)
    areas = np.repeat(weights, 16) * math.pi / 8
    np.testing.assert_allclose(basis.T @ (areas[:, None] * basis), np.eye(15), atol=1e-12)


@pytest.mark.parametrize("num_coefficients", [3, 8, 15])
def test_a_turned_set_shows_the_turned_eye_the_same_colors(num_coefficients):
    g = with_sh(num_coefficients=num_coefficients)
    matrix = np.eye(4)
    matrix[:3, :3], matrix[:3, 3] = 1.7 * TURN, (0.3, -2.0, 1.0)
    eye = np.array([0.5, 1.5, -3.0])
    seen = g.seen_from(eye)
    moved = g.transformed(matrix).seen_from(matrix[:3, :3] @ eye + matrix[:3, 3])
    assert moved.sh is None
    assert np.abs(seen.colors - g.colors).max() > 0.05
    np.testing.assert_allclose(moved.colors, seen.colors, atol=2e-6)


def test_rotations_of_each_gaussian_equal_rotations_of_all():
    g = with_sh()
    each = rotate_sh(g.sh, np.repeat(TURN[None], g.num_gaussians, axis=0))
    np.testing.assert_allclose(each, rotate_sh(g.sh, TURN), atol=1e-6)
    np.testing.assert_allclose(rotate_sh(each, TURN.T), g.sh, atol=1e-6)


def test_a_head_that_turns_takes_its_highlights_along():
    g = with_sh(4)
    pivot = np.array([0.0, -0.1, 0.0], np.float32)
    pose = np.array([0.2, -0.9, 0.4, 0.0, 0.0, 0.0])
    weights = np.array([1.0, 1.0, 0.0, 0.5], np.float32)
    posed = pose_gaussians(g, pose, pivot, weights)
    angle = np.linalg.norm(pose[:3])
    for index, weight in enumerate(weights):
        half = angle * weight / 2
        turn = quat_to_matrix(np.array([math.cos(half), *(math.sin(half) * pose[:3] / angle)]))
        eye = np.array([0.1, 0.2, 2.0])
        turned_eye = turn @ (eye - pivot) + pivot
        expected = g.select(slice(index, index + 1)).seen_from(eye).colors
        found = posed.select(slice(index, index + 1)).seen_from(turned_eye).colors
        np.testing.assert_allclose(found, expected, atol=2e-6)


def test_an_orthographic_view_is_an_eye_far_away():
    g = with_sh()
    direction = np.array([0.2, -0.4, 1.0])
    far = g.seen_from(-1e6 * direction)
    np.testing.assert_allclose(g.seen_along(direction).colors, far.colors, atol=1e-4)


def test_colors_are_not_negative_and_a_gaussian_at_the_eye_is_finite():
    g = with_sh()
    dark = dataclasses.replace(g, colors=np.zeros_like(g.colors))
    seen = dark.seen_from(g.means[0].astype(np.float64))
    assert np.isfinite(seen.colors).all()
    assert seen.colors.min() == 0.0
    np.testing.assert_array_equal(seen.colors[0], 0.0)


def test_concatenate_mixes_degrees_and_plain_sets():
    plain, low, high = make_gaussians(2), with_sh(3, 3), with_sh(4, 15)
    joined = concatenate([plain, low, high])
    assert joined.sh.shape == (9, 15, 3)
    eye = np.array([0.0, 0.0, -4.0])
    parts = [s.seen_from(eye).colors for s in (plain, low, high)]
    np.testing.assert_allclose(joined.seen_from(eye).colors, np.concatenate(parts), atol=1e-6)
    assert concatenate([plain, plain]).sh is None


def test_a_wrong_number_of_coefficients_is_refused():
    g = make_gaussians(4)
    with pytest.raises(RenderError, match="3, 8 or 15"):
        dataclasses.replace(g, sh=np.zeros((4, 16, 3), np.float32))


def test_a_plain_set_is_handed_back_as_it_is():
    g = make_gaussians()
    assert g.seen_from(np.zeros(3)) is g
    assert g.seen_along(np.array([0.0, 0.0, 1.0])) is g
    assert isinstance(g, Gaussians)


@pytest.mark.parametrize("is_orthographic", [False, True])
def test_render_shows_what_the_camera_sees(is_orthographic):
    g = with_sh(40)
    eye = np.array([3.0, 2.0, -4.0])
    viewmat = look_at(eye, np.zeros(3), np.array([0.0, 1.0, 0.0]))
    camera = Camera(viewmat, intrinsics(20.0, 32, 24), 32, 24, is_orthographic)
    plain = g.seen_along(-eye) if is_orthographic else g.seen_from(eye)
    expected = render(plain, camera, backend="reference").colors
    found = render(g, camera, backend="reference").colors
    assert expected.max() > 0.2
    np.testing.assert_allclose(found, expected, atol=1e-6)


def test_coefficients_that_are_not_finite_are_refused():
    g = with_sh(5)
    g.sh[3, 2, 1] = np.nan
    camera = Camera(np.eye(4), intrinsics(20.0, 8, 8), 8, 8)
    with pytest.raises(RenderError, match="Gaussian 3 has sh"):
        render(g, camera, backend="reference")
