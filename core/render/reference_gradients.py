"""Gradients of the reference rasteriser: float64 numpy, derived by hand; other backward passes are judged by it.

The pixels are walked from the last splat to the first (3D Gaussian Splatting, Kerbl et al. 2023, appendix),
and the projection is differentiated as matrices. What depends on pixels appearing or vanishing has no
gradient: alpha's bounds, the order of depths, the end of a pixel that is nearly opaque.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Float32, Float64

from ..camera import Camera
from ..gaussians import Gaussians
from . import reference
from .gradients import GaussianGradients, ImageGradients
from .reference import Splats


@dataclass(frozen=True)
class _SplatGradients:
    """Derivatives by the fields of `Splats`, and the pixels that each splat was blended into."""

    means2d: Float64[np.ndarray, "M 2"]
    covars2d: Float64[np.ndarray, "M 2 2"]
    depths: Float64[np.ndarray, " M"]
    opacities: Float64[np.ndarray, " M"]
    colors: Float64[np.ndarray, "M 3"]
    num_pixels: np.ndarray


@dataclass(frozen=True)
class _Step:
    """One splat on its way through `reference.blend`: what it was in the pixels of its box."""

    index: int
    box: tuple[slice, slice]
    offsets: np.ndarray  # [h, w, 2] px from its centre
    falloff: np.ndarray  # [h, w] exp(-sigma)
    hit: np.ndarray  # [h, w] where it was added
    before: np.ndarray  # [h, w] transmittance in front of it


def backward(
    gaussians: Gaussians,
    camera: Camera,
    image_gradients: ImageGradients,
    background: Float[np.ndarray, " 3"] | None = None,
    depth_limits: Float32[np.ndarray, "H W"] | None = None,
) -> GaussianGradients:
    """Carry a loss's derivatives by the images of `reference.render` back to the Gaussians."""
    splats = reference.project(gaussians, camera)
    if depth_limits is None:
        depth_limits = np.full((camera.height, camera.width), np.inf, np.float32)
    steps, transmittance, depths = _blend(splats, depth_limits)
    per_weight = _per_weight(image_gradients, transmittance, depths, background)
    of_splats = _blend_backward(splats, steps, per_weight)
    return _project_backward(gaussians, camera, of_splats)


def _blend(
    splats: Splats, depth_limits: np.ndarray
) -> tuple[list[_Step], Float64[np.ndarray, "H W"], Float64[np.ndarray, "H W"]]:
    """`reference.blend` again, with what each splat met; transmittance and expected depth of the pixels."""
    height, width = depth_limits.shape
    transmittance = np.ones((height, width))
    depths = np.zeros((height, width))
    finished = np.zeros((height, width), bool)
    conics = _conics(splats)
    steps = []
    for index, (x0, x1, y0, y1) in enumerate(reference.pixel_boxes(splats, width, height)):
        box = np.s_[y0:y1, x0:x1]
        centers = np.stack(np.meshgrid(np.arange(x0, x1) + 0.5, np.arange(y0, y1) + 0.5), axis=-1)
        offsets = centers - splats.means2d[index]
        falloff = np.exp(-0.5 * np.einsum("hwi,ij,hwj->hw", offsets, conics[index], offsets))
        raw = splats.opacities[index] * falloff
        alpha = np.minimum(raw, reference.MAX_ALPHA)
        before = transmittance[box].copy()
        hit = (alpha >= reference.MIN_ALPHA) & ~finished[box]
        hit &= np.float32(splats.depths[index]) <= depth_limits[box]
        ends = hit & (before * (1.0 - alpha) <= reference.MIN_TRANSMITTANCE)
        finished[box] |= ends
        hit &= ~ends
        if hit.any():
            steps.append(_Step(index, box, offsets, falloff, hit, before))
        transmittance[box] = np.where(hit, before * (1.0 - alpha), before)
        depths[box] += np.where(hit, before * alpha, 0.0) * splats.depths[index]
    alphas = 1.0 - transmittance
    return steps, transmittance, np.divide(depths, alphas, out=depths * 0.0, where=alphas > 0.0)


