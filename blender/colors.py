"""Between display-referred sRGB, in which Gaussians blend, and the linear light Blender works in."""

from __future__ import annotations

import numpy as np


def srgb_to_linear(values: np.ndarray) -> np.ndarray:
    """Decode sRGB values (IEC 61966-2-1), odd about zero and unbounded above, same shape."""
    size = np.abs(values)
    curve = ((np.maximum(size, 0.04045) + 0.055) / 1.055) ** 2.4
    return np.copysign(np.where(size <= 0.04045, size / 12.92, curve), values)


def linear_to_srgb(values: np.ndarray) -> np.ndarray:
    """Encode linear values as sRGB, the inverse of `srgb_to_linear`, same shape."""
    size = np.abs(values)
    curve = 1.055 * np.maximum(size, 0.0031308) ** (1 / 2.4) - 0.055
    return np.copysign(np.where(size <= 0.0031308, size * 12.92, curve), values)


def combined_pass(
    colors: np.ndarray, alphas: np.ndarray, background_linear: np.ndarray | None
) -> np.ndarray:
    """Linear premultiplied RGBA `[H, W, 4]` float32, bottom row first, as Blender's Combined pass.

    `colors` [H, W, 3] are premultiplied sRGB with the top row first. Over a background everything blends
    in display values, as the Gaussians were made to; without one the straight colour is linearised.
    """
    shown = alphas > 0
    covered = alphas[shown, None]
    rgba = np.zeros((*alphas.shape, 4), np.float32)
    if background_linear is None:
        rgba[shown, :3] = srgb_to_linear(colors[shown] / covered) * covered
        rgba[..., 3] = alphas
    else:
        behind = linear_to_srgb(background_linear).astype(np.float32)
        rgba[..., :3] = background_linear
        rgba[shown, :3] = srgb_to_linear(colors[shown] + (1 - covered) * behind)
        rgba[..., 3] = 1.0
    return rgba[::-1]
