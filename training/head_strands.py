"""Strands of hair as chains of elongated Gaussians."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from scipy.spatial import cKDTree

from ..core.gaussians import matrix_to_quat
from .srgb import linear_to_srgb
from .strands import Strands, frames_along

# Points along a piece where a curl is measured.
CURL_SAMPLES = 7


@dataclass(frozen=True)
class StrandSettings:
    """How one group of strands becomes Gaussians; lengths in millimetres."""

    piece_mm: float
    # Thinner pieces would be lost below a pixel and only cost time.
    min_radius_mm: float
    max_opacity: float
    # Strands beyond this number are left out, the others grow wider to cover as much.
    max_strands: int = 100_000
    # Sigma along the piece over its length; pieces must overlap to read as one hair.
    overlap: float = 0.42
    # What a picture blurs a hair by (sigma): thinner ones are drawn paler instead, as a lens does.
    picture_blur_mm: float = 0.28
    # How much of the room that a curl takes within a piece the piece grows wide by, and paler.
    curl_share: float = 0.0
    # Points of strands whose colours a piece shows the mean of: 0 takes as many as strands it stands for.
    color_points: int = 0
    # Strands that are kept grow wide for the left-out ones nearest to them, rather than all alike.
    widen_by_nearest: bool = False


@dataclass(frozen=True)
class Pieces:
    """Gaussians of one group in the neutral pose."""

    strand: np.ndarray  # [N] index of the strand in the group
    means: np.ndarray  # [N, 3]
    quats: np.ndarray  # [N, 4]
    scales: np.ndarray  # [N, 3]
    colors: np.ndarray  # [N, 3] sRGB
    opacities: np.ndarray  # [N]


def cut_strands(strands: Strands, settings: StrandSettings, rng: np.random.Generator) -> Pieces:
    """Cut every strand into pieces of about the same length."""
    total = len(strands.points)
    chosen = np.arange(total)
    if total > settings.max_strands:
        chosen = np.sort(rng.choice(total, settings.max_strands, replace=False))
    widening = np.full(len(chosen), total / len(chosen))
    if settings.widen_by_nearest:
        widening = _stands_for(strands, chosen)
    lengths = np.linalg.norm(np.diff(strands.points[chosen], axis=1), axis=2).sum(axis=1)
    counts = np.maximum(np.round(lengths * 1e3 / settings.piece_mm), 1).astype(int)
    rows = []
    for count in np.unique(counts):
        picks = counts == count
        rows.append(_cut_evenly(strands, chosen[picks], count, settings, widening[picks]))
    pieces = Pieces(*(np.concatenate([row[i] for row in rows]) for i in range(6)))
    if len(chosen) == total and settings.color_points == 0:
        return pieces
    neighbours = settings.color_points or round(1.3 * total / len(chosen))
    return replace(pieces, colors=_colors_around(strands, pieces.means, neighbours))


def _stands_for(strands: Strands, chosen: np.ndarray) -> np.ndarray:
    """How many strands each of the chosen ones [C] replaces: those that it is nearest to, itself among them.

    A hair that hangs alone stays thin; in a thick lock the kept ones grow wide enough to cover it.
    """
    last = strands.points.shape[1] - 1
    along = strands.points[:, [last // 4, last // 2, 3 * last // 4, last]].reshape(
        len(strands.points), -1
    )
    nearest = cKDTree(along[chosen]).query(along, k=1, workers=2)[1]
    return np.bincount(nearest, minlength=len(chosen)).astype(float)


def _colors_around(strands: Strands, means: np.ndarray, neighbours: int) -> np.ndarray:
    """sRGB of the hair around each point: a strand that stands for several shows their mean."""
    points, colors = strands.points.reshape(-1, 3), strands.color.reshape(-1, 3)
    # A list keeps the neighbours' axis also where there is one.
    index = cKDTree(points).query(means, k=list(range(1, neighbours + 1)), workers=2)[1]
    return linear_to_srgb(colors[index].mean(axis=1))


def _cut_evenly(
    strands: Strands, picks: np.ndarray, count: int, settings: StrandSettings, widening: np.ndarray
) -> tuple[np.ndarray, ...]:
    steps = np.linspace(0, 1, count + 1)
    # Hair bends most where it leaves the skin: pieces there are about half as long as at the tip.
    steps = 0.6 * steps + 0.4 * steps**2
    middles = 0.5 * (steps[1:] + steps[:-1])
    points = strands.points[picks]
    knots = _resample(points, points, steps)
    colors = _resample(strands.color[picks], points, middles)
    radius = _resample(strands.radius[picks][..., None], points, middles)
    axis = np.diff(knots, axis=1)
    length = np.linalg.norm(axis, axis=2)
    true_radius = radius[..., 0] * widening[:, None]
    across = np.maximum(0.75 * true_radius, settings.min_radius_mm * 1e-3)
    if settings.curl_share > 0:
        room, longer = _curl(points, knots, steps)
        across = np.hypot(across, settings.curl_share * room)
        true_radius = true_radius * longer
    # A Gaussian covers as much as a cylinder when sqrt(2 pi) sigma opacity = 2 radius.
    blurred = np.hypot(across, settings.picture_blur_mm * 1e-3)
    opacity = np.minimum(0.8 * true_radius / blurred, settings.max_opacity)
    scales = np.stack([np.maximum(settings.overlap * length, across), across, across], axis=2)
    return (
        np.repeat(picks, count),
        (0.5 * (knots[:, 1:] + knots[:, :-1])).reshape(-1, 3),
        matrix_to_quat(frames_along(axis.reshape(-1, 3))),
        scales.reshape(-1, 3),
        linear_to_srgb(colors.reshape(-1, 3)),
        opacity.ravel(),
    )


def _curl(points: np.ndarray, knots: np.ndarray, steps: np.ndarray) -> tuple[np.ndarray, ...]:
    """How far (m, rms per axis) strands stray from their straight pieces, and how much longer they are."""
    shares = np.linspace(0, 1, CURL_SAMPLES)
    fine = (steps[:-1, None] + np.diff(steps)[:, None] * shares).ravel()
    inner = _resample(points, points, fine).reshape(len(points), -1, CURL_SAMPLES, 3)
    start, chord = knots[:, :-1], np.diff(knots, axis=1)
    length = np.maximum(np.linalg.norm(chord, axis=2), 1e-9)
    axis = chord / length[..., None]
    offset = inner - start[:, :, None]
    offset -= (offset * axis[:, :, None]).sum(axis=3, keepdims=True) * axis[:, :, None]
    room = np.sqrt(0.5 * (offset**2).sum(axis=3).mean(axis=2))
    path = np.linalg.norm(np.diff(inner, axis=2), axis=3).sum(axis=2)
    return room, np.clip(path / length, 1.0, 4.0)


def _resample(values: np.ndarray, points: np.ndarray, shares: np.ndarray) -> np.ndarray:
    """Values `[S, K, C]` at `shares` `[K]` of the arc length of polylines `[S, P, 3]`."""
    steps = np.linalg.norm(np.diff(points, axis=1), axis=2)
    arc = np.concatenate([np.zeros((len(points), 1)), np.cumsum(steps, axis=1)], axis=1)
    wanted = shares[None] * arc[:, -1:]
    upper = np.clip((arc[:, None, :] <= wanted[..., None]).sum(axis=2), 1, arc.shape[1] - 1)
    rows = np.arange(len(points))[:, None]
    start, end = arc[rows, upper - 1], arc[rows, upper]
    share = np.clip((wanted - start) / np.maximum(end - start, 1e-12), 0, 1)[..., None]
    return values[rows, upper - 1] * (1 - share) + values[rows, upper] * share
