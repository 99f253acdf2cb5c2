"""Which triangle each texel of the UV atlas shows."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np


def iterate_texels(uvs: np.ndarray, resolution: int) -> Iterator[tuple]:
    """Yield (rows, columns, triangle index, barycentric [n, 3]) of the texel centres per triangle."""
    pixels = np.stack(
        [uvs[..., 0] * resolution - 0.5, (1.0 - uvs[..., 1]) * resolution - 0.5], axis=-1
    )
    for index, corner in enumerate(pixels):
        low = np.maximum(np.ceil(corner.min(0)).astype(int), 0)
        high = np.minimum(np.floor(corner.max(0)).astype(int), resolution - 1)
        if (high < low).any():
            continue
        x, y = np.meshgrid(np.arange(low[0], high[0] + 1), np.arange(low[1], high[1] + 1))
        x, y = x.ravel(), y.ravel()
        first, second = corner[1] - corner[0], corner[2] - corner[0]
        area = first[0] * second[1] - first[1] * second[0]
        if abs(area) < 1e-12:
            continue
        dx, dy = x - corner[0, 0], y - corner[0, 1]
        b = (dx * second[1] - dy * second[0]) / area
        c = (first[0] * dy - first[1] * dx) / area
        a = 1.0 - b - c
        inside = (a >= 0.0) & (b >= 0.0) & (c >= 0.0)
        if inside.any():
            yield y[inside], x[inside], index, np.stack([a, b, c], axis=1)[inside]


def texel_map(uvs: np.ndarray, resolution: int) -> tuple[np.ndarray, np.ndarray]:
    """Triangle index [R, R] (-1 outside) and barycentric [R, R, 3] of each texel centre."""
    triangle = np.full((resolution, resolution), -1, np.int32)
    barycentric = np.zeros((resolution, resolution, 3), np.float32)
    for rows, columns, index, weights in iterate_texels(uvs, resolution):
        triangle[rows, columns] = index
        barycentric[rows, columns] = weights
    return triangle, barycentric
