"""The C rasteriser of Gaussian Heads, loaded with ctypes; depends on no version of Python or numpy.

The functions are described in `src/rasterizer.h`.
"""

from __future__ import annotations

import ctypes
import sys
from functools import cache
from pathlib import Path

__version__ = "0.1.0"

OK, OUT_OF_MEMORY, BAD_SIZE = range(3)

_INTERFACE_VERSION = 4
_SUFFIX = {"win32": ".dll", "darwin": ".dylib"}.get(sys.platform, ".so")


class Scene(ctypes.Structure):
    """`gh_scene` of rasterizer.h: addresses of C-contiguous float32 arrays, and the camera."""

    _fields_ = [
        ("num_gaussians", ctypes.c_int64),
        ("means", ctypes.c_void_p),
        ("quats", ctypes.c_void_p),
        ("scales", ctypes.c_void_p),
        ("opacities", ctypes.c_void_p),
        ("rgb", ctypes.c_void_p),
        ("viewmat", ctypes.c_double * 12),
        ("fx", ctypes.c_double),
        ("fy", ctypes.c_double),
        ("cx", ctypes.c_double),
        ("cy", ctypes.c_double),
        ("background", ctypes.c_float * 3),
        ("width", ctypes.c_int32),
        ("height", ctypes.c_int32),
        ("is_orthographic", ctypes.c_int32),
        ("depth_limits", ctypes.c_void_p),
        ("colors", ctypes.c_void_p),
        ("alphas", ctypes.c_void_p),
        ("depths", ctypes.c_void_p),
    ]


class Gradients(ctypes.Structure):
    """`gh_gradients` of rasterizer.h: addresses of C-contiguous float32 arrays (num_pixels: int32)."""

    _fields_ = [
        (name, ctypes.c_void_p)
        for name in (
            "of_colors",
            "of_alphas",
            "of_depths",
            "means",
            "quats",
            "scales",
            "opacities",
            "rgb",
            "means2d",
            "num_pixels",
        )
    ]


class Mesh(ctypes.Structure):
    """`gh_mesh` of rasterizer.h."""

    _fields_ = [
        ("num_triangles", ctypes.c_int64),
        ("triangles", ctypes.c_void_p),
        ("viewmat", ctypes.c_double * 12),
        ("fx", ctypes.c_double),
        ("fy", ctypes.c_double),
        ("cx", ctypes.c_double),
        ("cy", ctypes.c_double),
        ("near_plane", ctypes.c_double),
        ("far_plane", ctypes.c_double),
        ("width", ctypes.c_int32),
        ("height", ctypes.c_int32),
        ("is_orthographic", ctypes.c_int32),
        ("depths", ctypes.c_void_p),
        ("indices", ctypes.c_void_p),
        ("barycentrics", ctypes.c_void_p),
    ]


@cache
def load() -> ctypes.CDLL:
    """The fastest build that this processor runs; raises OSError when none can be loaded."""
    return load_variant(variants()[-1])


def variants() -> list[str]:
    """Names of the builds that this processor and system run, slowest first.

    "base" runs everywhere, "v3" needs AVX2 and FMA, "v4" AVX-512.
    """
    level = load_variant("base").gh_processor_level()
    names = [name for needed, name in ((3, "v3"), (4, "v4")) if level >= needed]
    return ["base", *(name for name in names if _path(name).exists())]


def load_variant(name: str) -> ctypes.CDLL:
    """The build called `name`, whether this processor runs it or not."""
    path = _path(name)
    library = ctypes.CDLL(str(path))
    library.gh_interface_version.argtypes = []
    library.gh_interface_version.restype = ctypes.c_int32
    if library.gh_interface_version() != _INTERFACE_VERSION:
        raise OSError(f"{path} belongs to another version of gaussian_heads_native")
    library.gh_processor_level.argtypes = []
    library.gh_processor_level.restype = ctypes.c_int32
    library.gh_create.argtypes = []
    library.gh_create.restype = ctypes.c_void_p
    library.gh_destroy.argtypes = [ctypes.c_void_p]
    library.gh_destroy.restype = None
    library.gh_bytes.argtypes = [ctypes.c_void_p]
    library.gh_bytes.restype = ctypes.c_int64
    library.gh_begin.argtypes = [ctypes.c_void_p, ctypes.POINTER(Scene)]
    library.gh_begin.restype = ctypes.c_int32
    library.gh_begin_backward.argtypes = [
        ctypes.c_void_p,
        ctypes.POINTER(Scene),
        ctypes.POINTER(Gradients),
    ]
    library.gh_begin_backward.restype = ctypes.c_int32
    library.gh_work.argtypes = [ctypes.c_void_p]
    library.gh_work.restype = ctypes.c_int32
    library.gh_draw_mesh.argtypes = [ctypes.POINTER(Mesh), ctypes.c_int32, ctypes.c_int32]
    library.gh_draw_mesh.restype = ctypes.c_int32
    return library


def _path(name: str) -> Path:
    return Path(__file__).with_name(f"rasterizer_{name}{_SUFFIX}")
