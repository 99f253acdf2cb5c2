"""Cuts a head out of its background: hair, head, neck and clothes as alpha of the whole frame.

A small network sees the head at low resolution; what it says is refined against the frame's own edges by a
guided filter (He, Sun & Tang 2013), and over time by the background behind a camera that stands still.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Float, Float32, UInt8

from ..assets import ASSETS
from .crops import CROP_PX, CropWindow, cut
from .guided_filter import guided_filter
from .network import Network, Ports

MATTE = ASSETS / "monocular" / "matte.onnx"
# Side of the network's window over that of the face's.
MARGIN = 2.6
PORTS = Ports(
    kind="gaussian_heads.matte",
    title="matte network",
    input="pictures",
    input_shape=(-1, CROP_PX, CROP_PX, 3),
    outputs={"alpha": (-1, CROP_PX // 2, CROP_PX // 2)},
)
# What is more than the first hangs together as a head; what is less than the second and closed in is a hole.
PIECE, HOLE = 0.3, 0.5
# The frame is reduced so far that the network's window has this many pixels before edges are sought.
FILTER_PX = 320
RADIUS_PX, EPSILON = 10, 4e-4
# What the network is sure of stays, whatever the edges say.
SURE = (0.02, 0.98)
# Alpha below this counts as none, above the rest of 1 as all.
TRACE = 0.15
# Frames before and after that the network's alpha is averaged over, as windows move with the head.
NEIGHBOUR_WEIGHT = 0.5
# A background that differs more (of 255, mean) from frame to frame moves.
MOST_NOISE = 9.0
MEMORY_FRAMES = 50.0


class HeadMatte:
    """Cuts heads out; `open` checks the file before it is used. Holds no state between calls."""

    def __init__(self, network: Network) -> None:
        self._network = network

    @classmethod
    def open(cls, path: Path | str = MATTE, *, num_threads: int = 0) -> HeadMatte:
        """Read the network at `path`; raises `ModelError` with the reason where it cannot be used."""
        return cls(Network.open(path, PORTS, num_threads=num_threads))

    def alpha(
        self, pixels: UInt8[np.ndarray, "H W 3"], face: CropWindow
    ) -> Float32[np.ndarray, "H W"]:
        """Alpha in [0, 1] of the head whose face's window is `face`."""
        return refined(pixels, face, self.coarse(pixels, face))

    def alphas(
        self, frames: Iterable[UInt8[np.ndarray, "H W 3"]], faces: Iterable[CropWindow]
    ) -> Iterator[Float32[np.ndarray, "H W"]]:
        """Alpha of successive frames, steadied over time; a still background is learnt and taken away."""
        plate = BackgroundPlate()
        waiting: deque[tuple[np.ndarray, CropWindow, np.ndarray]] = deque(maxlen=3)
        for pixels, face in zip(frames, faces, strict=True):
            waiting.append((pixels, face, self.coarse(pixels, face)))
            if len(waiting) > 1:
                yield _steadied(waiting, len(waiting) - 2, plate)
        if waiting:
            yield _steadied(waiting, len(waiting) - 1, plate)

    def coarse(
        self, pixels: UInt8[np.ndarray, "H W 3"], face: CropWindow
    ) -> Float32[np.ndarray, "S S"]:
        """What the network says of `MARGIN` times the face's window."""
        picture = cut(pixels, _matte_window(face))
        return in_one_piece(self._network.run(picture[None])["alpha"][0])


