"""Strands as fine Gaussians for one camera: each covers as much of the picture as its cylinder does."""

from __future__ import annotations

import numpy as np

from ...core.camera import Camera
from ...core.gaussians import Gaussians, matrix_to_quat
from ..strands import Strands, frames_along

# Sigma along a piece over its length; neighbours then add up to PILED in the middle.
OVERLAP = 0.5
PILED = OVERLAP * np.sqrt(2.0 * np.pi)
# Variance (px^2) by which the rasteriser widens every Gaussian.
WIDENED_PX2 = 0.3
MAX_PIECES, MAX_OPACITY = 500_000, 0.99


def strand_gaussians(strands: Strands, camera: Camera) -> Gaussians:
    """One Gaussian per piece of strand, linear colours, opacities made for `camera`."""
    step = -(-strands.points.shape[0] * (strands.points.shape[1] - 1) // MAX_PIECES)
    picks = np.unique(np.r_[: strands.points.shape[1] : step, strands.points.shape[1] - 1])
    points = strands.points[:, picks].astype(np.float32)
    axis = np.diff(points, axis=1).reshape(-1, 3)
    length = np.linalg.norm(axis, axis=1)
    means = _middles(points)
    radius = _middles(strands.radius[:, picks, None])[:, 0]
    across = 0.8 * radius
    depth = means @ camera.viewmat[2, :3] + camera.viewmat[2, 3]
    pixel_m = np.maximum(depth, 1e-3) / camera.K[0, 0]
    blurred = np.hypot(across, np.sqrt(WIDENED_PX2) * pixel_m)
    # A Gaussian covers as much as a cylinder when sqrt(2 pi) sigma opacity = 2 radius.
    opacity = 2.0 * radius / (np.sqrt(2.0 * np.pi) * blurred * PILED)
    return Gaussians(
        means=means,
        quats=matrix_to_quat(frames_along(axis)).astype(np.float32),
        scales=np.stack([OVERLAP * length, across, across], axis=1).astype(np.float32),
        opacities=np.minimum(opacity, MAX_OPACITY).astype(np.float32),
        colors=_middles(strands.color[:, picks]),
    )


def _middles(values: np.ndarray) -> np.ndarray:
    """Means [N, C] of neighbours along [S, P, C]."""
    return (0.5 * (values[:, 1:] + values[:, :-1])).reshape(-1, values.shape[2]).astype(np.float32)
