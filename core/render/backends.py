"""The one entrance to the rasterisers: checks the input, chooses a backend, says which."""

from __future__ import annotations

import logging
from collections.abc import Callable
from functools import cache

import numpy as np
from jaxtyping import Float

from ..camera import Camera
from ..errors import RenderError
from ..gaussians import Gaussians
from . import cpu, reference
from .output import RenderOutput

logger = logging.getLogger(__name__)

BACKENDS = ("auto", "cpu", "cuda", "reference")
# Tried in this order by "auto".
_AUTOMATIC = ("cpu", "reference")

_Backend = Callable[[Gaussians, Camera, np.ndarray | None], RenderOutput]


def render(
    gaussians: Gaussians,
    camera: Camera,
    *,
    backend: str = "auto",
    background: Float[np.ndarray, " 3"] | None = None,
) -> RenderOutput:
    """Draw `gaussians` as `camera` sees them; raises RenderError with a sentence when it cannot.

    `background` is a display-referred sRGB colour put behind the picture; without it the colours stay
    premultiplied over nothing. `alphas` and `depths` never include the background. "auto" takes the
    first backend that works on this machine and logs which.
    """
    _check(gaussians, background)
    name = automatic_backend() if backend == "auto" else backend
    return _backend(name)(gaussians, camera, background)


@cache
def automatic_backend() -> str:
    """Name of the backend that "auto" uses here; found once and logged."""
    for name in _AUTOMATIC:
        try:
            _backend(name)
        except RenderError as error:
            logger.warning("The %s rasteriser does not work here: %s", name, error)
            continue
        logger.info("Drawing with the %s rasteriser.", name)
        return name
    raise RenderError("No rasteriser works on this machine: install gaussian-heads-native again.")


def _backend(name: str) -> _Backend:
    if name == "reference":
        return reference.render
    if name == "cpu":
        cpu.load_library()
        return cpu.render
    if name == "cuda":
        raise RenderError(
            "This version has no CUDA rasteriser: choose the backend 'cpu' or leave it on 'auto'."
        )
    raise RenderError(f"There is no backend '{name}': choose one of {', '.join(BACKENDS)}.")


def _check(gaussians: Gaussians, background: np.ndarray | None) -> None:
    for name in ("means", "quats", "scales", "opacities", "colors"):
        finite = np.isfinite(getattr(gaussians, name))
        if not finite.all():
            bad = int(np.flatnonzero(~finite.reshape(len(finite), -1).all(axis=1))[0])
            raise RenderError(
                f"Gaussian {bad} has {name} that are not finite: the avatar or its expression code is broken, load it again."
            )
    if background is not None and (
        np.shape(background) != (3,) or not np.isfinite(background).all()
    ):
        raise RenderError("The background must be three finite numbers: red, green and blue.")
