"""Between display-referred sRGB, in which Gaussians blend, and the linear light Blender works in."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np

from ..core.render.cpu import in_threads, num_processors

# IEC 61966-2-1: below this display value the curve is a line through zero.
_LINE_END, _LINE_SLOPE = 0.04045, 1 / 12.92
# Below one step of 8 bits a straight colour has no meaning; only a division by zero must not happen.
_LEAST_ALPHA = np.float32(1e-12)
# Pixels that are worked on together: their values stay in the processor's cache.
_BLOCK_PX = 16384
_SERIAL_BLOCKS = 24


def srgb_to_linear(values: np.ndarray) -> np.ndarray:
    """Decode sRGB values (IEC 61966-2-1), odd about zero and unbounded above, same shape."""
    size = np.abs(values)
    curve = ((np.maximum(size, _LINE_END) + 0.055) / 1.055) ** 2.4
    return np.copysign(np.where(size <= _LINE_END, size * _LINE_SLOPE, curve), values)


def linear_to_srgb(values: np.ndarray) -> np.ndarray:
    """Encode linear values as sRGB, the inverse of `srgb_to_linear`, same shape."""
    size = np.abs(values)
    curve = 1.055 * np.maximum(size, 0.0031308) ** (1 / 2.4) - 0.055
    return np.copysign(np.where(size <= 0.0031308, size * 12.92, curve), values)


def linearise(values: np.ndarray) -> None:
    """`srgb_to_linear` in place for contiguous float32 values from 0 on, within 1e-6: for whole pictures.

    Line and power are added, each clamped to its own part, so that no pixel is picked out by a mask.
    """
    line = np.minimum(values, np.float32(_LINE_END))
    line *= np.float32(_LINE_SLOPE)
    _power_part(values)
    values += line
    values -= _power_at_line_end()


@dataclass(frozen=True)
class Backdrop:
    """What stands behind the heads: display-referred sRGB `[3]` or `[H, W, 3]`, and where it covers.

    `solid` is one truth for the whole picture or `[H, W]`; `colors` are zero where it is False.
    """

    colors: np.ndarray
    solid: np.ndarray | bool

    def rows(self, rows: slice) -> Backdrop:
        """The part of it behind some rows of the picture."""
        if self.colors.ndim == 1:
            return self
        solid = self.solid if isinstance(self.solid, bool) else self.solid[rows]
        return Backdrop(self.colors[rows], solid)


TRANSPARENT = Backdrop(np.zeros(3, np.float32), False)


def opaque(color_linear: np.ndarray) -> Backdrop:
    """A backdrop of one linear colour `[3]`."""
    return Backdrop(linear_to_srgb(color_linear).astype(np.float32), True)


def combine(colors: np.ndarray, alphas: np.ndarray, backdrop: Backdrop, out: np.ndarray) -> None:
    """Write linear premultiplied RGBA into `out` `[H, W, 4]` float32.

    `colors` `[H, W, 3]` are display-referred and premultiplied by `alphas` `[H, W]`. Over a backdrop
    everything blends in display values, as the Gaussians were made to; elsewhere the straight colour is
    linearised.
    """
    window = np.s_[:, :]
    if backdrop.colors.ndim == 1:
        window = _covered_window(alphas)
        _fill(out, backdrop)
    colors, alphas, out = colors[window], alphas[window], out[window]

    def combine_blocks(blocks: list[slice]) -> None:
        for rows in blocks:
            _combine_rows(colors[rows], alphas[rows], backdrop.rows(rows), out[rows])

    blocks = _blocks(*alphas.shape)
    # For a small picture waking another thread takes as long as the work.
    count = num_processors() if len(blocks) > _SERIAL_BLOCKS else 1
    in_threads(combine_blocks, [blocks[first::count] for first in range(count)])


def combined_pass(
    colors: np.ndarray, alphas: np.ndarray, background_linear: np.ndarray | None
) -> np.ndarray:
    """Linear premultiplied RGBA `[H, W, 4]` float32, bottom row first, as Blender's Combined pass.

    `colors` [H, W, 3] are premultiplied sRGB with the top row first; see `combine`.
    """
    rgba = np.empty((*alphas.shape, 4), np.float32)
    backdrop = TRANSPARENT if background_linear is None else opaque(background_linear)
    combine(colors, alphas, backdrop, rgba[::-1])
    return rgba


def _covered_window(alphas: np.ndarray) -> tuple[slice, slice]:
    """The smallest rows and columns that hold everything covered."""
    rows, columns = (np.flatnonzero(alphas.any(axis=axis)) for axis in (1, 0))
    if not rows.size:
        return np.s_[:0, :0]
    return np.s_[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]


def _fill(out: np.ndarray, backdrop: Backdrop) -> None:
    """The backdrop alone, of one colour or nothing."""
    pixel = np.array([[[*backdrop.colors, float(backdrop.solid)]]], np.float32)
    rgb = np.ascontiguousarray(pixel[..., :3])
    linearise(rgb)
    pixel[..., :3] = rgb
    # A pixel as one number of 16 bytes: numpy fills short rows of four slowly.
    out.view(np.complex128)[...] = pixel.view(np.complex128)


def _blocks(height: int, width: int) -> list[slice]:
    rows = max(1, _BLOCK_PX // max(1, width))
    return [slice(first, first + rows) for first in range(0, height, rows)]


def _combine_rows(
    colors: np.ndarray, alphas: np.ndarray, backdrop: Backdrop, out: np.ndarray
) -> None:
    # Channels in planes: every step then runs over long rows.
    planes = np.array(np.moveaxis(colors, 2, 0), np.float32, order="C")
    if backdrop.solid is not False:
        behind = backdrop.colors
        behind = behind[:, None, None] if behind.ndim == 1 else np.moveaxis(behind, 2, 0)
        planes += behind * (1 - alphas)
    if backdrop.solid is True:
        linearise(planes)
        out[..., 3] = 1.0
    else:
        covers = np.maximum(alphas, backdrop.solid)
        planes /= np.maximum(covers, _LEAST_ALPHA)
        linearise(planes)
        planes *= covers
        out[..., 3] = covers
    for channel, plane in enumerate(planes):
        out[..., channel] = plane


def _power_part(values: np.ndarray) -> None:
    np.maximum(values, np.float32(_LINE_END), out=values)
    values += np.float32(0.055)
    values *= np.float32(1 / 1.055)
    # numpy's float32 log and exp use SIMD on every x86-64 since AVX2, its power only with AVX-512.
    np.log(values, out=values)
    values *= np.float32(2.4)
    np.exp(values, out=values)


@cache
def _power_at_line_end() -> np.float32:
    end = np.full(16, _LINE_END, np.float32)
    _power_part(end)
    return end[0]
