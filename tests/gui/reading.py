"""Finds words in a photograph of Blender's window: a letter for letter comparison with Blender's own."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from PIL import Image

LIKE_ENOUGH = 0.9
MARGIN_PX = 2
# A letter this near to the words, and this much brighter or darker than what is behind them, joins them.
SIDE_PX = 2
LETTER = 45

# Left, top, right, bottom in pixels from the top left.
Box = tuple[int, int, int, int]


@dataclass(frozen=True)
class Found:
    """The middle of the words in pixels from the top left, and how alike they are (1: the same)."""

    x: float
    y: float
    likeness: float


def find(picture: Image.Image, letters: np.ndarray, box: Box | None = None) -> list[Found]:
    """Where `letters` (coverage, rows from the top) stand in the picture, from top to bottom."""
    box = box or (0, 0, *picture.size)
    grey = np.asarray(picture.crop(box).convert("L"), np.float64)
    template = letters.astype(np.float64)
    rows, columns = template.shape
    likeness = _likeness(grey, template)
    found = []
    while likeness.max() > LIKE_ENOUGH:
        y, x = np.unravel_index(likeness.argmax(), likeness.shape)
        is_upright = columns > rows
        line = grey[y : y + rows] if is_upright else grey[:, x : x + columns].T
        start, length = (x, columns) if is_upright else (y, rows)
        if _stands_alone(line, int(start), length):
            middle = box[0] + x + columns / 2, box[1] + y + rows / 2
            found.append(Found(*(float(value) for value in middle), float(likeness[y, x])))
        likeness[max(0, y - 6) : y + 6, max(0, x - 6) : x + 6] = -1.0
    return sorted(found, key=lambda one: (one.y, one.x))


def trimmed(letters: np.ndarray) -> np.ndarray:
    """`letters` without blank rows above and below."""
    rows = np.flatnonzero(letters.max(axis=1) > 40)
    return letters[max(0, rows[0] - MARGIN_PX) : rows[-1] + 1 + MARGIN_PX]


def _stands_alone(line: np.ndarray, left: int, width: int) -> bool:
    """Whether no letter touches the words on either side: they are a label, not a part of one."""
    background = np.median(line[:, left : left + width])
    sides = (line[:, max(0, left - SIDE_PX) : left], line[:, left + width : left + width + SIDE_PX])
    return all(np.abs(side[2:-2] - background).max(initial=0) < LETTER for side in sides)


def _likeness(picture: np.ndarray, template: np.ndarray) -> np.ndarray:
    """Normalised cross-correlation of `template` at every place of `picture` where it fits."""
    rows, columns = (a - b + 1 for a, b in zip(picture.shape, template.shape, strict=True))
    if rows < 1 or columns < 1:
        return np.full((1, 1), -1.0)
    template = template - template.mean()
    count = template.size
    spectrum = np.fft.rfft2(picture) * np.conj(np.fft.rfft2(template, picture.shape))
    product = np.fft.irfft2(spectrum, picture.shape)[:rows, :columns]
    totals, squares = (_window_sums(values, template.shape) for values in (picture, picture**2))
    spread = np.sqrt(np.maximum(squares - totals**2 / count, 1e-6))
    # Plain surfaces are like nothing.
    spread[spread < 3 * np.sqrt(count)] = np.inf
    return product / (spread * np.sqrt((template**2).sum()))


def _window_sums(values: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """Sum of `values` under a window of `shape` at every place where it fits."""
    sums = np.pad(values.cumsum(0).cumsum(1), ((1, 0), (1, 0)))
    rows, columns = shape
    outer = sums[rows:, columns:] + sums[:-rows, :-columns]
    return outer - sums[:-rows, columns:] - sums[rows:, :-columns]
