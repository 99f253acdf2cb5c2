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
from .gradients import GaussianGradients, ImageGradients
from .native_structures import NativeGradients, NativeScene
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
    size = (camera.height, camera.width)
    output = RenderOutput(
        np.empty((*size, 3), np.float32), np.empty(size, np.float32), np.empty(size, np.float32)
    )
    scene = NativeScene(gaussians, camera, background, depth_limits, output)
    with _idle_workspaces().borrow() as workspace:
        status = load_library().gh_begin(workspace, ctypes.byref(scene.structure))
        _finish(workspace, status, camera, num_threads)
    return output


def backward(
    gaussians: Gaussians,
    camera: Camera,
    output: RenderOutput,
    image_gradients: ImageGradients,
    *,
    background: Float[np.ndarray, " 3"] | None = None,
    depth_limits: Float32[np.ndarray, "H W"] | None = None,
    num_threads: int | None = None,
) -> GaussianGradients:
    """Carry a loss's derivatives by the images back to the Gaussians.

    `output` is what `render` made of the very same arguments. The gradients are the same for any number
    of threads, bit by bit.
    """
    count = gaussians.num_gaussians
    gradients = GaussianGradients(
        *(np.empty((count, n), np.float32) for n in (3, 4, 3)),
        opacities=np.empty(count, np.float32),
        colors=np.empty((count, 3), np.float32),
        means2d=np.empty((count, 2), np.float32),
        num_pixels=np.empty(count, np.int32),
    )
    scene = NativeScene(gaussians, camera, background, depth_limits, output)
    passed = NativeGradients(image_gradients, gradients, camera)
    with _idle_workspaces().borrow() as workspace:
        status = load_library().gh_begin_backward(
            workspace, ctypes.byref(scene.structure), ctypes.byref(passed.structure)
        )
        _finish(workspace, status, camera, num_threads)
    return gradients


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


def _finish(workspace: int, status: int, camera: Camera, num_threads: int | None) -> None:
    """Do the work that `status` says was begun; raises RenderError when there is no memory for it."""
    _raise_for(status, camera)
    _raise_for(_work(workspace, num_threads or num_processors()), camera)


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
