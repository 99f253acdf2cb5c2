"""Square windows around a face and the small pictures in them that the networks see.

Pixels are at +0.5 as everywhere. Where a window leaves the frame, the frame's border goes on: every
place outside takes the colour of the nearest pixel inside.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Float, Float64, Shaped, UInt8

CROP_PX = 160
# How much larger than the landmarks' bounding box a face window is.
FACE_MARGIN = 1.5


@dataclass(frozen=True)
class CropWindow:
    """A square of the image: centre `(x, y)` and side in pixels, turned by `roll_rad`.

    A positive roll turns the crop's x axis towards the image's y axis, clockwise on the screen.
    """

    center_px: tuple[float, float]
    side_px: float
    roll_rad: float = 0.0

    def to_image(self, points: Float[np.ndarray, "*B 2"]) -> Float64[np.ndarray, "*B 2"]:
        """Pixels of the image of points in the crop, whose corners are (0, 0) and (1, 1)."""
        across = np.asarray(points, np.float64) - 0.5
        return self.side_px * across @ self._axes() + np.asarray(self.center_px, np.float64)

    def to_crop(self, points_px: Float[np.ndarray, "*B 2"]) -> Float64[np.ndarray, "*B 2"]:
        """The reverse of `to_image`."""
        across = np.asarray(points_px, np.float64) - np.asarray(self.center_px, np.float64)
        return across @ self._axes().T / self.side_px + 0.5

    def scaled(self, factor: float | int) -> CropWindow:
        """The window about the same centre with `factor` times the side."""
        return replace(self, side_px=self.side_px * factor)

    def _axes(self) -> Float64[np.ndarray, "2 2"]:
        """The crop's x and y axis in the image, one a row."""
        cos, sin = np.cos(self.roll_rad), np.sin(self.roll_rad)
        return np.array([[cos, sin], [-sin, cos]])


def window_of_landmarks(landmarks_px: Float[np.ndarray, "68 2"]) -> CropWindow:
    """The face's window: `FACE_MARGIN` times the larger side of the landmarks' bounding box, upright."""
    low, high = landmarks_px.min(0), landmarks_px.max(0)
    center = 0.5 * (low + high)
    return CropWindow((float(center[0]), float(center[1])), FACE_MARGIN * float((high - low).max()))


def cut(
    pixels: Shaped[np.ndarray, "H W C"], window: CropWindow, size_px: int = CROP_PX
) -> UInt8[np.ndarray, "S S C"]:
    """The picture in the window, `[S, S, C]` uint8 of uint8 pixels with up to four channels.

    Where the window is larger than the crop, whole squares of pixels are averaged first; what remains
    (a factor between 2/3 and 3/2) is interpolated linearly.
    """
    corner, times, reduced = _reduced_around(pixels, window, size_px)
    steps = (np.arange(size_px) + 0.5) / size_px - 0.5
    if window.roll_rad == 0.0:
        columns, rows = (
            (window.center_px[axis] + window.side_px * steps - corner[axis]) / times - 0.5
            for axis in (0, 1)
        )
        return _upright(reduced, rows, columns)
    x_axis, y_axis = window._axes() * (window.side_px / times)
    x, y = (
        (window.center_px[axis] - corner[axis]) / times
        - 0.5
        + steps[None] * x_axis[axis]
        + steps[:, None] * y_axis[axis]
        for axis in (0, 1)
    )
    return _turned(reduced, x, y)


def _reduced_around(
    pixels: np.ndarray, window: CropWindow, size_px: int
) -> tuple[tuple[int, int], int, np.ndarray]:
    """What of the image matters, averaged over squares: its corner `(x, y)`, their side, the averages."""
    height, width = pixels.shape[:2]
    reach = 0.5 * window.side_px * float(np.abs(window._axes()).sum(0).max())
    times = max(1, round(min(window.side_px / size_px, height, width)))
    corner, shape = [], []
    for center, limit in zip(window.center_px, (width, height), strict=True):
        low = int(np.clip(np.floor(center - reach) - times, 0, limit - times))
        high = int(np.clip(np.ceil(center + reach) + 2 * times, low + times, limit))
        corner.append(low)
        shape.append((high - low) // times)
    (left, top), (columns, rows) = corner, shape
    part = pixels[top : top + rows * times, left : left + columns * times]
    return (left, top), times, part if times == 1 else _averaged(part, times)


def _averaged(part: np.ndarray, times: int) -> np.ndarray:
    """Means `[H, W, C]` uint8 over squares of `times` pixels."""
    # A sum over rows of up to 256 bytes stays within 16 bits; whole rows add fastest.
    kind = np.uint16 if times <= 256 else np.uint32
    rows = part[0::times].astype(kind)
    for i in range(1, times):
        rows += part[i::times]
    total = rows[:, 0::times].astype(np.uint32)
    for i in range(1, times):
        total += rows[:, i::times]
    total += times * times // 2
    return (total.astype(np.float32) * np.float32(1.0 / (times * times))).astype(np.uint8)


def _upright(image: np.ndarray, rows: np.ndarray, columns: np.ndarray) -> np.ndarray:
    """Linear interpolation on a grid of rows and columns (pixel indices, fractional)."""
    upper, lower, below = _neighbours(rows, image.shape[0])
    left, right, beyond = _neighbours(columns, image.shape[1])
    below, beyond = below[:, None, None], beyond[None, :, None]
    lines = image[upper].astype(np.float32)
    lines += below * (image[lower].astype(np.float32) - lines)
    result = lines[:, left]
    result += beyond * (lines[:, right] - result)
    return (result + np.float32(0.5)).astype(np.uint8)


def _turned(image: np.ndarray, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Linear interpolation at pixel indices `x`, `y` `[S, S]`, fractional."""
    height, width, channels = image.shape
    # Whole pixels as one number each are gathered several times faster than their channels.
    packed = np.zeros((height, width, 4), np.uint8)
    packed[..., :channels] = image
    numbers = packed.reshape(-1, 4).view(np.uint32)[:, 0]
    upper, lower, below = _neighbours(y, height)
    left, right, beyond = _neighbours(x, width)
    below, beyond = (np.rint(share * 256.0).astype(np.uint32) for share in (below, beyond))
    upper, lower = upper * width, lower * width
    above = _blended(numbers[upper + left], numbers[upper + right], beyond)
    under = _blended(numbers[lower + left], numbers[lower + right], beyond)
    blended = _blended(above, under, below).view(np.uint8).reshape(*x.shape, 4)
    return np.ascontiguousarray(blended[..., :channels])


def _blended(first: np.ndarray, second: np.ndarray, share: np.ndarray) -> np.ndarray:
    """Four bytes in each number, blended by shares of 256: two at a time, with room between them."""
    pairs, half, rest = np.uint32(0x00FF00FF), np.uint32(0x00800080), np.uint32(256) - share
    even = ((first & pairs) * rest + (second & pairs) * share + half) >> np.uint32(8) & pairs
    first, second = first >> np.uint32(8) & pairs, second >> np.uint32(8) & pairs
    return even | first * rest + second * share + half & ~pairs


def _neighbours(at: np.ndarray, count: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The pixels before and after fractional indices, within the image, and the share of the second."""
    at = np.clip(at.astype(np.float32), 0.0, count - 1.0)
    before = at.astype(np.int32)
    share = at - before.astype(np.float32)
    return before, np.minimum(before + 1, count - 1), share
