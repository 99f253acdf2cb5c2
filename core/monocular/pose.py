"""From what a crop shows to where the head is before the camera of the whole picture, and back to tracks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Float32, Float64

from ..camera import Camera, intrinsics
from ..errors import VideoError
from ..gaussians import matrix_to_quat
from .crops import CropWindow
from .encoder import FaceReadings

# Focal length over the picture's longer side where nothing is known: about what phones film with (a lens
# of 36 mm on full frame); webcams see wider, portrait lenses narrower.
USUAL_FOCAL = 1.0
# Beyond these shares of it no lens that films people lies; millimetres given for pixels do.
LEAST_FOCAL, MOST_FOCAL = 0.2, 50.0
# The avatar's axes to those of a camera that it looks into: +Y is up, the camera's y down.
FACING = np.diag([1.0, -1.0, -1.0])


@dataclass(frozen=True)
class VideoCamera:
    """The camera of a video: square pixels, the principal point in the middle, no distortion."""

    width: int
    height: int
    focal_px: float
    is_assumed: bool = True

    @classmethod
    def of(cls, width: int, height: int, focal_px: float | None = None) -> VideoCamera:
        """The camera of pictures of this size; a usual focal length where none is given.

        Raises `VideoError` for a focal length that no lens has.
        """
        side = max(width, height)
        if focal_px is None:
            return cls(width, height, USUAL_FOCAL * side)
        if not LEAST_FOCAL * side <= focal_px <= MOST_FOCAL * side:
            raise VideoError(
                f"A focal length of {focal_px:g} pixels is none of a picture with {width} x {height} pixels: "
                f"give pixels, usually {0.7 * side:.0f} to {2.5 * side:.0f}, or leave it out."
            )
        return cls(width, height, float(focal_px), is_assumed=False)

    @property
    def center_px(self) -> Float64[np.ndarray, " 2"]:
        """The principal point."""
        return np.array([0.5 * self.width, 0.5 * self.height])

    def camera(self) -> Camera:
        """The camera at the origin of its own axes."""
        matrix = intrinsics(self.focal_px, self.width, self.height)
        return Camera(np.eye(4), matrix, self.width, self.height)

    def rays(self, points_px: Float[np.ndarray, "*B 2"]) -> Float64[np.ndarray, "*B 3"]:
        """Directions (z is 1) of what is seen at pixels."""
        across = (np.asarray(points_px, np.float64) - self.center_px) / self.focal_px
        return np.concatenate([across, np.ones((*across.shape[:-1], 1))], axis=-1)


def head_poses(
    readings: FaceReadings, windows: Sequence[CropWindow], camera: VideoCamera
) -> tuple[Float64[np.ndarray, "T 3 3"], Float64[np.ndarray, "T 3"]]:
    """Rotation (avatar's axes to the camera's) and position (m) of the avatar's origin before the camera.

    The crop's camera looks along the ray through the window's centre, turned by the window's roll; a side of
    `exp(log_size)` metres that fills `side_px` pixels lies as far away as the focal length says.
    """
    centers = np.array([window.center_px for window in windows]).reshape(-1, 2)
    rolls = np.array([window.roll_rad for window in windows])
    sides = np.array([window.side_px for window in windows])
    towards = turns_to(camera.rays(centers)) @ _rolls(rolls)
    rotations = towards @ readings.rotation.astype(np.float64)
    depths = np.exp(readings.log_size.astype(np.float64)) * camera.focal_px / sides
    origins = np.array(
        [w.to_image(o) for w, o in zip(windows, readings.origin, strict=True)]
    ).reshape(-1, 2)
    return rotations, camera.rays(origins) * depths[:, None]


def turns_to(rays: Float[np.ndarray, "T 3"]) -> Float64[np.ndarray, "T 3 3"]:
    """The least turns that take +Z to the rays."""
    rays = np.asarray(rays, np.float64)
    x, y, z = (rays / np.linalg.norm(rays, axis=1, keepdims=True)).T
    # Rodrigues' formula about (-y, x, 0), whose length is the sine.
    share = 1.0 / (1.0 + z)
    rows = [
        [1.0 - x * x * share, -x * y * share, x],
        [-x * y * share, 1.0 - y * y * share, y],
        [-x, -y, z],
    ]
    return np.stack([np.stack(row, -1) for row in rows], -2)


def rotation_vectors(matrices: Float[np.ndarray, "T 3 3"]) -> Float64[np.ndarray, "T 3"]:
    """Rotation vectors (rad) of rotations, of at most half a turn."""
    quats = matrix_to_quat(np.asarray(matrices, np.float64))
    sines = np.linalg.norm(quats[:, 1:], axis=1)
    angles = 2.0 * np.arctan2(sines, quats[:, 0])
    factor = np.where(sines > 1e-9, angles / np.maximum(sines, 1e-12), 2.0)
    return quats[:, 1:] * factor[:, None]


def rotation_matrices(vectors: Float[np.ndarray, "T 3"]) -> Float64[np.ndarray, "T 3 3"]:
    """The rotations by rotation vectors (rad), after Rodrigues."""
    vectors = np.asarray(vectors, np.float64)
    angles = np.linalg.norm(vectors, axis=1)
    x, y, z = (vectors / np.maximum(angles, 1e-12)[:, None]).T
    zero = np.zeros_like(x)
    cross = np.stack([zero, -z, y, z, zero, -x, -y, x, zero], -1).reshape(-1, 3, 3)
    sine, rest = np.sin(angles)[:, None, None], (1.0 - np.cos(angles))[:, None, None]
    return np.eye(3) + sine * cross + rest * (cross @ cross)


def mean_rotation(
    matrices: Float[np.ndarray, "T 3 3"], weights: Float[np.ndarray, " T"]
) -> Float64[np.ndarray, "3 3"]:
    """The rotation closest to all, by least squares of matrices."""
    left, _, right = np.linalg.svd(np.einsum("t,tij->ij", weights, matrices))
    left[:, 2] *= np.linalg.det(left @ right)
    return left @ right


def track_poses(
    rotations: Float[np.ndarray, "T 3 3"],
    positions_m: Float[np.ndarray, "T 3"],
    *,
    weights: Float[np.ndarray, " T"],
    neck_pivot: Float[np.ndarray, " 3"],
) -> Float32[np.ndarray, "T 6"]:
    """Head poses `[T, 6]` of a track: motion against the weighted mean pose, about the neck pivot.

    In the axes of the head in its mean pose, in which the shoulders are thought to rest.
    """
    weights = weights / weights.sum()
    mean = mean_rotation(rotations, weights)
    turns = mean.T @ rotations
    moved = (positions_m - weights @ positions_m) @ mean
    # x goes to turn (x - pivot) + pivot + t, and the origin to `moved`.
    pivot = np.asarray(neck_pivot, np.float64)
    shifts = moved - pivot + turns @ pivot
    return np.concatenate([rotation_vectors(turns), shifts], axis=1).astype(np.float32)


def _rolls(angles: np.ndarray) -> np.ndarray:
    """Turns about +Z, clockwise on the screen."""
    cos, sin, zero = np.cos(angles), np.sin(angles), np.zeros(len(angles))
    rows = [cos, -sin, zero, sin, cos, zero, zero, zero, zero + 1.0]
    return np.stack(rows, -1).reshape(-1, 3, 3)
