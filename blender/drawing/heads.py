"""The heads of a scene as viewports see them: kept on the GPU, drawn again only when something changed."""

from __future__ import annotations

import dataclasses
import itertools

import gpu
import numpy as np

from ...core.errors import BackendUnavailable
from ...core.gaussians import Gaussians, concatenate
from ...core.render import render
from ...core.render.packing import thinned
from .device import is_software, pixels, texture
from .splats import Splats, no_limits
from .targets import Target
from .view import View

# Half floats are enough for the eye and half the memory traffic of single ones; depths need an alpha of
# their own, since a half float's may be off by 0.5 %.
FORMATS = {"color": "RGBA16F", "depth": "RG32F"}
# Standard deviations from its centre a solid Gaussian falls below the smallest step of 8 bits.
REACH = 3.4
# No two sets that were ever shown have the same number.
_versions = itertools.count(1)


class Heads:
    """All Gaussians of a scene, shared by its viewports."""

    def __init__(self) -> None:
        self.gaussians = concatenate([])
        self.version = 0
        self._density = 1.0
        self._complete = self.gaussians
        self._splats: Splats | None = None
        self._bounds: tuple[np.ndarray, np.ndarray] | None = None

    def update(self, gaussians: Gaussians, density: float) -> None:
        """Show these from now on; what is the same as before costs a comparison only."""
        if density == self._density and _are_equal(gaussians, self._complete):
            return
        self._complete, self._density = gaussians, density
        self.gaussians = thinned(gaussians, density)
        self.version = next(_versions)
        self._splats = self._bounds = None

    @property
    def bounds(self) -> tuple[np.ndarray, np.ndarray]:
        """Lowest and highest corner (m) of all that is seen of them; there must be some."""
        if self._bounds is None:
            reach = REACH * self.gaussians.scales.max(axis=1, keepdims=True)
            means = self.gaussians.means
            self._bounds = (means - reach).min(axis=0), (means + reach).max(axis=0)
        return self._bounds

    def sorted_splats(self, view: View) -> Splats:
        """The set on the GPU in the order of `view`: decoded for none, uploaded for a new frame only."""
        seen = self.gaussians.seen_by(view.camera)
        if self._splats is None or seen is not self.gaussians:
            self._splats = Splats(seen)
        self._splats.sort(view.camera.viewmat, is_exact=False)
        return self._splats


class HeadPicture:
    """The heads in one viewport: `color`, display-referred and premultiplied; `depth` times alpha, alpha.

    `drawn_by` names who drew it.
    """

    def __init__(self) -> None:
        self.color: gpu.types.GPUTexture | None = None
        self.depth: gpu.types.GPUTexture | None = None
        self.drawn_by = ""
        self._target: Target | None = None
        self._key: object = None

    def draw(
        self,
        heads: Heads,
        view: View,
        limits: gpu.types.GPUTexture | None,
        *,
        key: object,
        backend: str,
    ) -> None:
        """Make the picture for `view`, unless it is there already.

        A pixel shows no Gaussian behind its depth in `limits` (m); `key` changes whenever they do.
        """
        drawn_by = drawing_backend(backend)
        wanted = (heads.version, view.key, key, drawn_by)
        if wanted == self._key:
            return
        if drawn_by == "gpu":
            self._draw_splats(heads, view, limits)
            self.drawn_by = drawn_by
        else:
            self.drawn_by = self._take_picture(heads, view, limits, drawn_by)
        self._key = wanted

    def _draw_splats(self, heads: Heads, view: View, limits: gpu.types.GPUTexture | None) -> None:
        if self._target is None or self._target.size != view.size:
            self._target = Target(view.size, FORMATS)
        splats = heads.sorted_splats(view)
        with self._target.bind():
            self._target.clear()
            splats.draw(view.camera, limits or no_limits(), with_depth=True)
        self.color, self.depth = self._target.textures["color"], self._target.textures["depth"]

    def _take_picture(
        self, heads: Heads, view: View, limits: gpu.types.GPUTexture | None, backend: str
    ) -> str:
        self._target = None
        hidden = None if limits is None else pixels(limits, 1)[::-1, :, 0]
        try:
            output = render(heads.gaussians, view.camera, backend=backend, depth_limits=hidden)
        except BackendUnavailable:
            backend = "cpu"
            output = render(heads.gaussians, view.camera, backend=backend, depth_limits=hidden)
        rgba = np.dstack([output.colors, output.alphas])[::-1]
        self.color = texture(rgba, "RGBA16F")
        weighted = np.dstack([output.depths * output.alphas, output.alphas])[::-1]
        self.depth = texture(weighted, "RG32F")
        return backend


def drawing_backend(backend: str) -> str:
    """Who draws the heads in viewports for the scene's `backend`.

    "auto" is the GPU, unless that is a program on the CPU: there our C rasteriser is several times faster.
    The reference takes a second or more and is for final frames.
    """
    if backend not in ("auto", "reference"):
        return backend
    return "cpu" if is_software() else "gpu"


def _are_equal(one: Gaussians, other: Gaussians) -> bool:
    if one is other:
        return True
    pairs = ((getattr(one, f.name), getattr(other, f.name)) for f in dataclasses.fields(one))
    return all(
        a is b or (a is not None and b is not None and np.array_equal(a, b)) for a, b in pairs
    )
