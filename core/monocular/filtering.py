"""Smoothing over time without lag that keeps what lasts one frame: closed lips, blinks, looks aside.

A frame is averaged with neighbours that *look* like it: weights fall with the distance in time and with the
difference of what was measured beside the value (a bilateral filter after Tomasi & Manduchi 1998, over time and
with a guide of its own). A closure of one frame differs from its neighbours by far more than the guide's noise
and stays as it is; frames at rest are averaged with all around.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Float, Float64, Int

# Differences of a guide of this many times its noise leave half of a neighbour's weight.
TOLERANCE = 3.0


def guided_smooth(
    values: Float[np.ndarray, "T C"],
    guide: Float[np.ndarray, "T G"],
    *,
    sigma_frames: float | int,
    weights: Float[np.ndarray, " T"] | None = None,
    shots: Int[np.ndarray, " T"] | None = None,
    noise_bounds: Float[np.ndarray, "G 2"] | None = None,
) -> Float64[np.ndarray, "T C"]:
    """Values averaged over neighbours that the guide finds alike, within each shot.

    `weights` `[T]` say how far frames can be trusted. The noise of each of the guide's columns is estimated
    from it, within `noise_bounds` (least and most, in the guide's units).
    """
    values, guide = np.asarray(values, np.float64), np.asarray(guide, np.float64)
    noise = np.maximum(noise_of(guide, shots), 1e-6)
    if noise_bounds is not None:
        noise = np.clip(noise, *np.asarray(noise_bounds, np.float64).T)
    scaled = guide / (TOLERANCE * noise)
    return _averaged(values, scaled, sigma_frames, weights=weights, shots=shots)


def smooth(
    values: Float[np.ndarray, "T C"],
    *,
    sigma_frames: float | int,
    weights: Float[np.ndarray, " T"] | None = None,
    shots: Int[np.ndarray, " T"] | None = None,
) -> Float64[np.ndarray, "T C"]:
    """A local line through the neighbours (Gaussian weights), so that steady motion is not flattened."""
    values = np.asarray(values, np.float64)
    count = len(values)
    moments = np.zeros((count, 3))
    sums = np.zeros((2, count, values.shape[1]))
    for offset in _offsets(sigma_frames, count):
        here, there = _overlap(offset, count)
        near = np.exp(-0.5 * (offset / sigma_frames) ** 2) * _trust(weights, shots, here, there)
        moments[here] += near[:, None] * np.array([1.0, offset, offset * offset])
        sums[0, here] += near[:, None] * values[there]
        sums[1, here] += (offset * near)[:, None] * values[there]
    m0, m1, m2 = moments.T
    spread = m0 * m2 - m1 * m1
    # At the ends and beside frames that count for nothing a line is ill determined: the mean is not.
    spread += 0.05 * m0 * m0
    m2 = m2 + 0.05 * m0
    return (m2[:, None] * sums[0] - m1[:, None] * sums[1]) / spread[:, None]


def noise_of(
    values: Float[np.ndarray, "T C"], shots: Int[np.ndarray, " T"] | None = None
) -> Float64[np.ndarray, " C"]:
    """Standard deviation of each column's noise, from the median of its second differences."""
    values = np.asarray(values, np.float64)
    if len(values) < 5:
        return np.zeros(values.shape[1])
    bent = values[2:] - 2.0 * values[1:-1] + values[:-2]
    if shots is not None and (within := shots[2:] == shots[:-2]).any():
        bent = bent[within]
    # A second difference of white noise has six times its variance; .6745 of a normal's deviation is median.
    return np.median(np.abs(bent), axis=0) / (0.6745 * np.sqrt(6.0))


def _averaged(
    values: np.ndarray,
    guide: np.ndarray,
    sigma_frames: float,
    *,
    weights: np.ndarray | None,
    shots: np.ndarray | None,
) -> np.ndarray:
    count = len(values)
    total, mass = np.zeros_like(values), np.zeros(count)
    for offset in _offsets(sigma_frames, count):
        here, there = _overlap(offset, count)
        unlike = ((guide[here] - guide[there]) ** 2).sum(1)
        near = np.exp(-0.5 * (offset / sigma_frames) ** 2) * np.exp2(-unlike)
        near *= _trust(weights, shots, here, there)
        total[here] += near[:, None] * values[there]
        mass[here] += near
    return total / mass[:, None]


def _offsets(sigma_frames: float, count: int) -> range:
    reach = min(int(np.ceil(3.0 * sigma_frames)), count - 1)
    return range(-reach, reach + 1)


def _overlap(offset: int, count: int) -> tuple[slice, slice]:
    """The frames that have a neighbour `offset` later, and these neighbours."""
    return (
        slice(max(0, -offset), count - max(0, offset)),
        slice(max(0, offset), count - max(0, -offset)),
    )


def _trust(
    weights: np.ndarray | None, shots: np.ndarray | None, here: slice, there: slice
) -> np.ndarray:
    """How far the neighbours count for the frames: as far as they can be trusted, not across a cut."""
    count = here.stop - here.start
    trust = np.ones(count) if weights is None else np.maximum(weights[there], 1e-6)
    return trust if shots is None else trust * (shots[here] == shots[there])
