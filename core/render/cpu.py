"""The C rasteriser (wheel `gaussian_heads_native`): checks, buffers and threads around it."""

from __future__ import annotations

import ctypes
import os
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import cache
from typing import TypeVar

import numpy as np
from jaxtyping import Float, Float32

from ..camera import Camera
from ..errors import BackendUnavailable, RenderError
from ..gaussians import Gaussians
from .output import RenderOutput

_T, _R = TypeVar("_T"), TypeVar("_R")

# A larger workspace is given back to the system after its picture.
_MAX_IDLE_BYTES = 1 << 28


def render(
    gaussians: Gaussians,
    camera: Camera,
    background: Float[np.ndarray, " 3"] | None = None,
    depth_limits: Float32[np.ndarray, "H W"] | None = None,
    *,
    num_threads: int | None = None,
) -> RenderOutput:
    """Draw `gaussians` with the C rasteriser; see `backends.render` for the arguments and the result.

    Uses all processors unless `num_threads` says otherwise; the pixels are the same for any number.
    Several threads may render at once.
    """
    library = load_library()
    size = (camera.height, camera.width)
    output = RenderOutput(
        np.empty((*size, 3), np.float32), np.empty(size, np.float32), np.empty(size, np.float32)
    )
    inputs = [
        np.ascontiguousarray(getattr(gaussians, name), np.float32)
        for name in ("means", "quats", "scales", "opacities", "colors")
    ]
    images = [output.colors, output.alphas, output.depths]
    scene = _scene(inputs, camera, background, images)
    if depth_limits is not None:
        depth_limits = np.ascontiguousarray(depth_limits, np.float32)
        scene.depth_limits = depth_limits.ctypes.data
    with _idle_workspaces().borrow() as workspace:
        _raise_for(library.gh_begin(workspace, ctypes.byref(scene)), camera)
        _raise_for(_work(workspace, num_threads or num_processors()), camera)
    return output


@cache
def load_library() -> ctypes.CDLL:
    """The library of the wheel; raises BackendUnavailable when it is missing or cannot run here."""
    try:
        import gaussian_heads_native

        return gaussian_heads_native.load()
    except (ImportError, OSError) as error:
        raise BackendUnavailable(
            f"The C rasteriser cannot be loaded ({error}): install the wheel gaussian-heads-native again."
        ) from error


class _Workspaces:
    """Idle workspaces of the library: one picture takes one at a time, its buffers are used again."""

    def __init__(self, library: ctypes.CDLL) -> None:
        self._library = library
        self._idle: list[int] = []
        self._lock = threading.Lock()

    @contextmanager
    def borrow(self) -> Iterator[int]:
        with self._lock:
            workspace = self._idle.pop() if self._idle else self._library.gh_create()
        if not workspace:
            raise RenderError("There is no memory left to draw: close something and try again.")
        try:
            yield workspace
        finally:
            keep = self._library.gh_bytes(workspace) <= _MAX_IDLE_BYTES
            with self._lock:
                keep = keep and not self._idle
                if keep:
                    self._idle.append(workspace)
            if not keep:
                self._library.gh_destroy(workspace)


@cache
def _idle_workspaces() -> _Workspaces:
    return _Workspaces(load_library())


@cache
def _helpers() -> ThreadPoolExecutor:
    workers = max(1, num_processors() - 1)
    return ThreadPoolExecutor(workers, thread_name_prefix="gaussian_heads_render")


def num_processors() -> int:
    """How many threads work at once on this machine."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def in_threads(function: Callable[[_T], _R], items: Sequence[_T]) -> list[_R]:
    """`function` of every item, at the same time where there are processors; this thread takes the last."""
    started = [_helpers().submit(function, item) for item in items[:-1]]
    last = [function(item) for item in items[-1:]]
    return [future.result() for future in started] + last


def _work(workspace: int, num_threads: int) -> int:
    """Finish the picture with `num_threads` threads, this one among them; the library's status."""
    library = load_library()
    helpers = [_helpers().submit(library.gh_work, workspace) for _ in range(num_threads - 1)]
    try:
        return library.gh_work(workspace)
    finally:
        # A helper that has not started is not needed; one that has must leave before the buffers go.
        for helper in helpers:
            if not helper.cancel():
                helper.result()


def _scene(
    inputs: list[np.ndarray],
    camera: Camera,
    background: np.ndarray | None,
    images: list[np.ndarray],
) -> ctypes.Structure:
    """The library's description of the picture; it holds addresses, so keep the arrays alive."""
    from gaussian_heads_native import Scene

    viewmat = np.asarray(camera.viewmat, np.float64)[:3].ravel()
    color = (0.0, 0.0, 0.0) if background is None else [float(value) for value in background]
    means, quats, scales, opacities, rgb = (array.ctypes.data for array in inputs)
    colors, alphas, depths = (image.ctypes.data for image in images)
    return Scene(
        num_gaussians=len(inputs[0]),
        means=means,
        quats=quats,
        scales=scales,
        opacities=opacities,
        rgb=rgb,
        viewmat=(ctypes.c_double * 12)(*viewmat),
        fx=camera.K[0, 0],
        fy=camera.K[1, 1],
        cx=camera.K[0, 2],
        cy=camera.K[1, 2],
        background=(ctypes.c_float * 3)(*color),
        width=camera.width,
        height=camera.height,
        is_orthographic=camera.is_orthographic,
        colors=colors,
        alphas=alphas,
        depths=depths,
    )


def _raise_for(status: int, camera: Camera) -> None:
    from gaussian_heads_native import OK, OUT_OF_MEMORY

    if status == OK:
        return
    if status == OUT_OF_MEMORY:
        raise RenderError(
            f"There is not enough memory to draw {camera.width} x {camera.height} pixels: choose a smaller picture."
        )
    raise RenderError(
        f"A picture of {camera.width} x {camera.height} pixels is too large for the C rasteriser: choose a smaller one."
    )
