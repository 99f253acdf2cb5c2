"""Images as linear float arrays: reading, sampling, filling holes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image
from scipy.ndimage import distance_transform_edt, map_coordinates

from ..srgb import srgb_to_linear


def read_linear(path: Path) -> np.ndarray:
    """An 8-bit colour image as linear floats [H, W, 3]."""
    with Image.open(path) as image:
        return srgb_to_linear(np.asarray(image.convert("RGB"), np.float32) / 255.0)


def read_data(path: Path) -> np.ndarray:
    """An 8-bit image as plain floats [H, W, C] in [0, 1], no colour conversion."""
    with Image.open(path) as image:
        values = np.asarray(image, np.float32) / 255.0
    return values if values.ndim == 3 else values[..., None]


def sample(image: np.ndarray, uv: np.ndarray, *, wrap: bool = False) -> np.ndarray:
    """Bilinear look-up [N, C] at `uv` [N, 2], v up."""
    height, width = image.shape[:2]
    x, y = uv[:, 0] * width - 0.5, (1.0 - uv[:, 1]) * height - 0.5
    mode = "grid-wrap" if wrap else "nearest"
    planes = [
        map_coordinates(image[..., k], [y, x], order=1, mode=mode) for k in range(image.shape[2])
    ]
    return np.stack(planes, axis=1)


def fill(image: np.ndarray, known: np.ndarray) -> np.ndarray:
    """Fill [H, W, C] where `known` [H, W] is 0, smoothly, from coarser and coarser averages."""
    height, width = known.shape
    if min(height, width) <= 2:
        total = max(float(known.sum()), 1e-6)
        return np.broadcast_to((image * known[..., None]).sum((0, 1)) / total, image.shape)
    padded = np.pad(known, ((0, height % 2), (0, width % 2)))
    colours = np.pad(image * known[..., None], ((0, height % 2), (0, width % 2), (0, 0)))
    weight = pool(padded)
    average = pool(colours) / np.maximum(weight, 1e-6)[..., None]
    coarse = fill(average, np.minimum(weight, 1.0))
    zoom = (padded.shape[0] / coarse.shape[0], padded.shape[1] / coarse.shape[1])
    rows = (np.arange(height) + 0.5) / zoom[0] - 0.5
    columns = (np.arange(width) + 0.5) / zoom[1] - 0.5
    grid = np.meshgrid(rows, columns, indexing="ij")
    guess = np.stack(
        [
            map_coordinates(coarse[..., k], grid, order=1, mode="nearest")
            for k in range(image.shape[2])
        ],
        axis=2,
    )
    share = np.clip(known, 0.0, 1.0)[..., None]
    return image * share + guess * (1.0 - share)


def pool(values: np.ndarray) -> np.ndarray:
    """Means of 2 x 2 blocks of [H, W, ...], H and W even."""
    height, width = values.shape[:2]
    blocks = values.reshape(height // 2, 2, width // 2, 2, *values.shape[2:])
    return blocks.mean(axis=(1, 3))


def extend(image: np.ndarray, known: np.ndarray) -> np.ndarray:
    """Continue [H, W, C] beyond the mask `known` with the nearest known value."""
    rows, columns = distance_transform_edt(~known, return_distances=False, return_indices=True)
    return image[rows, columns]
