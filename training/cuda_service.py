"""What the CUDA worker does with a request, apart from the pipes."""

from __future__ import annotations

import logging
import platform
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from ..core.camera import Camera
from ..core.errors import BackendUnavailable, GaussianHeadsError
from ..core.gaussians import Gaussians, concatenate
from ..core.importers.splat_ply import open_avatar
from ..core.render import cpu
from ..core.render.cuda_protocol import SharedBlock, decode_camera, decode_places

logger = logging.getLogger("cuda_worker")

INPUTS = ("means", "quats", "scales", "opacities", "colors")
IMAGES = ("image_colors", "image_alphas", "image_depths")
Say = Callable[[dict[str, Any]], None]


class Refused(Exception):
    """The environment cannot draw; the message is one sentence for the user."""


Images = tuple[Any, Any, Any]
"""Colours [H, W, 3], alphas and depths [H, W], wherever the rasteriser keeps them."""


class Rasterizer(Protocol):
    """What draws: gsplat on a card, or the C rasteriser for checks without one."""

    facts: dict[str, Any]

    def draw(self, gaussians: Gaussians, camera: Camera) -> Images:
        """A picture of Gaussians that lie in this process's memory."""

    def draw_heads(self, heads: list[dict[str, Any]], camera: Camera) -> Images:
        """A picture of heads that are decoded first."""

    def store(self, image: Any, target: np.ndarray) -> None:
        """Copy one image into the shared file."""


class NativeRasterizer:
    """The C rasteriser on the processor."""

    def __init__(self) -> None:
        cpu.load_library()
        self.facts: dict[str, Any] = {"device": "processor", "rasterizer": "native", **versions()}
        self._avatars = AvatarCache()

    def draw(self, gaussians: Gaussians, camera: Camera) -> Images:
        """As `core.render.cpu.render`."""
        output = cpu.render(gaussians.seen_by(camera), camera)
        return output.colors, output.alphas, output.depths

    def draw_heads(self, heads: list[dict[str, Any]], camera: Camera) -> Images:
        """Decode with the avatars' own decoders, then draw."""
        return self.draw(concatenate([self._decode(head) for head in heads]), camera)

    def store(self, image: np.ndarray, target: np.ndarray) -> None:
        """Copy."""
        target[...] = image

    def _decode(self, head: dict[str, Any]) -> Gaussians:
        pose = None if head["head_pose"] is None else np.array(head["head_pose"])
        avatar = self._avatars.open(head["avatar"])
        gaussians = avatar.decode(np.array(head["code"]), pose)
        return gaussians.transformed(np.array(head["matrix"], np.float64))


class AvatarCache:
    """Avatars by file; one that changed on disk is opened again."""

    def __init__(self, prepare: Callable[[Path], Any] | None = None) -> None:
        self._prepare = prepare or open_avatar
        self._kept: dict[str, tuple[tuple[int, int], Any]] = {}

    def open(self, path: str) -> Any:
        """What `prepare` made of the file at `path`, by default its avatar."""
        try:
            stat = Path(path).stat()
        except OSError:
            raise BackendUnavailable(f"The CUDA worker cannot read the avatar '{path}'.") from None
        stamp = (stat.st_mtime_ns, stat.st_size)
        if path not in self._kept or self._kept[path][0] != stamp:
            self._kept[path] = (stamp, self._prepare(Path(path)))
        return self._kept[path][1]


class Service:
    """Answers requests with a rasteriser; holds the shared file that is in use."""

    def __init__(self, rasterizer: Rasterizer) -> None:
        self._rasterizer = rasterizer
        self._block: SharedBlock | None = None

    def answer(self, request: dict[str, Any]) -> dict[str, Any]:
        """The answer to one request; what goes wrong is part of it."""
        try:
            if request.get("operation") == "ping":
                return {"ok": True}
            return self._draw(request)
        except BackendUnavailable as error:
            return {"unavailable": str(error)}
        except GaussianHeadsError as error:
            return {"error": str(error)}
        except (OSError, ValueError, KeyError, TypeError, RuntimeError, MemoryError) as error:
            # torch and CUDA raise RuntimeError; the process may still be sound.
            logger.exception("request failed")
            return {"unavailable": f"The CUDA worker failed: {_first_line(error)}"}

    def _draw(self, request: dict[str, Any]) -> dict[str, Any]:
        started_sec = time.perf_counter()
        camera = decode_camera(request["camera"])
        places = decode_places(request["places"])
        block = self._shared(*request["block"])
        if request["operation"] == "draw_heads":
            images = self._rasterizer.draw_heads(request["heads"], camera)
        else:
            inputs = {name: block.array(places[name]) for name in INPUTS}
            images = self._rasterizer.draw(Gaussians(**inputs), camera)
        for name, image in zip(IMAGES, images, strict=True):
            self._rasterizer.store(image, block.array(places[name]))
        return {"timings": {"total_ms": 1e3 * (time.perf_counter() - started_sec)}}

    def _shared(self, path: str, num_bytes: int) -> SharedBlock:
        if self._block is None or str(self._block.path) != path:
            self._block = None
            self._block = SharedBlock(Path(path), num_bytes, create=False)
        return self._block


def start_rasterizer(name: str, say: Say) -> Rasterizer:
    """The rasteriser `name`, ready to draw; raises Refused with a sentence."""
    if name == "native":
        try:
            return NativeRasterizer()
        except BackendUnavailable as error:
            raise Refused(str(error)) from None
    from .cuda_gsplat import GsplatRasterizer

    return GsplatRasterizer(say)


def versions() -> dict[str, Any]:
    """Versions of what every rasteriser needs."""
    return {"python": platform.python_version(), "numpy": np.__version__}


def _first_line(error: BaseException) -> str:
    lines = str(error).splitlines()
    return f"{type(error).__name__}: {lines[0] if lines else 'no reason given'}"[:300]
