"""Pinhole and orthographic cameras in OpenCV axes: x right, y down, z forward, image row 0 on top."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from .errors import RenderError

MAX_SIDE_PX = 16384


@dataclass(frozen=True)
class Camera:
    """A camera: `viewmat` maps world to camera space, `K` holds pixel intrinsics.

    A point (x, y, z) in camera space is seen at `K[0, 0] * x / z + K[0, 2]`, an orthographic camera sees it
    at `K[0, 0] * x + K[0, 2]`, with focal lengths in pixels per metre; y alike.
    """

    viewmat: Float[np.ndarray, "4 4"]
    K: Float[np.ndarray, "3 3"]
    width: int
    height: int
    is_orthographic: bool = False

    def __post_init__(self) -> None:
        if not (1 <= self.width <= MAX_SIDE_PX and 1 <= self.height <= MAX_SIDE_PX):
            raise RenderError(
                f"The image is {self.width} x {self.height} pixels: choose sides from 1 to {MAX_SIDE_PX}."
            )
        finite = np.isfinite(self.viewmat).all() and np.isfinite(self.K).all()
        if not finite or self.K[0, 0] <= 0 or self.K[1, 1] <= 0:
            raise RenderError(
                "The camera's matrix is not finite or its focal length is not positive: check its transform and lens."
            )


def intrinsics(focal_px: float, width: int, height: int) -> Float[np.ndarray, "3 3"]:
    """K with square pixels and the principal point in the middle of the image."""
    return np.array([[focal_px, 0, width / 2], [0, focal_px, height / 2], [0, 0, 1]], np.float64)


def look_at(
    eye: Float[np.ndarray, " 3"],
    target: Float[np.ndarray, " 3"],
    up: Float[np.ndarray, " 3"],
) -> Float[np.ndarray, "4 4"]:
    """World-to-camera matrix of a camera at `eye` that looks at `target` with `up` upwards."""
    forward = np.asarray(target, np.float64) - eye
    forward /= np.linalg.norm(forward)
    right = np.cross(forward, up)
    right /= np.linalg.norm(right)
    viewmat = np.eye(4)
    viewmat[:3, :3] = np.stack([right, np.cross(forward, right), forward])
    viewmat[:3, 3] = -viewmat[:3, :3] @ eye
    return viewmat
