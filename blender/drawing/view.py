"""What a viewport looks at: our camera, and the clip space that its depth buffer is in."""

from __future__ import annotations

from dataclasses import dataclass

import bpy
import numpy as np

from ...core.camera import Camera
from ..camera import RenderWindow, opencv_axes, projected_camera

# An orthographic view has no eye: it is moved until everything lies at least this far in front of it.
NEAREST_M = 1.0
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


def region_view(view: bpy.types.RegionView3D, size: tuple[int, int], means: np.ndarray) -> View:
    """The view of a region over `size` pixels; `means` [N, 3] are what an orthographic one must show."""
    projection = np.array(view.window_matrix, np.float64)
    viewmat = opencv_axes(np.array(view.view_matrix, np.float64))
    clip = projection @ _FROM_OPENCV
    if projection[3, 3] != 0.0 and len(means):
        nearest = float((means @ viewmat[2, :3]).min()) + viewmat[2, 3]
        moved = max(0.0, NEAREST_M - nearest)
        viewmat[2, 3] += moved
        clip[:, 3] -= moved * clip[:, 2]
    window = RenderWindow(*size, 0, 0, *size)
    return View(projected_camera(viewmat, projection, window), clip)
