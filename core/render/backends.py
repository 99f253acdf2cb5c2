"""The one entrance to the rasterisers: checks the input, chooses a backend, says which."""

from __future__ import annotations

import logging

import numpy as np
from jaxtyping import Float, Float32

from ..camera import Camera
from ..errors import BackendUnavailable, RenderError
from ..gaussians import Gaussians
from . import cpu, reference
from .output import RenderOutput
from .registry import Backend, registered_backend

logger = logging.getLogger(__name__)

# In the order in which "auto" tries them.
BACKENDS = ("auto", "cuda", "gpu", "cpu", "reference")

# An animation says a thing once and not at every frame.
_said: set[str] = set()


def render(
    gaussians: Gaussians,
    camera: Camera,
    *,
    backend: str = "auto",
    background: Float[np.ndarray, " 3"] | None = None,
    depth_limits: Float32[np.ndarray, "H W"] | None = None,
) -> RenderOutput:
    """Draw `gaussians` as `camera` sees them; raises RenderError with a sentence when it cannot.

    `background` is a display-referred sRGB colour put behind the picture; without it the colours stay
    premultiplied over nothing. `alphas` and `depths` never include the background. `depth_limits` holds,
    for every pixel, the depth (m along the camera's z axis) of an opaque surface, infinite where there is
    none: a Gaussian whose centre lies behind it adds nothing to that pixel. "auto" takes the first
    backend that works on this machine and logs which.
    """
    _check(gaussians, background)
    _check_depth_limits(depth_limits, camera)
    gaussians = gaussians.seen_by(camera)
    if backend == "auto":
        return _draw_automatically(gaussians, camera, background, depth_limits)
    return _backend(backend).draw(gaussians, camera, background, depth_limits)


def automatic_backends() -> list[str]:
    """Names of the backends that "auto" would try now, best first."""
    return [name for name in BACKENDS[1:] if _is_automatic(name)]


def _draw_automatically(
    gaussians: Gaussians,
    camera: Camera,
    background: np.ndarray | None,
    depth_limits: np.ndarray | None,
) -> RenderOutput:
    for name in automatic_backends():
        try:
            output = _backend(name).draw(gaussians, camera, background, depth_limits)
        except BackendUnavailable as error:
            _say_once(logging.WARNING, f"The {name} rasteriser cannot draw this: {error}")
            continue
        _say_once(logging.INFO, f"Drawing with the {name} rasteriser.")
        return output
    raise RenderError("No rasteriser works here: install gaussian-heads-native again.")


def _say_once(level: int, sentence: str) -> None:
    if sentence not in _said:
        _said.add(sentence)
        logger.log(level, "%s", sentence)


def _is_automatic(name: str) -> bool:
    if name in ("cpu", "reference"):
        return True
    backend = registered_backend(name)
    return backend is not None and backend.is_automatic()


def _backend(name: str) -> Backend:
    if name == "reference":
        return Backend(reference.render, lambda: True)
    if name == "cpu":
        cpu.load_library()
        return Backend(cpu.render, lambda: True)
    backend = registered_backend(name)
    if backend is not None:
        return backend
    if name in BACKENDS:
        raise BackendUnavailable(
            f"The backend '{name}' works only inside Blender with the add-on enabled: "
            "choose 'cpu' or leave it on 'auto'."
        )
    raise RenderError(f"There is no backend '{name}': choose one of {', '.join(BACKENDS)}.")


def _check(gaussians: Gaussians, background: np.ndarray | None) -> None:
    for name in ("means", "quats", "scales", "opacities", "colors", "sh"):
        if getattr(gaussians, name) is None:
            continue
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


def _check_depth_limits(depth_limits: np.ndarray | None, camera: Camera) -> None:
    if depth_limits is None:
        return
    if depth_limits.shape != (camera.height, camera.width) or np.isnan(depth_limits).any():
        raise RenderError(
            f"The depth limits have shape {depth_limits.shape} or are not numbers: "
            f"give one depth for each of the {camera.height} x {camera.width} pixels."
        )
