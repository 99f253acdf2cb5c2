"""Shoulders as wide and as high as the mattes show them: no landmark tells of them, and people differ by half."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ...core.camera import Camera
from .subject import SubjectFrame

COVERED = 127
MOST_FRAMES, FEWEST_BINS = 8, 3
# Cells (px) in which outlines are compared, as a share of the picture's height.
BIN_SHARE = 1 / 70
# Nearer the neck than the first (m) nothing moves; rises and falls are whole so much farther out.
COLLAR_M, SLOPE_M = 0.055, 0.1
WIDTHS, RISES_M = np.linspace(0.7, 2.2, 31), np.linspace(-0.04, 0.04, 17)
# What a doubled width and a rise of 4 cm cost, in shares of the picture's width: what is not seen stays as it was.
WIDTH_COST, RISE_COST = 0.004, 0.004
# A camera that sees the shoulders from farther aside than this tells nothing of their width.
LEAST_FRONTAL = 0.77


@dataclass(frozen=True)
class Shoulder:
    """How one side is changed: its width beyond the collar times `width`, higher by `rise_m`."""

    width: float
    rise_m: float

    def moved(self, points: np.ndarray, side: float) -> np.ndarray:
        """Points `[M, 3]` (m) about the neck's pivot; those of the other side stay."""
        beyond = np.maximum(side * points[:, 0] - COLLAR_M, 0.0)
        result = points.copy()
        result[:, 0] += side * beyond * (self.width - 1.0)
        result[:, 1] += self.rise_m * np.minimum(beyond / SLOPE_M, 1.0)
        return result


def with_shoulders(
    vertices: np.ndarray,
    neck_weights: np.ndarray,
    pivot: np.ndarray,
    chin: np.ndarray,
    frames: Sequence[SubjectFrame],
) -> np.ndarray:
    """Vertices `[V, 3]` (m) whose shoulders, which do not follow the head by the `neck_weights` `[V]`, fit the mattes.

    `chin` `[3]` (m) is what they lie below. Without enough of them in the pictures nothing changes.
    """
    still = np.flatnonzero(neck_weights < 0.5)
    points = vertices[still] - pivot
    step = max(len(frames) // MOST_FRAMES, 1)
    share = (1.0 - np.clip(neck_weights[still], 0, 1))[:, None]
    moved = points
    for side in (1.0, -1.0):
        seen = [
            outline
            for outline in (_outline(f, side, pivot, chin) for f in frames[::step][:MOST_FRAMES])
            if outline is not None
        ]
        found = _fitted(points[side * points[:, 0] > 0], side, pivot, seen) if seen else None
        if found is not None:
            moved = moved + share * (found.moved(points, side) - points)
    result = vertices.copy()
    result[still] = moved + pivot
    return result


@dataclass(frozen=True)
class _Outline:
    """How far one shoulder reaches in cells of rows, as a matte shows it."""

    camera: Camera
    sign: float  # to which side of the picture it reaches
    first_row: int
    cell_px: int
    reach_px: np.ndarray  # [B] from the picture's left border
    weights: np.ndarray  # [B]

    def cells(self, pixels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Cell and column (px) of the pixels `[M, 2]` that lie in the cells."""
        cell = ((pixels[:, 1] - self.first_row) // self.cell_px).astype(int)
        inside = (cell >= 0) & (cell < len(self.reach_px))
        return cell[inside], np.clip(pixels[inside, 0], 0, self.camera.width - 1)


def _outline(
    frame: SubjectFrame, side: float, pivot: np.ndarray, chin: np.ndarray
) -> _Outline | None:
    """The matte's outline on one side below the chin; None where too little of it is in the picture."""
    camera = frame.camera
    neck, aside, low = _pixels(camera, np.stack([pivot, pivot + (0.1 * side, 0, 0), chin]))
    depth = float(camera.viewmat[2, :3] @ pivot + camera.viewmat[2, 3])
    reach = float(aside[0] - neck[0])
    if abs(reach) < LEAST_FRONTAL * 0.1 * camera.K[0, 0] / depth:
        return None
    cell_px = max(round(camera.height * BIN_SHARE), 2)
    first_row = max(int(low[1]) + cell_px, 0)
    count = (camera.height - first_row) // cell_px
    if count < FEWEST_BINS:
        return None
    rows = frame.rgba[first_row : first_row + count * cell_px, :, 3] > COVERED
    columns = rows.reshape(count, cell_px, -1).any(axis=1)
    sign = np.sign(reach)
    shown = columns if sign > 0 else columns[:, ::-1]
    reached = shown.shape[1] - 1 - np.argmax(shown[:, ::-1], axis=1)
    reached = np.where(columns.any(axis=1), reached, 0)
    reach_px = reached if sign > 0 else camera.width - 1 - reached
    weights = (1.0 + np.arange(count)) / count * columns.any(axis=1)
    if not weights.any():
        return None
    return _Outline(
        camera, float(sign), first_row, cell_px, reach_px.astype(float), weights / weights.sum()
    )


def _fitted(
    points: np.ndarray, side: float, pivot: np.ndarray, seen: Sequence[_Outline]
) -> Shoulder | None:
    best, least = None, np.inf
    for rise_m in RISES_M:
        for width in WIDTHS:
            shoulder = Shoulder(float(width), float(rise_m))
            cost = np.mean([_misfit(shoulder.moved(points, side) + pivot, o) for o in seen])
            cost += WIDTH_COST * abs(width - 1.0) + RISE_COST * abs(rise_m) / RISES_M[-1]
            if cost < least:
                best, least = shoulder, cost
    return best


def _misfit(points: np.ndarray, outline: _Outline) -> float:
    """Mean distance of the outlines, as a share of the picture's width."""
    cell, column = outline.cells(_pixels(outline.camera, points))
    middle = float(_pixels(outline.camera, points[np.abs(points[:, 0]).argmin()][None])[0, 0])
    reach = np.full(len(outline.reach_px), outline.sign * middle)
    np.maximum.at(reach, cell, outline.sign * column)
    if len(cell):
        # The mesh ends at the chest: below it goes on as it was.
        reach[cell.max() :] = reach[cell.max()]
    off = np.abs(outline.sign * reach - outline.reach_px)
    return float((outline.weights * off).sum() / outline.camera.width)


def _pixels(camera: Camera, points: np.ndarray) -> np.ndarray:
    seen = points @ camera.viewmat[:3, :3].T + camera.viewmat[:3, 3]
    pixels = seen @ camera.K.T
    return pixels[:, :2] / np.maximum(pixels[:, 2:], 1e-6)
