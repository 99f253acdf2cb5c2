"""The reference rasteriser: float64 numpy, slow and readable; the other backends are judged by it.

3D Gaussian Splatting (Kerbl et al. 2023) in the conventions of gsplat's "classic" mode. Every splat is
projected to a 2D Gaussian (EWA splatting, Zwicker et al. 2001), then the splats are blended front to
back. Nothing here is shared with the backends that are tested against it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Float32, Float64

from ..camera import Camera
from ..gaussians import Gaussians
from .output import RenderOutput

NEAR_PLANE_M = 0.01
FAR_PLANE_M = 1e10
# Added to the 2D covariance in px^2: no splat is thinner than a pixel's own blur.
EPS2D = 0.3
# The Jacobian is linearised at most this far outside the image, in half image widths.
CLAMP_MARGIN = 0.3
MIN_DETERMINANT = 1e-10
MAX_ALPHA = 0.999
MIN_ALPHA = 1.0 / 255.0
MIN_TRANSMITTANCE = 1e-4


@dataclass(frozen=True)
class Splats:
    """The visible Gaussians as 2D Gaussians on the image, nearest first."""

    means2d: Float64[np.ndarray, "M 2"]  # px
    covars2d: Float64[np.ndarray, "M 2 2"]  # px^2
    depths: Float64[np.ndarray, " M"]  # m along the camera's z axis
    opacities: Float64[np.ndarray, " M"]
    colors: Float64[np.ndarray, "M 3"]


def render(
    gaussians: Gaussians,
    camera: Camera,
    background: Float[np.ndarray, " 3"] | None = None,
    depth_limits: Float32[np.ndarray, "H W"] | None = None,
) -> RenderOutput:
    """Draw `gaussians` in float64; see `backends.render` for the arguments and `RenderOutput`."""
    splats = project(gaussians, camera)
    if depth_limits is None:
        depth_limits = np.full((camera.height, camera.width), np.inf, np.float32)
    colors, transmittance, weighted_depths = blend(splats, depth_limits)
    alphas = 1.0 - transmittance
    if background is not None:
        colors = colors + transmittance[..., None] * np.asarray(background, np.float64)
    depths = np.divide(weighted_depths, alphas, out=np.zeros_like(alphas), where=alphas > 0.0)
    return RenderOutput(*(image.astype(np.float32) for image in (colors, alphas, depths)))


def project(gaussians: Gaussians, camera: Camera) -> Splats:
    """Project the Gaussians between the near and far planes that can reach alpha 1/255, sorted by depth."""
    viewmat = camera.viewmat.astype(np.float64)
    positions = gaussians.means.astype(np.float64) @ viewmat[:3, :3].T + viewmat[:3, 3]
    visible = (positions[:, 2] >= NEAR_PLANE_M) & (positions[:, 2] <= FAR_PLANE_M)
    visible &= gaussians.opacities > MIN_ALPHA
    # Depths are compared as float32, equal ones in the order they were given, as on a GPU.
    order = np.argsort(positions[:, 2].astype(np.float32), kind="stable")
    order = order[visible[order]]
    positions = positions[order]

    focal = np.array([camera.K[0, 0], camera.K[1, 1]], np.float64)
    center = np.array([camera.K[0, 2], camera.K[1, 2]], np.float64)
    covars = _covariances(gaussians.quats[order], gaussians.scales[order])
    jacobians = jacobians_of(positions, camera) @ viewmat[:3, :3]
    covars2d = jacobians @ covars @ np.swapaxes(jacobians, 1, 2) + EPS2D * np.eye(2)
    per_depth = 1.0 if camera.is_orthographic else 1.0 / positions[:, 2:]
    return Splats(
        means2d=focal * positions[:, :2] * per_depth + center,
        covars2d=covars2d,
        depths=positions[:, 2],
        opacities=np.minimum(gaussians.opacities[order].astype(np.float64), 1.0),
        colors=gaussians.colors[order].astype(np.float64),
    )


def blend(
    splats: Splats, depth_limits: Float32[np.ndarray, "H W"]
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Composite front to back: colours `[H, W, 3]`, transmittance and alpha-weighted depth `[H, W]`."""
    height, width = depth_limits.shape
    colors = np.zeros((height, width, 3))
    depths = np.zeros((height, width))
    transmittance = np.ones((height, width))
    finished = np.zeros((height, width), bool)
    c00, c01, c11 = (splats.covars2d[:, i, j] for i, j in ((0, 0), (0, 1), (1, 1)))
    conics = np.stack([c11, -c01, c00], axis=-1)
    conics /= np.maximum(c00 * c11 - c01 * c01, MIN_DETERMINANT)[:, None]
    boxes = pixel_boxes(splats, width, height)
    for index in np.flatnonzero((boxes[:, 0] < boxes[:, 1]) & (boxes[:, 2] < boxes[:, 3])):
        x0, x1, y0, y1 = boxes[index]
        box = np.s_[y0:y1, x0:x1]
        dx = np.arange(x0, x1) + 0.5 - splats.means2d[index, 0]
        dy = (np.arange(y0, y1) + 0.5 - splats.means2d[index, 1])[:, None]
        a, b, c = conics[index]
        sigma = 0.5 * (a * dx * dx + c * dy * dy) + b * dx * dy
        alpha = np.minimum(MAX_ALPHA, splats.opacities[index] * np.exp(-sigma))
        hit = (sigma >= 0.0) & (alpha >= MIN_ALPHA) & ~finished[box]
        hit &= np.float32(splats.depths[index]) <= depth_limits[box]
        remaining = transmittance[box] * (1.0 - alpha)
        # The splat that would make a pixel opaque ends the pixel and is not added.
        finished[box] |= hit & (remaining <= MIN_TRANSMITTANCE)
        hit &= remaining > MIN_TRANSMITTANCE
        weight = np.where(hit, alpha * transmittance[box], 0.0)
        colors[box] += weight[..., None] * splats.colors[index]
        depths[box] += weight * splats.depths[index]
        transmittance[box] = np.where(hit, remaining, transmittance[box])
    return colors, transmittance, depths


