"""What a viewport looks at: our camera, and the clip space that its depth buffer is in."""

from __future__ import annotations

import math
from dataclasses import dataclass

import bpy
import numpy as np

from ...core.camera import Camera
from ..camera import RenderWindow, opencv_axes, projected_camera

# An orthographic view has no eye: it is moved until everything lies at least this far in front of it.
NEAREST_M = 1.0
# What comes closer to an eye than this may fill its picture.
NEAR_M = 0.02
MARGIN_PX, SNAP_PX = 3, 32
_FROM_OPENCV = np.diag([1.0, -1.0, -1.0, 1.0])


@dataclass(frozen=True)
class View:
    """A camera with the matrix `clip` `[4, 4]` from its space to the clip space of the region."""

    camera: Camera
    clip: np.ndarray

    @property
    def size(self) -> tuple[int, int]:
        """Width and height in pixels."""
        return self.camera.width, self.camera.height

    @property
    def key(self) -> tuple[object, ...]:
        """Equal for equal pictures of the same things."""
        arrays = (self.camera.viewmat, self.camera.K, self.clip)
        return (self.size, self.camera.is_orthographic, *(array.tobytes() for array in arrays))


def region_view(
    view: bpy.types.RegionView3D,
    size: tuple[int, int],
    means: np.ndarray,
    window: RenderWindow | None = None,
) -> View:
    """The view of a region over `size` pixels, or of the part `window` of them.

    `means` [N, 3] are what an orthographic view must show.
    """
    window = window or RenderWindow(*size, 0, 0, *size)
    projection = np.array(view.window_matrix, np.float64)
    viewmat = opencv_axes(np.array(view.view_matrix, np.float64))
    clip = projection @ _FROM_OPENCV
    if projection[3, 3] != 0.0 and len(means):
        nearest = float((means @ viewmat[2, :3]).min()) + viewmat[2, 3]
        moved = max(0.0, NEAREST_M - nearest)
        viewmat[2, 3] += moved
        clip[:, 3] -= moved * clip[:, 2]
    return View(projected_camera(viewmat, projection, window), _within(clip, window))


def seen_window(view: View, low: np.ndarray, high: np.ndarray) -> RenderWindow | None:
    """The part of the whole `view` in which a box of the world (m) is seen; None where it is not.

    Its edges lie on few different pixels, so that what moves a little keeps the size of its picture.
    """
    corners = np.stack(np.meshgrid(*zip(low, high, strict=True)), axis=-1).reshape(-1, 3)
    camera = corners @ view.camera.viewmat[:3, :3].T + view.camera.viewmat[:3, 3]
    width, height = view.size
    whole = RenderWindow(width, height, 0, 0, width, height)
    if camera[:, 2].min() < NEAR_M:
        return whole if camera[:, 2].max() > 0 else None
    clip = camera @ view.clip[:, :3].T + view.clip[:, 3]
    pixels = (clip[:, :2] / clip[:, 3:] * 0.5 + 0.5) * view.size
    first = np.floor((pixels.min(axis=0) - MARGIN_PX) / SNAP_PX).astype(int) * SNAP_PX
    last = np.ceil((pixels.max(axis=0) + MARGIN_PX) / SNAP_PX).astype(int) * SNAP_PX
    left, bottom = np.maximum(first, 0).tolist()
    right, top = np.minimum(last, view.size).tolist()
    if right <= left or top <= bottom:
        return None
    return RenderWindow(width, height, left, bottom, right - left, top - bottom)


def scaled_window(window: RenderWindow, most: int) -> RenderWindow:
    """The same part of a smaller picture, which has about `most` pixels as a whole and no more than now."""
    factor = min(1.0, (most / (window.full_width * window.full_height)) ** 0.5)
    full = max(1, round(window.full_width * factor)), max(1, round(window.full_height * factor))
    left, bottom = int(window.left * factor), int(window.bottom * factor)
    right = min(math.ceil((window.left + window.width) * factor), full[0])
    top = min(math.ceil((window.bottom + window.height) * factor), full[1])
    return RenderWindow(*full, left, bottom, max(1, right - left), max(1, top - bottom))


def window_edges(window: RenderWindow) -> np.ndarray:
    """Left, bottom, right and top of a part as parts of the whole, 0 to 1."""
    low = np.array([window.left, window.bottom], np.float64)
    edges = np.concatenate([low, low + (window.width, window.height)])
    return edges / np.tile([window.full_width, window.full_height], 2)


def _within(clip: np.ndarray, window: RenderWindow) -> np.ndarray:
    """The clip space of the whole picture as that of a part; depths stay."""
    edges = window_edges(window) * 2.0 - 1.0
    middle, half = (edges[:2] + edges[2:]) / 2, (edges[2:] - edges[:2]) / 2
    part = clip.copy()
    part[:2] = (clip[:2] - middle[:, None] * clip[3]) / half[:, None]
    return part
