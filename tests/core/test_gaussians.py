"""The Gaussian set, its transform, and quaternions."""

import numpy as np
import pytest
from gaussian_heads.core.errors import RenderError
from gaussian_heads.core.gaussians import (
    Gaussians,
    concatenate,
    matrix_to_quat,
    multiply_quats,
    quat_to_matrix,
)


def make_gaussians(count=7, seed=0):
    rng = np.random.default_rng(seed)
    return Gaussians(
        rng.normal(size=(count, 3)).astype(np.float32),
        rng.normal(size=(count, 4)).astype(np.float32),
        rng.uniform(0.01, 0.1, (count, 3)).astype(np.float32),
        rng.uniform(0, 1, count).astype(np.float32),
        rng.uniform(0, 1, (count, 3)).astype(np.float32),
    )


def covariances(g):
    factors = quat_to_matrix(g.quats.astype(np.float64)) * g.scales[:, None, :]
    return factors @ factors.transpose(0, 2, 1)


def test_transform_moves_means_and_covariances_alike():
    g = make_gaussians()
    turn = quat_to_matrix(np.array([0.3, -0.5, 0.7, 0.2]))
    matrix = np.eye(4)
    matrix[:3, :3], matrix[:3, 3] = 2.0 * turn, (1, 2, 3)
    moved = g.transformed(matrix)
    np.testing.assert_allclose(moved.means, g.means @ (2 * turn).T + (1, 2, 3), atol=1e-6)
    np.testing.assert_allclose(covariances(moved), 4 * turn @ covariances(g) @ turn.T, atol=1e-7)


@pytest.mark.parametrize("diagonal", [(1, 1, -1), (1, 0, 1), (1, np.nan, 1)])
def test_a_mirrored_or_flat_transform_is_refused(diagonal):
    with pytest.raises(RenderError, match="transform"):
        make_gaussians().transformed(np.diag([*map(float, diagonal), 1.0]))


def test_quaternions_and_matrices_are_inverse_at_every_largest_component():
    rng = np.random.default_rng(1)
    quats = np.concatenate([rng.normal(size=(200, 4)), np.eye(4)])
    quats /= np.linalg.norm(quats, axis=1, keepdims=True)
    quats[quats[:, 0] < 0] *= -1
    np.testing.assert_allclose(matrix_to_quat(quat_to_matrix(quats)), quats, atol=1e-12)


def test_quaternion_product_is_the_matrix_product():
    a, b = np.random.default_rng(2).normal(size=(2, 5, 4))
    a, b = (q / np.linalg.norm(q, axis=1, keepdims=True) for q in (a, b))
    np.testing.assert_allclose(
        quat_to_matrix(multiply_quats(a, b)), quat_to_matrix(a) @ quat_to_matrix(b), atol=1e-12
    )


def test_concatenate_keeps_order_and_takes_none():
    a, b = make_gaussians(3), make_gaussians(4, seed=5)
    both = concatenate([a, b])
    np.testing.assert_array_equal(both.colors, np.concatenate([a.colors, b.colors]))
    assert concatenate([]).num_gaussians == 0


def test_unequal_rows_are_refused():
    g = make_gaussians()
    with pytest.raises((RenderError, TypeError)):
        Gaussians(g.means, g.quats[:4], g.scales, g.opacities, g.colors)
