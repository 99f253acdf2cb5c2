"""Colour that depends on the direction of view: real spherical harmonics of degree 1 to 3.

Order and signs are those of 3D Gaussian Splatting (Kerbl et al. 2023) and gsplat, without the constant
term: 3, 8 or 15 coefficients for degree 1, 2 or 3. A direction points from the eye to the Gaussian.
"""

from __future__ import annotations

import math
from functools import cache
from typing import Any

import numpy as np
from jaxtyping import Float, Float32, Float64

from .rows import matrix_times_rows

# The constant function, by which a stored f_dc becomes a colour: c = f_dc * C0 + 0.5.
SH_C0 = 0.5 / math.sqrt(math.pi)
NUM_COEFFICIENTS = (3, 8, 15)
# Enough directions to tell 15 functions apart with a condition number near 1.
_NUM_SAMPLES = 64
# The functions of the first degree are this matrix times the direction, but for a factor.
_FIRST_DEGREE = np.array([[0.0, -1.0, 0.0], [0.0, 0.0, 1.0], [-1.0, 0.0, 0.0]])


def sh_basis(
    directions: Float[np.ndarray, "*batch 3"], num_coefficients: int
) -> Float[np.ndarray, "*batch K"]:
    """Values of the first `num_coefficients` functions of degree 1 and up at unit `directions`."""
    return np.concatenate(
        sh_functions(*np.split(directions, 3, axis=-1), num_coefficients), axis=-1
    )


def sh_functions(x: Any, y: Any, z: Any, num_coefficients: int) -> list[Any]:
    """Each function at unit directions given as three arrays, of numpy or of torch."""
    first = math.sqrt(3 / (4 * math.pi))
    values = [-first * y, first * z, -first * x]
    if num_coefficients > 3:
        values += _second_degree(x, y, z)
    if num_coefficients > 8:
        values += _third_degree(x, y, z)
    return values


def sh_colors(
    sh: Float32[np.ndarray, "N K 3"], directions: Float[np.ndarray, "N 3"]
) -> Float32[np.ndarray, "N 3"]:
    """What coefficients add to the colours seen along `directions` (need not be unit length)."""
    directions = np.asarray(directions, np.float32)
    # Several times faster than `norm` over an axis of three.
    squares = np.einsum("nc,nc->n", directions, directions)[:, None]
    unit = directions / np.sqrt(np.maximum(squares, np.finfo(np.float32).tiny))
    basis = sh_basis(unit, sh.shape[1])
    return np.einsum("nk,nkc->nc", basis, sh)


def rotate_sh(
    sh: Float32[np.ndarray, "N K 3"], rotations: Float[np.ndarray, "*N 3 3"]
) -> Float32[np.ndarray, "N K 3"]:
    """Coefficients of the same colours turned by one rotation matrix or one for each Gaussian.

    f'(d) = f(R^-1 d) is linear in the coefficients and stays within each degree, so that a few sampled
    directions determine the matrix exactly; the first degree turns as a vector does.
    """
    count = sh.shape[1]
    rotations = np.asarray(rotations, np.float64)
    if count == NUM_COEFFICIENTS[0]:
        matrices = _FIRST_DEGREE @ rotations @ _FIRST_DEGREE.T
    else:
        samples, inverse = _samples(count)
        # Row vectors: d R is R^T d.
        matrices = inverse @ sh_basis(samples @ rotations, count)
    matrices = matrices.astype(np.float32)
    if matrices.ndim == 3:
        return matrices @ sh
    # One product of rows is ten times faster than many of small matrices.
    rows, all_colors = sh.reshape(len(sh), -1), np.kron(matrices, np.eye(3, dtype=np.float32))
    return matrix_times_rows(all_colors, rows).reshape(sh.shape)


@cache
def _samples(
    num_coefficients: int,
) -> tuple[Float64[np.ndarray, "S 3"], Float64[np.ndarray, "K S"]]:
    """Directions spread over the sphere and the inverse that finds coefficients from values there."""
    index = np.arange(_NUM_SAMPLES)
    z = 1.0 - (2.0 * index + 1.0) / _NUM_SAMPLES
    angle = index * math.pi * (3.0 - math.sqrt(5.0))
    radius = np.sqrt(1.0 - z * z)
    samples = np.stack([radius * np.cos(angle), radius * np.sin(angle), z], axis=1)
    return samples, np.linalg.pinv(sh_basis(samples, num_coefficients))


def _second_degree(x: Any, y: Any, z: Any) -> list[Any]:
    mixed, square = math.sqrt(15 / (4 * math.pi)), math.sqrt(5 / (16 * math.pi))
    return [
        mixed * x * y,
        -mixed * y * z,
        square * (2 * z * z - x * x - y * y),
        -mixed * x * z,
        mixed / 2 * (x * x - y * y),
    ]


def _third_degree(x: Any, y: Any, z: Any) -> list[Any]:
    outer, mixed = math.sqrt(35 / (32 * math.pi)), math.sqrt(105 / (4 * math.pi))
    inner, axial = math.sqrt(21 / (32 * math.pi)), math.sqrt(7 / (16 * math.pi))
    xx, yy, zz = x * x, y * y, z * z
    return [
        -outer * y * (3 * xx - yy),
        mixed * x * y * z,
        -inner * y * (4 * zz - xx - yy),
        axial * z * (2 * zz - 3 * xx - 3 * yy),
        -inner * x * (4 * zz - xx - yy),
        mixed / 2 * z * (xx - yy),
        -outer * x * (xx - 3 * yy),
    ]