def in_one_piece(alpha: Float32[np.ndarray, "S S"]) -> Float32[np.ndarray, "S S"]:
    """Alpha without islands, which do not hang together with the face, and without holes."""
    size = len(alpha)
    middle = np.zeros(alpha.shape, bool)
    around = slice(size // 2 - size // 20, size // 2 + size // 20 + 1)
    middle[around, around] = True
    head = _reached(alpha > PIECE, middle & (alpha > PIECE))
    if not head.any():
        return alpha
    border = np.ones(alpha.shape, bool)
    border[1:-1, 1:-1] = False
    outside = _reached(alpha < HOLE, border & (alpha < HOLE))
    kept = np.where(_grown(_grown(head)), alpha, 0.0)
    return np.where((alpha < HOLE) & ~outside, 1.0, kept).astype(np.float32)


def refined(
    pixels: UInt8[np.ndarray, "H W 3"], face: CropWindow, coarse: Float32[np.ndarray, "S S"]
) -> Float32[np.ndarray, "H W"]:
    """The network's alpha at the frame's size, with the frame's edges."""
    window = _matte_window(face)
    height, width = pixels.shape[:2]
    times = max(1, round(window.side_px / FILTER_PX))
    small = _reduced(pixels, times).astype(np.float32) / 255.0
    rough = _spread(coarse, window, small.shape[:2], float(times))
    # A cell of the network is so many pixels of the reduced frame.
    cell = window.side_px / times / len(coarse)
    radius = max(2, round(RADIUS_PX * cell / 4.0))
    slopes, offsets = guided_filter(small, rough, radius=radius, epsilon=EPSILON)
    if times > 1:
        slopes, offsets = (_enlarged(v, (height, width), times) for v in (slopes, offsets))
        rough = _spread(coarse, window, (height, width), 1.0)
    fine = (slopes * (pixels.astype(np.float32) / 255.0)).sum(-1) + offsets
    low, high = SURE
    fine = np.where((rough > low) & (rough < high), fine, rough)
    # Faint traces are what the filter leaves beside edges.
    return np.clip((fine - TRACE) / (1.0 - 2.0 * TRACE), 0.0, 1.0).astype(np.float32)


@dataclass
class BackgroundPlate:
    """The mean of what lies behind the head while the camera stands still, and how often it was seen."""

    mean: np.ndarray | None = None
    times_seen: np.ndarray | None = None
    noise: float = 4.0
    is_still: bool = True

    def learn(self, pixels: UInt8[np.ndarray, "H W 3"], alpha: Float[np.ndarray, "H W"]) -> None:
        """Take in a frame where alpha leaves the background free; a picture that moves makes it useless."""
        free = alpha < 0.02
        if self.mean is None or self.mean.shape != pixels.shape:
            self.mean = np.zeros(pixels.shape, np.float32)
            self.times_seen = np.zeros(free.shape, np.float32)
        known = free & (self.times_seen > 3)
        if known.mean() > 0.05:
            missed = np.abs(pixels[known] - self.mean[known]).mean()
            self.noise = 0.9 * self.noise + 0.1 * float(missed)
            self.is_still = self.noise < MOST_NOISE
        weight = free / np.minimum(self.times_seen + 1.0, MEMORY_FRAMES)
        self.mean += weight[..., None] * (pixels - self.mean)
        self.times_seen += free

    def taken_away(
        self, pixels: UInt8[np.ndarray, "H W 3"], alpha: Float32[np.ndarray, "H W"]
    ) -> Float32[np.ndarray, "H W"]:
        """Alpha without what looks as the background did, where the network was not sure."""
        if not self.is_still or self.mean is None or self.mean.shape != pixels.shape:
            return alpha
        unlike = np.abs(pixels - self.mean).max(2) / max(self.noise, 1.5)
        share = np.clip((unlike - 2.0) / 4.0, 0.0, 1.0)
        is_open = (self.times_seen >= 3) & (alpha < 0.9)
        return np.where(is_open, alpha * share, alpha).astype(np.float32)


def _steadied(
    waiting: Sequence[tuple[np.ndarray, CropWindow, np.ndarray]], index: int, plate: BackgroundPlate
) -> np.ndarray:
    """Alpha of one frame, its network's alpha averaged with its neighbours' as the windows lie."""
    pixels, face, coarse = waiting[index]
    total, mass = coarse.copy(), 1.0
    for beside in (index - 1, index + 1):
        if 0 <= beside < len(waiting):
            total += NEIGHBOUR_WEIGHT * waiting[beside][2]
            mass += NEIGHBOUR_WEIGHT
    alpha = refined(pixels, face, total / np.float32(mass))
    cleaned = plate.taken_away(pixels, alpha)
    plate.learn(pixels, alpha)
    return cleaned


def _reached(free: np.ndarray, start: np.ndarray) -> np.ndarray:
    """What of `free` hangs together with `start`, side by side."""
    reached, count = start, -1
    while reached.sum() != count:
        count = reached.sum()
        for _ in range(4):
            reached = _grown(reached) & free
    return reached


def _grown(mask: np.ndarray) -> np.ndarray:
    """The mask and its neighbours on four sides."""
    grown = mask.copy()
    grown[1:] |= mask[:-1]
    grown[:-1] |= mask[1:]
    grown[:, 1:] |= mask[:, :-1]
    grown[:, :-1] |= mask[:, 1:]
    return grown


def _matte_window(face: CropWindow) -> CropWindow:
    return CropWindow(face.center_px, face.side_px * MARGIN)


def _spread(
    coarse: np.ndarray, window: CropWindow, shape: tuple[int, int], times: float
) -> np.ndarray:
    """The window's values `[S, S]` at the pixels of a frame reduced `times`; beyond it the border goes on."""
    height, width = shape
    places = []
    for center, count in zip(window.center_px, (width, height), strict=True):
        at = ((np.arange(count) + 0.5) * times - center) / window.side_px + 0.5
        places.append(np.clip(at * len(coarse) - 0.5, 0.0, len(coarse) - 1.0))
    return _sampled(coarse, places[1], places[0])


def _enlarged(values: np.ndarray, shape: tuple[int, int], times: int) -> np.ndarray:
    """Reduced values `[h, w, ...]` at every pixel of the frame, linearly."""
    rows, columns = (
        np.clip((np.arange(n) + 0.5) / times - 0.5, 0.0, c - 1.0)
        for n, c in zip(shape, values.shape[:2], strict=True)
    )
    return _sampled(values, rows, columns)


def _sampled(values: np.ndarray, rows: np.ndarray, columns: np.ndarray) -> np.ndarray:
    """Linear interpolation on a grid of fractional indices."""
    for axis, at in ((0, rows), (1, columns)):
        first = np.floor(at).astype(np.int64)
        second = np.minimum(first + 1, values.shape[axis] - 1)
        shape = [-1 if a == axis else 1 for a in range(values.ndim)]
        share = (at - first).astype(np.float32).reshape(shape)
        before = np.take(values, first, axis)
        values = before + share * (np.take(values, second, axis) - before)
    return values


def _reduced(pixels: np.ndarray, times: int) -> np.ndarray:
    """Means over squares of pixels; what does not fill a square at the end is left out."""
    if times == 1:
        return pixels
    height, width = (max(n // times, 1) for n in pixels.shape[:2])
    part = pixels[: height * times, : width * times].astype(np.float32)
    return part.reshape(height, times, width, times, -1).mean((1, 3))
