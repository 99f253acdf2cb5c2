"""The set of 3D Gaussians that every decoder makes and every rasteriser draws."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Float32, Float64, Integer

from .camera import Camera
from .errors import RenderError
from .rows import matrix_times_rows
from .spherical_harmonics import NUM_COEFFICIENTS, rotate_sh, sh_colors


@dataclass(frozen=True)
class Gaussians:
    """Anisotropic 3D Gaussians, post-activation (3D Gaussian Splatting, Kerbl et al. 2023).

    Names and conventions are gsplat's: quaternions are wxyz and need not be unit length, scales are
    standard deviations in metres, opacities lie in (0, 1), colours are display-referred sRGB in [0, 1].
    `sh`, where given, makes colours depend on the view (`spherical_harmonics`): it is added to `colors`
    for the direction from the eye to the mean, and the sum is not below 0.
    """

    means: Float32[np.ndarray, "N 3"]
    quats: Float32[np.ndarray, "N 4"]
    scales: Float32[np.ndarray, "N 3"]
    opacities: Float32[np.ndarray, " N"]
    colors: Float32[np.ndarray, "N 3"]
    sh: Float32[np.ndarray, "N K 3"] | None = None

    def __post_init__(self) -> None:
        count = self.means.shape[0]
        shapes = {"means": (3,), "quats": (4,), "scales": (3,), "opacities": (), "colors": (3,)}
        for name, tail in shapes.items():
            array = getattr(self, name)
            if array.shape != (count, *tail):
                raise RenderError(
                    f"Gaussians.{name} has shape {array.shape}, expected {(count, *tail)}: "
                    "give every attribute one row per Gaussian."
                )
        if self.sh is not None and self.sh.shape not in [(count, k, 3) for k in NUM_COEFFICIENTS]:
            raise RenderError(
                f"Gaussians.sh has shape {self.sh.shape}, expected {count} rows of 3, 8 or 15 "
                "coefficients of 3 colours: leave out the constant term."
            )

    @property
    def num_gaussians(self) -> int:
        """Number of Gaussians N."""
        return self.means.shape[0]

    def select(self, kept: Bool[np.ndarray, " N"] | Integer[np.ndarray, " M"] | slice) -> Gaussians:
        """Return the rows that a mask, indices or a slice picks."""
        arrays = ((f.name, getattr(self, f.name)) for f in dataclasses.fields(self))
        return Gaussians(**{name: a if a is None else a[kept] for name, a in arrays})

    def seen_from(self, eye: Float[np.ndarray, " 3"]) -> Gaussians:
        """Return the set with the plain colours that an eye at this point sees."""
        return self if self.sh is None else self._seen(self.means - np.asarray(eye, np.float32))

    def seen_along(self, direction: Float[np.ndarray, " 3"]) -> Gaussians:
        """Return the set with the plain colours of an orthographic view in this direction."""
        if self.sh is None:
            return self
        return self._seen(np.broadcast_to(np.asarray(direction, np.float32), self.means.shape))

    def seen_by(self, camera: Camera) -> Gaussians:
        """Return the set with the plain colours that a camera sees."""
        if self.sh is None:
            return self
        world = np.linalg.inv(np.asarray(camera.viewmat, np.float64))
        return (
            self.seen_along(world[:3, 2])
            if camera.is_orthographic
            else self.seen_from(world[:3, 3])
        )

    def _seen(self, directions: np.ndarray) -> Gaussians:
        colors = np.maximum(self.colors + sh_colors(self.sh, directions), np.float32(0.0))
        return dataclasses.replace(self, colors=colors, sh=None)

    def transformed(self, matrix: Float64[np.ndarray, "4 4"]) -> Gaussians:
        """Return the set moved by a similarity `matrix` (rotation, uniform scale, translation).

        A non-uniform scale is replaced by its geometric mean for the extents, since a sheared
        Gaussian is no longer rotation times scale.
        """
        linear = np.asarray(matrix, np.float64)[:3, :3]
        factor = float(np.cbrt(np.linalg.det(linear))) if np.isfinite(matrix).all() else 0.0
        if factor <= 0.0:
            raise RenderError(
                "The object's transform is mirrored, flat or not finite: apply its scale or make it positive."
            )
        rotation = _nearest_rotation(linear)
        turn = quat_product_matrix(matrix_to_quat(rotation))
        return Gaussians(
            means=matrix_times_rows(linear, self.means) + np.asarray(matrix, np.float32)[:3, 3],
            quats=matrix_times_rows(turn, self.quats),
            scales=self.scales * np.float32(factor),
            opacities=self.opacities,
            colors=self.colors,
            sh=None if self.sh is None else rotate_sh(self.sh, rotation),
        )


def concatenate(sets: Sequence[Gaussians]) -> Gaussians:
    """Return all `sets` as one, in order; an empty sequence gives an empty set."""
    if not sets:
        return Gaussians(
            *(np.zeros(shape, np.float32) for shape in ((0, 3), (0, 4), (0, 3), (0,), (0, 3)))
        )
    names = ("means", "quats", "scales", "opacities", "colors")
    joined = {name: np.concatenate([getattr(s, name) for s in sets]) for name in names}
    return Gaussians(**joined, sh=_joined_sh(sets))


def _joined_sh(sets: Sequence[Gaussians]) -> np.ndarray | None:
    """Coefficients of all sets at the highest degree among them; absent ones are zero."""
    most = max((s.sh.shape[1] for s in sets if s.sh is not None), default=0)
    if most == 0:
        return None
    joined = np.zeros((sum(s.num_gaussians for s in sets), most, 3), np.float32)
    start = 0
    for part in sets:
        if part.sh is not None:
            joined[start : start + part.num_gaussians, : part.sh.shape[1]] = part.sh
        start += part.num_gaussians
    return joined


def multiply_quats(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Hamilton product of wxyz quaternions, `[..., 4]`: the turn `b` followed by the turn `a`."""
    aw, ax, ay, az = np.moveaxis(a, -1, 0)
    bw, bx, by, bz = np.moveaxis(b, -1, 0)
    return np.stack(
        [
            aw * bw - ax * bx - ay * by - az * bz,
            aw * bx + ax * bw + ay * bz - az * by,
            aw * by - ax * bz + ay * bw + az * bx,
            aw * bz + ax * by - ay * bx + az * bw,
        ],
        axis=-1,
    )


