"""Opaque triangles drawn into a depth buffer, to hide the Gaussians behind them."""

from __future__ import annotations

import ctypes
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float32, Int32

from ..camera import Camera
from ..errors import RenderError
from . import cpu


@dataclass(frozen=True)
class MeshPicture:
    """The nearest triangle in every pixel, image row 0 on top.

    `depths` are metres along the camera's z axis, infinite where nothing is; `indices` count the triangles,
    -1 where nothing is; `barycentrics` weigh a triangle's second and third corner.
    """

    depths: Float32[np.ndarray, "H W"]
    indices: Int32[np.ndarray, "H W"]
    barycentrics: Float32[np.ndarray, "H W 2"]


def draw_mesh(
    triangles: Float32[np.ndarray, "T 3 3"],
    camera: Camera,
    clip_m: tuple[float | int, float | int] = (0.01, 1e10),
    *,
    num_threads: int | None = None,
) -> MeshPicture:
    """Draw world-space `triangles`, both sides, between the `clip_m` distances (near, far) along z.

    Homogeneous rasterisation (Olano and Greer 1997); triangles that are not finite are left out.
    """
    from gaussian_heads_native import OK

    library = cpu.load_library()
    size = (camera.height, camera.width)
    picture = MeshPicture(
        np.full(size, np.inf, np.float32),
        np.full(size, -1, np.int32),
        np.zeros((*size, 2), np.float32),
    )
    triangles = np.ascontiguousarray(triangles, np.float32)
    mesh = ctypes.byref(_mesh(triangles, camera, clip_m, picture))
    count = min(num_threads or cpu.num_processors(), camera.height)
    edges = [camera.height * k // count for k in range(count + 1)]
    strips = list(zip(edges[:-1], edges[1:], strict=True))
    statuses = cpu.in_threads(lambda strip: library.gh_draw_mesh(mesh, *strip), strips)
    if any(status != OK for status in statuses):
        raise RenderError(
            f"The scene has {len(triangles):,} triangles, too many to draw: hide some."
        )
    return picture


def _mesh(
    triangles: np.ndarray, camera: Camera, clip_m: tuple[float, float], picture: MeshPicture
) -> ctypes.Structure:
    """The library's description of the picture; it holds addresses, so keep the arrays alive."""
    from gaussian_heads_native import Mesh

    return Mesh(
        num_triangles=len(triangles),
        triangles=triangles.ctypes.data,
        viewmat=(ctypes.c_double * 12)(*np.asarray(camera.viewmat, np.float64)[:3].ravel()),
        fx=camera.K[0, 0],
        fy=camera.K[1, 1],
        cx=camera.K[0, 2],
        cy=camera.K[1, 2],
        near_plane=clip_m[0],
        far_plane=clip_m[1],
        width=camera.width,
        height=camera.height,
        is_orthographic=camera.is_orthographic,
        depths=picture.depths.ctypes.data,
        indices=picture.indices.ctypes.data,
        barycentrics=picture.barycentrics.ctypes.data,
    )
