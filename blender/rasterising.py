"""The scene's backend, or the next one that works, for one frame of the engine."""

from __future__ import annotations

import numpy as np

from ..core.camera import Camera
from ..core.errors import BackendUnavailable, RenderError
from ..core.gaussians import Gaussians
from ..core.render import RenderOutput, render
from ..core.render.backends import automatic_backends


class Rasteriser:
    """Draws with the chosen backend; one that cannot is passed over for the rest of the frame.

    `name` is the backend that drew last, `warnings` says in a sentence each why others did not.
    """

    def __init__(self, backend: str) -> None:
        automatic = automatic_backends()
        first = [] if backend == "auto" else [backend]
        self._names = [*first, *(name for name in automatic if name != backend)]
        self.name = ""
        self.warnings: list[str] = []

    def draw(
        self, gaussians: Gaussians, camera: Camera, depth_limits: np.ndarray | None
    ) -> RenderOutput:
        """As `core.render.render`; raises RenderError when no backend is left."""
        failures: list[tuple[str, BackendUnavailable]] = []
        while self._names:
            name = self._names[0]
            try:
                output = render(gaussians, camera, backend=name, depth_limits=depth_limits)
            except BackendUnavailable as error:
                failures.append((name, error))
                self._names.pop(0)
                continue
            self.name = name
            self.warnings += [_sentence(failed, error, name) for failed, error in failures]
            return output
        raise failures[0][1] if failures else RenderError("No rasteriser works here.")


def _sentence(failed: str, error: BackendUnavailable, taken: str) -> str:
    return f"The {failed} backend did not draw this, the {taken} backend did instead: {error}"