def quat_product_matrix(quat: np.ndarray) -> np.ndarray:
    """The `[4, 4]` matrix that multiplies a wxyz quaternion by `quat` from the left."""
    w, x, y, z = quat
    return np.array([[w, -x, -y, -z], [x, w, -z, y], [y, z, w, -x], [z, -y, x, w]])


def quat_to_matrix(quats: np.ndarray) -> np.ndarray:
    """Rotation matrices `[..., 3, 3]` of wxyz quaternions `[..., 4]`, normalised inside."""
    w, x, y, z = np.moveaxis(quats / np.linalg.norm(quats, axis=-1, keepdims=True), -1, 0)
    rows = [
        [1 - 2 * (y * y + z * z), 2 * (x * y - w * z), 2 * (x * z + w * y)],
        [2 * (x * y + w * z), 1 - 2 * (x * x + z * z), 2 * (y * z - w * x)],
        [2 * (x * z - w * y), 2 * (y * z + w * x), 1 - 2 * (x * x + y * y)],
    ]
    return np.stack([np.stack(row, axis=-1) for row in rows], axis=-2)


def matrix_to_quat(matrices: np.ndarray) -> np.ndarray:
    """Unit wxyz quaternions `[..., 4]` with w >= 0 of rotation matrices `[..., 3, 3]`."""
    m = np.asarray(matrices, np.float64)
    m00, m11, m22 = m[..., 0, 0], m[..., 1, 1], m[..., 2, 2]
    # Each row is the quaternion times 4 of its own largest component (Shepperd 1978).
    candidates = np.stack(
        [
            np.stack(
                [
                    1 + m00 + m11 + m22,
                    m[..., 2, 1] - m[..., 1, 2],
                    m[..., 0, 2] - m[..., 2, 0],
                    m[..., 1, 0] - m[..., 0, 1],
                ],
                axis=-1,
            ),
            np.stack(
                [
                    m[..., 2, 1] - m[..., 1, 2],
                    1 + m00 - m11 - m22,
                    m[..., 0, 1] + m[..., 1, 0],
                    m[..., 0, 2] + m[..., 2, 0],
                ],
                axis=-1,
            ),
            np.stack(
                [
                    m[..., 0, 2] - m[..., 2, 0],
                    m[..., 0, 1] + m[..., 1, 0],
                    1 - m00 + m11 - m22,
                    m[..., 1, 2] + m[..., 2, 1],
                ],
                axis=-1,
            ),
            np.stack(
                [
                    m[..., 1, 0] - m[..., 0, 1],
                    m[..., 0, 2] + m[..., 2, 0],
                    m[..., 1, 2] + m[..., 2, 1],
                    1 - m00 - m11 + m22,
                ],
                axis=-1,
            ),
        ],
        axis=-2,
    )
    diagonal = np.diagonal(candidates, axis1=-2, axis2=-1)
    best = np.argmax(diagonal, axis=-1)
    quats = np.take_along_axis(candidates, best[..., None, None], axis=-2)[..., 0, :]
    quats = quats / np.linalg.norm(quats, axis=-1, keepdims=True)
    return np.where(quats[..., :1] < 0, -quats, quats)


def _nearest_rotation(linear: np.ndarray) -> np.ndarray:
    u, _, vt = np.linalg.svd(linear)
    return u @ vt
