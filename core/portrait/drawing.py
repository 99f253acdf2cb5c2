"""Landmarks as small pictures: what tells the portrait network where lips, lids, brows and irises are."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Float32

# The 68 points of iBUG's markup and after them the irises' centres, the person's right eye first.
NUM_POINTS = 70
RIGHT_IRIS, LEFT_IRIS = 68, 69
MAP_PX = 64
# Finer pictures are folded: each map holds one of the places within a map's pixel.
FOLD = 2
LINE_WIDTH = 1.0 / 96
EDGE_WIDTH = 1.0 / 256
IRIS_WIDTH = 1.0 / 64
# So many widths from its middle a line is no longer drawn: four millionths are left there.
WIDTHS_DRAWN = 5


@dataclass(frozen=True)
class Stroke:
    """Points that a line joins, from the first to the last, or round about."""

    points: tuple[int, ...]
    is_closed: bool = False

    @property
    def segments(self) -> list[tuple[int, int]]:
        """Pairs of points."""
        following = self.points[1:] + (self.points[:1] if self.is_closed else ())
        return list(zip(self.points, following, strict=False))


RIGHT_EYE, LEFT_EYE = tuple(range(36, 42)), tuple(range(42, 48))
OUTER_LIPS, INNER_LIPS = tuple(range(48, 60)), tuple(range(60, 68))
# One map each.
LINES = {
    "jaw": (Stroke(tuple(range(17))),),
    "brows": (Stroke(tuple(range(17, 22))), Stroke(tuple(range(22, 27)))),
    "nose": (Stroke(tuple(range(27, 31))), Stroke(tuple(range(31, 36)))),
    "lids": (Stroke(RIGHT_EYE, True), Stroke(LEFT_EYE, True)),
    "outer_lips": (Stroke(OUTER_LIPS, True),),
    "inner_lips": (Stroke(INNER_LIPS, True),),
}
# All segments, and which map each is of.
SEGMENTS = np.array([pair for strokes in LINES.values() for s in strokes for pair in s.segments])
LAYERS = [
    layer for layer, strokes in enumerate(LINES.values()) for s in strokes for _ in s.segments
]
# FOLD x FOLD maps each.
AREAS = {"mouth": (INNER_LIPS,), "lips": (OUTER_LIPS,), "eyes": (RIGHT_EYE, LEFT_EYE)}
NUM_MAPS = len(LINES) + 1 + len(AREAS) * FOLD**2
# Noise that pictures begin from, beside that of lips and lids, where much is to be made up; and how far about them (maps' pixels).
LEAST_SPREAD, SPREAD_REACH = 0.2, 3


def landmark_maps(points: Float[np.ndarray, "N 70 2"]) -> Float32[np.ndarray, "N M 64 64"]:
    """Maps in [0, 1] of landmarks and irises in [0, 1] of a window: lines, irises, and filled areas.

    Lines fall off as a Gaussian of the distance, so that places finer than a pixel are told; what is
    within lips and lids is drawn at twice the resolution.
    """
    points = np.asarray(points, np.float32)
    return np.stack([_maps_of(one) for one in points])


def noise_spread(
    maps: Float32[np.ndarray, "N M 64 64"],
) -> Float32[np.ndarray, "N 1 64 64"]:
    """How strong the noise is that a picture with these maps begins from: 1 at lips and lids, little elsewhere.

    What is far from them is nearly known beforehand, and noise that is not there need not be taken away.
    """
    areas = maps[:, len(LINES) + 1 :].max(axis=1)
    for axis in (1, 2):
        padded = np.pad(areas, [(0, 0)] + [(SPREAD_REACH * (a == axis),) * 2 for a in (1, 2)])
        windows = np.lib.stride_tricks.sliding_window_view(padded, 2 * SPREAD_REACH + 1, axis=axis)
        areas = windows.max(axis=-1)
    return (LEAST_SPREAD + (1 - LEAST_SPREAD) * areas[:, None]).astype(np.float32)


def _maps_of(points: np.ndarray) -> np.ndarray:
    maps = np.zeros((NUM_MAPS, MAP_PX, MAP_PX), np.float32)
    _draw_lines(maps[: len(LINES)], LAYERS, points[SEGMENTS], LINE_WIDTH)
    irises = points[[[RIGHT_IRIS] * 2, [LEFT_IRIS] * 2]]
    _draw_lines(maps[len(LINES) :], [0, 0], irises, IRIS_WIDTH)
    for number, outlines in enumerate(AREAS.values()):
        filled = np.zeros((MAP_PX * FOLD, MAP_PX * FOLD), np.float32)
        for outline in outlines:
            _fill(filled, points[list(outline)])
        folded = filled.reshape(MAP_PX, FOLD, MAP_PX, FOLD).transpose(1, 3, 0, 2)
        first = len(LINES) + 1 + number * FOLD**2
        maps[first : first + FOLD**2] = folded.reshape(FOLD**2, MAP_PX, MAP_PX)
    return maps


def _draw_lines(
    maps: np.ndarray, layers: Sequence[int], segments: np.ndarray, width: float
) -> None:
    """Into the layers of `[L, S, S]`: a Gaussian of the distance to the nearest of their segments `[N, 2, 2]`."""
    side = maps.shape[-1]
    low, high = _boxes(segments, WIDTHS_DRAWN * width, side)
    # Squares of one size, so that all are drawn at once.
    size = int((high - low).max())
    corners = np.minimum(low, side - size)
    places = (corners[..., None] + np.arange(size, dtype=np.float32) + np.float32(0.5)) / side
    places = places.astype(np.float32)
    squares = _squared_distances(places[:, 0, None, :], places[:, 1, :, None], segments)
    drawn = np.exp(squares * np.float32(-0.5 / width**2))
    for layer, (x, y), one in zip(layers, corners.tolist(), drawn, strict=True):
        part = maps[layer, y : y + size, x : x + size]
        np.maximum(part, one, out=part)


def _fill(picture: np.ndarray, outline: np.ndarray) -> None:
    """Into `[S, S]`: 1 within an outline `[P, 2]`, smooth at its edge."""
    side = len(picture)
    low, high = _boxes(outline, 6 * EDGE_WIDTH, side)
    x = ((np.arange(low[0], high[0], dtype=np.float32) + 0.5) / side)[None, None, :]
    y = ((np.arange(low[1], high[1], dtype=np.float32) + 0.5) / side)[None, :, None]
    segments = np.stack([outline, np.roll(outline, -1, axis=0)], axis=1)
    (x0, y0), (x1, y1) = segments[..., None, None].transpose(1, 2, 0, 3, 4)
    down = y1 - y0
    crossing = x0 + (y - y0) * ((x1 - x0) / np.where(down == 0, np.float32(1.0), down))
    is_in = np.logical_xor.reduce(((y0 > y) != (y1 > y)) & (x < crossing), axis=0)
    distance = np.sqrt(_squared_distances(x, y, segments).min(0))
    signed = np.where(is_in, distance, -distance)
    inside = 1 / (1 + np.exp(np.clip(signed * np.float32(-2 / EDGE_WIDTH), -30, 30)))
    part = picture[low[1] : high[1], low[0] : high[0]]
    np.maximum(part, inside, out=part)


def _boxes(points: np.ndarray, reach: float, side: int) -> tuple[np.ndarray, np.ndarray]:
    """First and last pixels `[*N, 2]` (x, y) of a picture that lie within reach of points `[*N, P, 2]`."""
    low = np.floor((points.min(-2) - reach) * side)
    high = np.ceil((points.max(-2) + reach) * side)
    return tuple(np.clip(ends, 0, side).astype(int) for ends in (low, high))


def _squared_distances(x: np.ndarray, y: np.ndarray, segments: np.ndarray) -> np.ndarray:
    """Squared distances `[N, H, W]` of places `[N, 1, W]`, `[N, H, 1]` to segments `[N, 2, 2]`, one each."""
    (x0, y0), (x1, y1) = segments[..., None, None].transpose(1, 2, 0, 3, 4)
    across, down = x1 - x0, y1 - y0
    length = np.maximum(across * across + down * down, np.float32(1e-12))
    share = (x - x0) * (across / length) + (y - y0) * (down / length)
    share = np.minimum(np.maximum(share, 0), 1)
    return np.square(x - x0 - share * across) + np.square(y - y0 - share * down)
