"""The backend "cuda": gsplat in a worker process with an environment of its own; no torch here.

`training/cuda_worker.py` is the other end, docs/CUDA.md describes both.
"""

from __future__ import annotations

import logging
import os
import sys
import tempfile
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float, Float32

from ..camera import Camera
from ..errors import BackendUnavailable, RenderError
from ..gaussians import Gaussians
from .cuda_process import WorkerCommand, WorkerGone, WorkerProcess, WorkerSilent
from .cuda_protocol import encode_camera, encode_places, plan_places
from .output import RenderOutput

logger = logging.getLogger(__name__)

ENVIRONMENT_VARIABLE = "GAUSSIAN_HEADS_ACCELERATOR"
# After so many requests in a row without an answer "auto" stops asking.
MAX_FAILURES = 2
# A worker that was not asked for so long is asked whether it is well before it gets work.
IDLE_SEC = 30.0
_INPUTS = ("means", "quats", "scales", "opacities", "colors")


@dataclass(frozen=True)
class Timeouts:
    """How long to wait for the worker, in seconds."""

    start_sec: float = 60.0
    request_sec: float = 120.0
    ping_sec: float = 5.0


@dataclass(frozen=True)
class HeadRequest:
    """A head that the worker decodes itself: an avatar file, its code `[D]`, its pose, its place.

    `head_pose` is a rotation vector (rad) and a translation (m) `[6]`; `matrix` `[4, 4]` a similarity from
    the avatar frame to the world.
    """

    avatar: Path
    code: Float[np.ndarray, " D"]
    head_pose: Float[np.ndarray, " 6"] | None
    matrix: Float[np.ndarray, "4 4"]


class Accelerator:
    """A worker that is started when first asked, restarted after a crash, ended with `close`."""

    def __init__(self, command: WorkerCommand, timeouts: Timeouts | None = None) -> None:
        self.command = command
        self.timeouts = timeouts or Timeouts()
        self.num_failures = 0
        self._worker: WorkerProcess | None = None
        self._last_answer_sec = 0.0
        self._lock = threading.Lock()

    @property
    def pid(self) -> int | None:
        """Number of the worker's process, if one runs."""
        return None if self._worker is None else self._worker.pid

    @property
    def is_starting(self) -> bool:
        """Whether a worker is on its way and may yet become ready."""
        return self._worker is not None and self._worker.is_starting

    def check(self, wait_sec: float | None = None) -> dict[str, Any]:
        """Start the worker if need be and return what it says about itself; raises BackendUnavailable.

        `wait_sec` bounds the wait, by default as long as before a picture; see `is_starting` then.
        """
        with self._lock:
            self.num_failures = 0
            return dict(self._ready_worker(wait_sec).facts)

    def draw(
        self, gaussians: Gaussians, camera: Camera, background: np.ndarray | None = None
    ) -> RenderOutput:
        """Draw with the worker; see `core.render.render`."""
        arrays = {name: getattr(gaussians, name) for name in _INPUTS}
        output, _ = self._exchange({"operation": "draw"}, arrays, camera, background)
        return output

    def draw_heads(
        self,
        heads: Sequence[HeadRequest],
        camera: Camera,
        background: np.ndarray | None = None,
    ) -> tuple[RenderOutput, dict[str, Any]]:
        """Let the worker decode and draw, without Gaussians on this side; also returns its timings."""
        message = {"operation": "draw_heads", "heads": [_encode_head(head) for head in heads]}
        return self._exchange(message, {}, camera, background)

    def close(self) -> None:
        """End the worker; the next request would start another."""
        with self._lock:
            self._drop()

    def _exchange(
        self,
        message: dict[str, Any],
        arrays: Mapping[str, np.ndarray],
        camera: Camera,
        background: np.ndarray | None,
    ) -> tuple[RenderOutput, dict[str, Any]]:
        with self._lock:
            for _ in range(2):
                worker = self._ready_worker()
                try:
                    result = self._ask(worker, message, arrays, camera)
                except WorkerGone:
                    logger.warning("The CUDA worker ended; it is started again.")
                    self._drop()
                    continue
                except WorkerSilent:
                    self._fail()
                    raise BackendUnavailable(
                        f"The CUDA worker gave no answer for {self.timeouts.request_sec:g} s and was "
                        f"ended: see {self.command.log_path}."
                    ) from None
                self.num_failures = 0
                return _over(result[0], background), result[1]
            self._fail()
        raise BackendUnavailable(
            f"The CUDA worker ended twice over the same picture: see {self.command.log_path}."
        )

    def _ask(
        self,
        worker: WorkerProcess,
        message: dict[str, Any],
        arrays: Mapping[str, np.ndarray],
        camera: Camera,
    ) -> tuple[RenderOutput, dict[str, Any]]:
        size = (camera.height, camera.width)
        images = {"image_colors": (*size, 3), "image_alphas": size, "image_depths": size}
        shapes = {name: array.shape for name, array in arrays.items()}
        places, num_bytes = plan_places(shapes | images)
        block = worker.block(num_bytes)
        for name, array in arrays.items():
            block.array(places[name])[...] = array
        request = message | {
            "camera": encode_camera(camera),
            "block": [str(block.path), block.num_bytes],
            "places": encode_places(places),
        }
        answer = worker.request(request, self.timeouts.request_sec)
        self._last_answer_sec = time.monotonic()
        if "unavailable" in answer:
            raise BackendUnavailable(str(answer["unavailable"]))
        if "error" in answer:
            raise RenderError(str(answer["error"]))
        output = RenderOutput(*(block.array(places[name]).copy() for name in images))
        return output, answer.get("timings", {})

    def _ready_worker(self, wait_sec: float | None = None) -> WorkerProcess:
        if self._worker is not None and not self._is_well(self._worker):
            logger.warning("The CUDA worker does not answer; it is started again.")
            self._drop()
        if self._worker is None:
            self._worker = WorkerProcess(self.command)
        if not self._worker.is_ready:
            self._greet(self._worker, self.timeouts.start_sec if wait_sec is None else wait_sec)
        return self._worker

    def _greet(self, worker: WorkerProcess, wait_sec: float) -> None:
        try:
            worker.wait_until_ready(wait_sec)
        except BackendUnavailable:
            # One that is still starting may go on; any other is of no use.
            if not worker.is_starting:
                self._fail()
                self.num_failures = MAX_FAILURES
            raise
        self._last_answer_sec = time.monotonic()
        logger.info("The CUDA worker draws with %s.", worker.facts.get("device", "its rasteriser"))

    def _is_well(self, worker: WorkerProcess) -> bool:
        if not worker.is_ready or time.monotonic() - self._last_answer_sec < IDLE_SEC:
            return True
        try:
            worker.request({"operation": "ping"}, self.timeouts.ping_sec)
        except (WorkerGone, WorkerSilent):
            return False
        return True

    def _fail(self) -> None:
        self.num_failures += 1
        self._drop()

    def _drop(self) -> None:
        worker, self._worker = self._worker, None
        if worker is not None:
            worker.end()


