"""What a GPU needs beside its shader: attributes in texels, drawing order, a thinner set. Plain numpy."""

from __future__ import annotations

import dataclasses

import numpy as np
from jaxtyping import Float, Float32, Int64

from ..camera import Camera
from ..gaussians import Gaussians

# Gaussians that never reach this alpha are not drawn by any rasteriser.
MIN_ALPHA = 1.0 / 255.0
# A Gaussian takes 4 texels of 4 floats in a row: mean and opacity, quaternion, scales, colour.
TEXELS = 4
# Gaussians in one row of the texture: 4096 texels, which every driver of the last ten years holds.
ROW_GAUSSIANS = 1024
ROW_ORDER = 4096
# Sixteen bits resolve this extent of depth to less than 0.1 mm; a deeper scene is sorted exactly.
QUANTISED_EXTENT_M = 6.0


def pack_attributes(gaussians: Gaussians) -> Float32[np.ndarray, "rows texels 4"]:
    """Attributes as the rows of an RGBA32F texture, `TEXELS` texels a Gaussian, padded with zeros."""
    count = gaussians.num_gaussians
    rows = max(1, -(-count // ROW_GAUSSIANS))
    texels = np.zeros((rows * ROW_GAUSSIANS, TEXELS, 4), np.float32)
    texels[:count, 0, :3] = gaussians.means
    texels[:count, 0, 3] = gaussians.opacities
    texels[:count, 1] = gaussians.quats
    texels[:count, 2, :3] = gaussians.scales
    texels[:count, 3, :3] = gaussians.colors
    return texels.reshape(rows, ROW_GAUSSIANS * TEXELS, 4)


def pack_order(order: Int64[np.ndarray, " M"]) -> Float32[np.ndarray, "rows width"]:
    """Indices as the rows of an R32F texture; float32 holds them exactly up to 16.7 million."""
    rows = max(1, -(-len(order) // ROW_ORDER))
    texels = np.zeros(rows * ROW_ORDER, np.float32)
    texels[: len(order)] = order
    return texels.reshape(rows, ROW_ORDER)


def back_to_front(
    gaussians: Gaussians, viewmat: Float[np.ndarray, "4 4"], *, is_exact: bool
) -> Int64[np.ndarray, " M"]:
    """Indices of the Gaussians that can be seen at all, farthest first; only turning the view changes it.

    Exact means the reference's order: float32 depths, equal ones in the order they were given.
    Otherwise depths are rounded to 16 bits, which halves the time and is not seen in a live picture.
    """
    seen = np.flatnonzero(gaussians.opacities > MIN_ALPHA)
    depths = (gaussians.means[seen] @ viewmat[2, :3] + viewmat[2, 3]).astype(np.float32)
    if len(seen) == 0:
        return seen
    low, high = float(depths.min()), float(depths.max())
    if is_exact or high - low > QUANTISED_EXTENT_M:
        order = _exact_order(depths)
    else:
        steps = 65535.0 / max(high - low, 1e-30)
        order = np.argsort(((depths - low) * steps).astype(np.uint16), kind="stable")
    return seen[order[::-1]]


def _exact_order(depths: Float32[np.ndarray, " M"]) -> Int64[np.ndarray, " M"]:
    """Stable ascending order of floats: their bits sort like integers, 16 at a time (radix sort).

    The sign bit of a positive number is set and all bits of a negative one are turned over for that.
    """
    bits = (depths + np.float32(0.0)).view(np.uint32)
    bits ^= np.where(bits >> 31, np.uint32(0xFFFFFFFF), np.uint32(0x80000000))
    order = np.argsort((bits & 0xFFFF).astype(np.uint16), kind="stable")
    return order[np.argsort((bits >> 16).astype(np.uint16)[order], kind="stable")]


def thinned(gaussians: Gaussians, density: float) -> Gaussians:
    """A part `density` (0 to 1] of the set, the same one at every frame, grown so that it covers as much.

    Every n-th Gaussian is kept rather than a random one: neighbours in a set lie near each other, so this
    leaves smaller holes. The area of all splats stays what it was, hence the head stays solid.
    """
    if density >= 1.0:
        return gaussians
    steps = np.floor(np.arange(gaussians.num_gaussians + 1) * density + 0.5)
    kept = gaussians.select(np.flatnonzero(np.diff(steps)))
    return dataclasses.replace(kept, scales=kept.scales * np.float32(density**-0.5))


def camera_block(
    camera: Camera, clip: Float[np.ndarray, "4 4"], num_drawn: int
) -> Float32[np.ndarray, " 44"]:
    """The camera as the shaders read it (std140): two matrices by columns, then three vec4s.

    `clip` maps camera space to OpenGL clip space; only meshes and depths on the screen need it.
    """
    focal = np.array([camera.K[0, 0], camera.K[1, 1]])
    center = np.array([camera.K[0, 2], camera.K[1, 2]])
    size = np.array([camera.width, camera.height])
    # As in the reference: the Jacobian is linearised at most 0.3 half image widths outside the image.
    margin = 0.3 * 0.5 * size / focal
    parts = (
        np.asarray(camera.viewmat).T.ravel(),
        np.asarray(clip).T.ravel(),
        focal,
        center,
        -center / focal - margin,
        (size - center) / focal + margin,
        size,
        [float(camera.is_orthographic), float(num_drawn)],
    )
    return np.concatenate(parts).astype(np.float32)