def _per_weight(
    gradients: ImageGradients,
    transmittance: np.ndarray,
    depths: np.ndarray,
    background: np.ndarray | None,
) -> Float64[np.ndarray, "H W 5"]:
    """How the loss follows a splat's weight in a pixel: times (red, green, blue, depth, 1) of the splat."""
    per_weight = np.zeros((*transmittance.shape, 5))
    alphas = 1.0 - transmittance
    if gradients.colors is not None:
        per_weight[..., :3] = gradients.colors
        if background is not None:
            # The background is seen through the transmittance, one minus all weights.
            per_weight[..., 4] -= per_weight[..., :3] @ np.asarray(background, np.float64)
    if gradients.alphas is not None:
        per_weight[..., 4] += gradients.alphas
    if gradients.depths is not None:
        # depth = (sum of weight z) / (sum of weight)
        seen = np.divide(gradients.depths, alphas, out=np.zeros_like(alphas), where=alphas > 0.0)
        per_weight[..., 3] = seen
        per_weight[..., 4] -= seen * depths
    return per_weight


def _blend_backward(splats: Splats, steps: list[_Step], per_weight: np.ndarray) -> _SplatGradients:
    count = len(splats.depths)
    means2d, covars2d = np.zeros((count, 2)), np.zeros((count, 2, 2))
    features, opacities = np.zeros((count, 4)), np.zeros(count)
    num_pixels = np.zeros(count, np.int64)
    conics = _conics(splats)
    behind = np.zeros(per_weight.shape[:2])
    for step in reversed(steps):
        k = step.index
        values = np.array([*splats.colors[k], splats.depths[k], 1.0])
        raw = splats.opacities[k] * step.falloff
        alpha = np.minimum(raw, reference.MAX_ALPHA)
        weight = np.where(step.hit, alpha * step.before, 0.0)
        per_value = per_weight[step.box] @ values
        features[k] = np.einsum("hw,hwf->f", weight, per_weight[step.box][..., :4])
        num_pixels[k] = step.hit.sum()
        of_alpha = step.before * per_value - behind[step.box] / (1.0 - alpha)
        behind[step.box] += weight * per_value
        of_raw = np.where(step.hit & (raw <= reference.MAX_ALPHA), of_alpha, 0.0)
        opacities[k] = (of_raw * step.falloff).sum()
        of_sigma = -of_raw * raw
        # sigma = offset^T conic offset / 2, the offset falls with the mean
        means2d[k] = -conics[k] @ np.einsum("hw,hwi->i", of_sigma, step.offsets)
        of_conic = 0.5 * np.einsum("hw,hwi,hwj->ij", of_sigma, step.offsets, step.offsets)
        covars2d[k] = -conics[k] @ of_conic @ conics[k]
    return _SplatGradients(
        means2d, covars2d, features[:, 3], opacities, features[:, :3], num_pixels
    )


def _conics(splats: Splats) -> Float64[np.ndarray, "M 2 2"]:
    return np.linalg.inv(splats.covars2d)


def _project_backward(
    gaussians: Gaussians, camera: Camera, of_splats: _SplatGradients
) -> GaussianGradients:
    """Differentiate `reference.project`; rows of `of_splats` are the visible Gaussians, nearest first."""
    viewmat = camera.viewmat.astype(np.float64)
    turn = viewmat[:3, :3]
    positions = gaussians.means.astype(np.float64) @ turn.T + viewmat[:3, 3]
    order = _visible(gaussians, positions[:, 2])
    positions, scales = positions[order], gaussians.scales[order].astype(np.float64)
    norms, quats = _normalised(gaussians.quats[order].astype(np.float64))
    rotations, of_rotations = _rotations(quats)
    jacobians = reference.jacobians_of(positions, camera) @ turn
    factors = rotations * scales[:, None, :]
    covars = factors @ np.swapaxes(factors, 1, 2)

    of_covars = np.swapaxes(jacobians, 1, 2) @ of_splats.covars2d @ jacobians
    of_jacobians = 2.0 * of_splats.covars2d @ jacobians @ covars @ turn.T
    of_factors = 2.0 * of_covars @ factors
    of_quats = np.einsum("nij,nqij->nq", of_factors * scales[:, None, :], of_rotations)
    along = np.sum(of_quats * quats, axis=1, keepdims=True)
    of_positions = _positions_backward(positions, camera, of_splats, of_jacobians)
    gradients = {
        "means": of_positions @ turn,
        "quats": np.divide(of_quats - along * quats, norms, where=norms > 0.0, out=quats * 0.0),
        "scales": np.sum(of_factors * rotations, axis=1),
        "opacities": of_splats.opacities * (gaussians.opacities[order] <= 1.0),
        "colors": of_splats.colors,
        "means2d": of_splats.means2d,
        "num_pixels": of_splats.num_pixels.astype(np.int32),
    }
    count = gaussians.num_gaussians
    spread = {
        name: np.zeros((count, *rows.shape[1:]), rows.dtype) for name, rows in gradients.items()
    }
    for name, rows in gradients.items():
        spread[name][order] = rows
    return GaussianGradients(**spread)


