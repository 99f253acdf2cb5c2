"""Blender's cameras as the rasterisers' cameras, in the pixels of the final image."""

from __future__ import annotations

from dataclasses import dataclass, replace

import bpy
import numpy as np

from ..core.camera import Camera
from ..core.errors import RenderError

# Blender's camera looks along -Z with +Y up; ours along +Z with +Y down.
_BLENDER_TO_OPENCV = np.diag([1.0, -1.0, -1.0, 1.0])


@dataclass(frozen=True)
class RenderWindow:
    """The part of the full image that is drawn, in pixels from the bottom left, and the full size."""

    full_width: int
    full_height: int
    left: int
    bottom: int
    width: int
    height: int


def render_window(render: bpy.types.RenderSettings) -> RenderWindow:
    """The window that Blender asks an engine to draw: all of the image, or its border."""
    full_width = max(1, render.resolution_x * render.resolution_percentage // 100)
    full_height = max(1, render.resolution_y * render.resolution_percentage // 100)
    if not render.use_border:
        return RenderWindow(full_width, full_height, 0, 0, full_width, full_height)
    # Blender multiplies single floats and drops the fraction; anything else is off by a pixel.
    left, right = (
        int(np.float32(edge) * np.float32(full_width))
        for edge in (render.border_min_x, render.border_max_x)
    )
    bottom, top = (
        int(np.float32(edge) * np.float32(full_height))
        for edge in (render.border_min_y, render.border_max_y)
    )
    if right <= left or top <= bottom:
        raise RenderError("The render border is empty: draw a larger one with Ctrl B.")
    return RenderWindow(full_width, full_height, left, bottom, right - left, top - bottom)


def scene_camera(
    camera_object: bpy.types.Object | None,
    depsgraph: bpy.types.Depsgraph,
    render: bpy.types.RenderSettings,
) -> Camera:
    """The evaluated scene camera as the `Camera` of the window that is rendered."""
    if camera_object is None:
        raise RenderError("The scene has no camera: add one, or press Set Up Render.")
    if camera_object.type != "CAMERA":
        raise RenderError(
            f"The scene's camera '{camera_object.name}' is no camera object: choose a camera."
        )
    if camera_object.data.type not in ("PERSP", "ORTHO"):
        raise RenderError(
            f"The camera '{camera_object.name}' has a panoramic or custom lens: Gaussian Heads draws "
            "perspective and orthographic ones, change its lens type."
        )
    window = render_window(render)
    projection = camera_object.calc_matrix_camera(
        depsgraph,
        x=window.full_width,
        y=window.full_height,
        scale_x=render.pixel_aspect_x,
        scale_y=render.pixel_aspect_y,
    )
    return projected_camera(
        _world_to_camera(camera_object.matrix_world), np.array(projection, np.float64), window
    )


def picture_camera(
    camera_object: bpy.types.Object | None,
    depsgraph: bpy.types.Depsgraph,
    render: bpy.types.RenderSettings,
) -> Camera:
    """The evaluated scene camera as the `Camera` of the picture in the file: whole, though a border is drawn alone."""
    camera = scene_camera(camera_object, depsgraph, render)
    if not render.use_border or render.use_crop_to_border:
        return camera
    window = render_window(render)
    K = camera.K.copy()
    K[:2, 2] += window.left, window.full_height - window.bottom - window.height
    return replace(camera, K=K, width=window.full_width, height=window.full_height)


def _world_to_camera(matrix_world: object) -> np.ndarray:
    """World to camera `[4, 4]`; the camera object's scale does not count."""
    axes = np.array(matrix_world, np.float64)
    lengths = np.linalg.norm(axes[:3, :3], axis=0)
    if not np.isfinite(lengths).all() or lengths.min() <= 0:
        raise RenderError("The camera's scale is zero or not finite: reset its scale to 1.")
    # By hand: numpy's inverse may wake threads, which costs more than all else here.
    right, up, back = (axes[:3, :3] / lengths).T
    cofactors = np.stack([np.cross(up, back), np.cross(back, right), np.cross(right, up)])
    view = np.eye(4)
    view[:3, :3] = cofactors / (right @ cofactors[0])
    view[:3, 3] = -view[:3, :3] @ axes[:3, 3]
    return opencv_axes(view)


def opencv_axes(view_matrix: np.ndarray) -> np.ndarray:
    """World to camera `[4, 4]` in our axes, from Blender's view matrix."""
    return _BLENDER_TO_OPENCV @ view_matrix


def projected_camera(viewmat: np.ndarray, projection: np.ndarray, window: RenderWindow) -> Camera:
    """The camera of an OpenGL `projection` `[4, 4]`, perspective or orthographic, over the full image."""
    K = pixel_intrinsics(projection, window)
    return Camera(viewmat, K, window.width, window.height, bool(projection[3, 3] != 0.0))


def finer_rows(camera: Camera, factor: int, rows: slice) -> Camera:
    """The camera of some `rows` of the picture with `factor` times as many pixels a side."""
    K = camera.K * [[factor], [factor], [1.0]]
    K[1, 2] -= rows.start * factor
    height = (rows.stop - rows.start) * factor
    return replace(camera, K=K, width=camera.width * factor, height=height)


def pixel_intrinsics(projection: np.ndarray, window: RenderWindow) -> np.ndarray:
    """K `[3, 3]` in the window's pixels of an OpenGL `projection` `[4, 4]` over the full image."""
    half_width, half_height = window.full_width / 2, window.full_height / 2
    # A perspective projection shifts by the depth, an orthographic one by a constant.
    shift_x, shift_y = projection[:2, 3] if projection[3, 3] else -projection[:2, 2]
    center_x = half_width * (1 + shift_x) - window.left
    center_y = half_height * (1 - shift_y) - (window.full_height - window.bottom - window.height)
    return np.array(
        [
            [projection[0, 0] * half_width, 0.0, center_x],
            [0.0, projection[1, 1] * half_height, center_y],
            [0.0, 0.0, 1.0],
        ]
    )
