"""The guided filter (He, Sun & Tang 2013) in its fast form: a mask takes on the edges of a picture."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float, Float32


def guided_filter(
    guide: Float[np.ndarray, "H W C"],
    values: Float[np.ndarray, "H W"],
    *,
    radius: int,
    epsilon: float,
) -> tuple[Float32[np.ndarray, "H W C"], Float32[np.ndarray, "H W"]]:
    """Slopes and offsets: `(slopes * guide).sum(-1) + offsets` is `values` with the guide's edges.

    Locally (squares of `radius` to each side) the result is a linear function of the guide's C colours;
    `epsilon`, in squares of the guide's unit, is the contrast below which nothing counts as an edge.
    """
    guide = np.asarray(guide, np.float32)
    values = np.asarray(values, np.float32)
    channels = guide.shape[-1]
    mean, mean_value = box_mean(guide, radius), box_mean(values, radius)
    common = box_mean(guide * values[..., None], radius) - mean * mean_value[..., None]
    spread = np.empty((*values.shape, channels, channels), np.float32)
    for i in range(channels):
        for j in range(i + 1):
            product = box_mean(guide[..., i] * guide[..., j], radius)
            spread[..., i, j] = spread[..., j, i] = product - mean[..., i] * mean[..., j]
        spread[..., i, i] += epsilon
    slopes = _solved(spread, common)
    offsets = mean_value - (slopes * mean).sum(-1)
    return box_mean(slopes, radius), box_mean(offsets, radius)


def box_mean(values: Float32[np.ndarray, "H W ..."], radius: int) -> Float32[np.ndarray, "H W ..."]:
    """Means over squares of `radius` pixels to each side; at the border over what is inside."""
    for axis in (0, 1):
        count = values.shape[axis]
        padding = [(0, 0)] * values.ndim
        padding[axis] = (1, 0)
        # Sums of many thousand numbers lose float32's last digits, which variances need.
        total = np.pad(np.cumsum(values, axis=axis, dtype=np.float64), padding)
        at = np.arange(count)
        high, low = np.minimum(at + radius + 1, count), np.maximum(at - radius, 0)
        size = (high - low).reshape([-1 if a == axis else 1 for a in range(values.ndim)])
        values = (np.take(total, high, axis) - np.take(total, low, axis)) / size
        values = values.astype(np.float32)
    return values


def _solved(matrices: np.ndarray, wanted: np.ndarray) -> np.ndarray:
    """Solutions `[..., C]` of symmetric positive systems, for one or three unknowns in closed form."""
    if wanted.shape[-1] == 1:
        return wanted / matrices[..., 0]
    if wanted.shape[-1] != 3:
        return np.linalg.solve(matrices, wanted[..., None])[..., 0]
    a, b, c = matrices[..., 0, 0], matrices[..., 0, 1], matrices[..., 0, 2]
    d, e, f = matrices[..., 1, 1], matrices[..., 1, 2], matrices[..., 2, 2]
    # The adjugate of a symmetric matrix, entry by entry.
    p, q, r = d * f - e * e, c * e - b * f, b * e - c * d
    s, t, u = a * f - c * c, b * c - a * e, a * d - b * b
    determinant = np.maximum(a * p + b * q + c * r, 1e-20)[..., None]
    x, y, z = wanted[..., 0], wanted[..., 1], wanted[..., 2]
    rows = np.stack([p * x + q * y + r * z, q * x + s * y + t * z, r * x + t * y + u * z], -1)
    return rows / determinant
