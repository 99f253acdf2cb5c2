"""Where the subject may be: the part of space that every silhouette covers (Laurentini 1994)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ..core.errors import AvatarError
from .calibrated_images import CalibratedImage

GRID = 96
# A pixel belongs to the subject from this alpha on.
COVERED_ALPHA = 127


def bounding_cube(images: Sequence[CalibratedImage]) -> tuple[np.ndarray, float]:
    """Centre (m) of the cube that the cameras look at, and half its side (m).

    The centre is the point nearest to all optical axes; the cube is as large as the pictures are there.
    """
    eyes = np.stack([eye_of(image) for image in images])
    axes = np.stack([image.camera.viewmat[2, :3] for image in images])
    across = np.eye(3) - axes[:, :, None] * axes[:, None, :]
    center = np.linalg.solve(across.sum(0), (across @ eyes[..., None]).sum(0))[:, 0]
    half = [
        0.5 * np.linalg.norm(eye - center) * max(c.width / c.K[0, 0], c.height / c.K[1, 1])
        for eye, c in zip(eyes, (image.camera for image in images), strict=True)
    ]
    return center, float(max(half))


def eye_of(image: CalibratedImage) -> np.ndarray:
    """Where the camera stands, `[3]` (m)."""
    rotation, shift = image.camera.viewmat[:3, :3], image.camera.viewmat[:3, 3]
    return -rotation.T @ shift


def sample_hull_skin(
    images: Sequence[CalibratedImage], count: int, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray, float]:
    """Random points `[count, 3]` (m) in the outermost voxels of the visual hull, their mean colours
    `[count, 3]` over all pictures, and how far apart they are (m) if they lie evenly."""
    center, half = bounding_cube(images)
    side = 2 * half / GRID
    steps = (np.arange(GRID) + 0.5) * side - half
    voxels = np.stack(np.meshgrid(steps, steps, steps, indexing="ij"), axis=-1) + center
    inside = _inside(voxels.reshape(-1, 3), images).reshape(GRID, GRID, GRID)
    skin = voxels[inside & ~_eroded(inside)]
    if not len(skin):
        raise AvatarError(
            "No point is covered by every picture: check the cameras and the pictures' alpha."
        )
    points = skin[rng.integers(len(skin), size=count)] + rng.uniform(-0.5, 0.5, (count, 3)) * side
    return points, _mean_colors(points, images), side * float(np.sqrt(len(skin) / count))


def _inside(points: np.ndarray, images: Sequence[CalibratedImage]) -> np.ndarray:
    """Mask of the points that no picture shows uncovered and that at least half of them show."""
    inside, num_showing = np.ones(len(points), bool), np.zeros(len(points), int)
    for image in images:
        left = np.flatnonzero(inside)
        values, is_shown = _look_up(points[left], image)
        inside[left] = ~is_shown | (values[:, 3] >= COVERED_ALPHA)
        num_showing[left] += is_shown
    return inside & (2 * num_showing >= len(images))


def _eroded(mask: np.ndarray) -> np.ndarray:
    """Voxels whose six neighbours are set as well."""
    padded = np.pad(mask, 1)
    kept = mask.copy()
    for axis in range(3):
        for shift in (-1, 1):
            kept &= np.roll(padded, shift, axis)[1:-1, 1:-1, 1:-1]
    return kept


def _mean_colors(points: np.ndarray, images: Sequence[CalibratedImage]) -> np.ndarray:
    sums, counts = np.zeros((len(points), 3)), np.full((len(points), 1), 1e-9)
    for image in images:
        values, is_shown = _look_up(points, image)
        weights = (is_shown & (values[:, 3] >= COVERED_ALPHA))[:, None]
        sums += values[:, :3] / 255 * weights
        counts += weights
    return sums / counts


def _look_up(points: np.ndarray, image: CalibratedImage) -> tuple[np.ndarray, np.ndarray]:
    """The pixel `[M, 4]` that each point falls on, and whether it falls on the picture at all."""
    camera = image.camera
    position = points @ camera.viewmat[:3, :3].T + camera.viewmat[:3, 3]
    pixel = position @ camera.K.T
    with np.errstate(divide="ignore", invalid="ignore"):
        x, y = (pixel[:, :2] / pixel[:, 2:]).T
    shown = (position[:, 2] > 0) & (x >= 0) & (x < camera.width) & (y >= 0) & (y < camera.height)
    x, y = (np.where(shown, v, 0).astype(int) for v in (x, y))
    return image.rgba[y, x], shown
