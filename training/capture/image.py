"""Images as linear float arrays: reading, sampling, filling holes, sRGB both ways."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image
from scipy.ndimage import gaussian_filter, map_coordinates


def srgb_to_linear(values: np.ndarray) -> np.ndarray:
    """Display-referred sRGB [0, 1] to linear."""
    return np.where(values <= 0.04045, values / 12.92, ((values + 0.055) / 1.055) ** 2.4)


def linear_to_srgb(values: np.ndarray) -> np.ndarray:
    """Linear to display-referred sRGB, clipped to [0, 1]."""
    clipped = np.clip(values, 0.0, 1.0)
    return np.where(clipped <= 0.0031308, clipped * 12.92, 1.055 * clipped ** (1 / 2.4) - 0.055)


def read_linear(path: Path) -> np.ndarray:
    """An 8-bit colour image as linear floats [H, W, 3]."""
    with Image.open(path) as image:
        return srgb_to_linear(np.asarray(image.convert("RGB"), np.float32) / 255.0)


def read_data(path: Path) -> np.ndarray:
    """An 8-bit image as plain floats [H, W, C] in [0, 1], no colour conversion."""
    with Image.open(path) as image:
        values = np.asarray(image, np.float32) / 255.0
    return values if values.ndim == 3 else values[..., None]


def write_srgb(path: Path, linear: np.ndarray) -> None:
    """Write linear floats [H, W, 3] as an 8-bit sRGB PNG."""
    encoded = np.rint(linear_to_srgb(linear) * 255.0).astype(np.uint8)
    Image.fromarray(encoded).save(path)


def sample(image: np.ndarray, uv: np.ndarray, *, wrap: bool = False) -> np.ndarray:
    """Bilinear look-up [N, C] at `uv` [N, 2], v up."""
    height, width = image.shape[:2]
    x, y = uv[:, 0] * width - 0.5, (1.0 - uv[:, 1]) * height - 0.5
    mode = "grid-wrap" if wrap else "nearest"
    planes = [
        map_coordinates(image[..., k], [y, x], order=1, mode=mode) for k in range(image.shape[2])
    ]
    return np.stack(planes, axis=1)


def fill(image: np.ndarray, known: np.ndarray, finest: float = 2.0) -> np.ndarray:
    """Fill where `known` [H, W] is 0 from the nearest scale of blur that has something to say."""
    weight = known.astype(np.float64)
    result, have = image * weight[..., None], weight
    sigma = finest
    while sigma < max(image.shape):
        blurred_weight = gaussian_filter(weight, sigma)
        blurred = np.stack(
            [gaussian_filter(image[..., k] * weight, sigma) for k in range(image.shape[2])], axis=2
        )
        share = np.clip(blurred_weight / 0.15, 0.0, 1.0) * (1.0 - have)
        result = result + share[..., None] * blurred / np.maximum(blurred_weight, 1e-9)[..., None]
        have = have + share
        sigma *= 2.0
    return result / np.maximum(have, 1e-6)[..., None]