def environment_python(folder: Path | str) -> Path:
    """The Python of an accelerator environment: `folder` is its folder, or that Python itself."""
    folder = Path(folder)
    if folder.is_file():
        return folder
    return folder / ("Scripts/python.exe" if sys.platform == "win32" else "bin/python")


_current: Accelerator | None = None
_chosen: tuple[str, Path] | None = None


def configure(folder: str, log_folder: Path | None = None) -> None:
    """Use the environment in `folder` from now on; empty for none. The variable of a farm goes first."""
    global _chosen
    folder = os.environ.get(ENVIRONMENT_VARIABLE, "") or folder
    logs = log_folder or Path(tempfile.gettempdir()) / "gaussian_heads"
    chosen = (folder, logs) if folder else None
    if chosen != _chosen:
        close()
        _chosen = chosen


def accelerator() -> Accelerator:
    """The worker of the configured environment; raises BackendUnavailable where there is none."""
    global _current
    if _chosen is None:
        raise BackendUnavailable(
            "There is no accelerator environment for CUDA: create one in the add-on's preferences or "
            f"name one in the variable {ENVIRONMENT_VARIABLE}."
        )
    folder, logs = _chosen
    python = environment_python(folder)
    if not python.is_file():
        raise BackendUnavailable(
            f"The accelerator environment '{folder}' has no Python: create it again in the add-on's "
            "preferences."
        )
    if _current is None:
        _current = Accelerator(WorkerCommand(python, logs / "cuda_worker.log"))
    return _current


def draw(
    gaussians: Gaussians,
    camera: Camera,
    background: np.ndarray | None,
    depth_limits: Float32[np.ndarray, "H W"] | None,
) -> RenderOutput:
    """The backend's entrance for `register_backend`."""
    if depth_limits is not None:
        raise BackendUnavailable("CUDA cannot hide Gaussians behind meshes.")
    return accelerator().draw(gaussians, camera, background)


def is_automatic() -> bool:
    """Whether "auto" should try: an environment is configured and its worker did not fail again and again."""
    return _chosen is not None and (_current is None or _current.num_failures < MAX_FAILURES)


def close() -> None:
    """End the worker, if one runs."""
    global _current
    current, _current = _current, None
    if current is not None:
        current.close()


def _encode_head(head: HeadRequest) -> dict[str, Any]:
    pose = None if head.head_pose is None else np.asarray(head.head_pose, np.float64).tolist()
    return {
        "avatar": str(Path(head.avatar).resolve()),
        "code": np.asarray(head.code, np.float64).tolist(),
        "head_pose": pose,
        "matrix": np.asarray(head.matrix, np.float64).tolist(),
    }


def _over(output: RenderOutput, background: np.ndarray | None) -> RenderOutput:
    if background is None:
        return output
    behind = (1.0 - output.alphas)[..., None] * np.asarray(background, np.float32)
    return replace(output, colors=output.colors + behind)
