"""The rasterisers that Blender adds to those of `core.render`; none is loaded before it may draw."""

from __future__ import annotations

from functools import cache
from types import ModuleType
from typing import TYPE_CHECKING

from ..core.render.registry import register_backend, unregister_backend
from .preferences import apply_preferences

if TYPE_CHECKING:
    from ..core.render import RenderOutput


def attach() -> None:
    """Offer "cuda" and "gpu"."""
    register_backend("cuda", _draw_with_cuda, _is_cuda_automatic)
    register_backend("gpu", _draw_with_gpu, _is_gpu_automatic)


def detach() -> None:
    """Take them away again; a worker that runs is ended."""
    unregister_backend("gpu")
    unregister_backend("cuda")
    if configured_cuda.cache_info().currsize:
        configured_cuda().close()
        configured_cuda.cache_clear()


@cache
def configured_cuda() -> ModuleType:
    """`core.render.cuda`, told of the environment that the preferences name."""
    from ..core.render import cuda

    apply_preferences()
    return cuda


def _draw_with_cuda(*arguments: object) -> RenderOutput:
    return configured_cuda().draw(*arguments)


def _is_cuda_automatic() -> bool:
    return configured_cuda().is_automatic()


def _draw_with_gpu(*arguments: object) -> RenderOutput:
    from .drawing import offscreen

    return offscreen.draw(*arguments)


def _is_gpu_automatic() -> bool:
    from .drawing import offscreen

    return offscreen.is_automatic()