def _visible(gaussians: Gaussians, depths: np.ndarray) -> np.ndarray:
    """Indices of the Gaussians that `reference.project` keeps, in its order."""
    visible = (depths >= reference.NEAR_PLANE_M) & (depths <= reference.FAR_PLANE_M)
    visible &= gaussians.opacities > reference.MIN_ALPHA
    order = np.argsort(depths.astype(np.float32), kind="stable")
    return order[visible[order]]


def _normalised(quats: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    norms = np.linalg.norm(quats, axis=1, keepdims=True)
    return norms, quats / np.where(norms > 0.0, norms, 1.0)


def _rotations(
    quats: Float64[np.ndarray, "M 4"],
) -> tuple[Float64[np.ndarray, "M 3 3"], Float64[np.ndarray, "M 4 3 3"]]:
    """Rotation matrices of unit quaternions, and their derivatives by w, x, y and z.

    With the matrix K of the cross product by v = (x, y, z), a rotation is I + 2 w K + 2 K K.
    """
    generators = np.zeros((3, 3, 3))
    for axis in range(3):
        generators[axis, (axis + 2) % 3, (axis + 1) % 3] = 1.0
        generators[axis, (axis + 1) % 3, (axis + 2) % 3] = -1.0
    w = quats[:, 0, None, None]
    cross = np.einsum("na,aij->nij", quats[:, 1:], generators)
    rotations = np.eye(3) + 2.0 * w * cross + 2.0 * cross @ cross
    of_axes = [2.0 * w * g + 2.0 * (g @ cross + cross @ g) for g in generators]
    return rotations, np.stack([2.0 * cross, *of_axes], axis=1)


def _positions_backward(
    positions: np.ndarray, camera: Camera, of_splats: _SplatGradients, of_jacobians: np.ndarray
) -> Float64[np.ndarray, "M 3"]:
    """Derivatives by camera-space positions, of the projected mean, the depth and the Jacobian."""
    of_positions = np.zeros_like(positions)
    z = positions[:, 2]
    of_positions[:, 2] = of_splats.depths
    for axis, size in enumerate((camera.width, camera.height)):
        focal, center = camera.K[axis, axis], camera.K[axis, 2]
        of_mean = focal * of_splats.means2d[:, axis]
        if camera.is_orthographic:
            of_positions[:, axis] = of_mean
            continue
        margin = reference.CLAMP_MARGIN * 0.5 * size / focal
        low, high = -center / focal - margin, (size - center) / focal + margin
        slope = positions[:, axis] / z
        bounded = np.clip(slope, low, high)
        # The Jacobian's row is focal / z at `axis` and -focal * bounded / z at z.
        of_row = of_jacobians[:, axis]
        of_slope = of_mean - np.where(bounded == slope, focal / z * of_row[:, 2], 0.0)
        of_positions[:, axis] = of_slope / z
        of_positions[:, 2] -= of_slope * slope / z
        of_positions[:, 2] -= focal / z**2 * (of_row[:, axis] - bounded * of_row[:, 2])
    return of_positions