def _covariances(quats: np.ndarray, scales: np.ndarray) -> np.ndarray:
    """Covariances `[M, 3, 3]` = R diag(scales^2) R^T; a zero quaternion stands for no rotation."""
    norms = np.linalg.norm(quats.astype(np.float64), axis=1, keepdims=True)
    w, x, y, z = (quats / np.where(norms > 0.0, norms, 1.0)).T
    rotations = np.empty((len(quats), 3, 3))
    rotations[:, 0] = np.stack(
        [1 - 2 * (y * y + z * z), 2 * (x * y - w * z), 2 * (x * z + w * y)], 1
    )
    rotations[:, 1] = np.stack(
        [2 * (x * y + w * z), 1 - 2 * (x * x + z * z), 2 * (y * z - w * x)], 1
    )
    rotations[:, 2] = np.stack(
        [2 * (x * z - w * y), 2 * (y * z + w * x), 1 - 2 * (x * x + y * y)], 1
    )
    factors = rotations * scales.astype(np.float64)[:, None, :]
    return factors @ np.swapaxes(factors, 1, 2)


def jacobians_of(positions: np.ndarray, camera: Camera) -> np.ndarray:
    """Derivatives `[M, 2, 3]` of the pixel by the camera-space position, at a clamped direction."""
    depths = positions[:, 2]
    jacobians = np.zeros((len(positions), 2, 3))
    for axis, size in enumerate((camera.width, camera.height)):
        focal, center = camera.K[axis, axis], camera.K[axis, 2]
        if camera.is_orthographic:
            jacobians[:, axis, axis] = focal
            continue
        margin = CLAMP_MARGIN * 0.5 * size / focal
        low, high = -center / focal - margin, (size - center) / focal + margin
        slope = np.clip(positions[:, axis] / depths, low, high)
        jacobians[:, axis, axis] = focal / depths
        jacobians[:, axis, 2] = -focal * slope / depths
    return jacobians


def pixel_boxes(splats: Splats, width: int, height: int) -> np.ndarray:
    """Pixel ranges `[M, 4]` (x0, x1, y0, y1; ends excluded) outside which alpha is below 1/255."""
    deviations = np.sqrt(2.0 * np.log(splats.opacities / MIN_ALPHA))
    variances = np.stack([splats.covars2d[:, 0, 0], splats.covars2d[:, 1, 1]], axis=1)
    half = deviations[:, None] * np.sqrt(variances)
    sizes = np.array([width, height], np.float64)
    first = np.clip(np.floor(splats.means2d - half), 0.0, sizes).astype(np.int64)
    last = np.clip(np.ceil(splats.means2d + half), 0.0, sizes).astype(np.int64)
    return np.stack([first[:, 0], last[:, 0], first[:, 1], last[:, 1]], axis=1)
