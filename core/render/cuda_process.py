"""One run of the CUDA worker: started, spoken with, ended. Knows nothing of what is asked."""

from __future__ import annotations

import contextlib
import logging
import os
import queue
import subprocess
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..errors import BackendUnavailable
from .cuda_protocol import (
    MAX_LINE_BYTES,
    PROTOCOL,
    SharedBlock,
    decode_line,
    encode_line,
    roomy_folder,
)

logger = logging.getLogger(__name__)

WORKER_SCRIPT = Path(__file__).resolve().parents[2] / "training" / "cuda_worker.py"
MAX_LOG_BYTES = 1 << 20
END_TIMEOUT_SEC = 3.0
# Room that a head and a picture of 1080p need; more is asked for when it comes to that.
_USUAL_BYTES = 64 << 20


class WorkerGone(Exception):
    """The process ended before it answered."""


class WorkerSilent(Exception):
    """The process did not answer in time."""


@dataclass(frozen=True)
class WorkerCommand:
    """How the worker is started: its Python, what follows the script, and the file for its log."""

    python: Path
    log_path: Path
    arguments: tuple[str, ...] = ()
    script: Path = WORKER_SCRIPT


class WorkerProcess:
    """A running worker with its pipes and shared file; use from one thread at a time."""

    def __init__(self, command: WorkerCommand) -> None:
        self.command = command
        self.facts: dict[str, Any] = {}
        self.status = "Starting"
        self._has_failed = False
        self._is_slow = False
        self._scratch = roomy_folder(_USUAL_BYTES)
        self._block: SharedBlock | None = None
        self._num_blocks = 0
        self._num_requests = 0
        self._lines: queue.Queue[dict[str, Any] | None] = queue.Queue()
        try:
            self._process = self._start()
        except OSError as error:
            self._scratch.cleanup()
            raise BackendUnavailable(
                f"The accelerator environment's Python '{command.python}' cannot be started "
                f"({error.strerror}): create the environment again in the add-on's preferences."
            ) from None
        self._reader = threading.Thread(target=self._read, name="CUDA worker", daemon=True)
        self._reader.start()

    @property
    def pid(self) -> int:
        """Number of the process."""
        return self._process.pid

    @property
    def is_ready(self) -> bool:
        """Whether the worker said that it can work."""
        return bool(self.facts)

    @property
    def is_starting(self) -> bool:
        """Whether it has neither said that it can work, nor that it cannot, nor ended."""
        return not self.is_ready and not self._has_failed

    def wait_until_ready(self, timeout_sec: float) -> None:
        """Wait for `ready`; raises BackendUnavailable with the worker's own sentence, or when time is up.

        The process goes on starting after the time is up, or at once when it says that it takes minutes:
        ask again later.
        """
        deadline_sec = time.monotonic() + timeout_sec
        while not self.is_ready:
            try:
                message = self._next_line(0.0 if self._is_slow else deadline_sec)
            except WorkerSilent:
                raise BackendUnavailable(
                    f"The CUDA worker is not ready yet ({self.status}): it goes on in the background."
                ) from None
            except WorkerGone:
                # The pipe ends a moment before the process does.
                self._has_failed = True
                raise BackendUnavailable(
                    f"The CUDA worker ended while it started: see {self.command.log_path}."
                ) from None
            self._take_greeting(message)

    def request(self, message: Mapping[str, Any], timeout_sec: float) -> dict[str, Any]:
        """Send a message and return its answer; raises WorkerGone or WorkerSilent."""
        self._num_requests += 1
        try:
            self._process.stdin.write(encode_line({**message, "id": self._num_requests}))
            self._process.stdin.flush()
        except OSError:
            raise WorkerGone from None
        deadline_sec = time.monotonic() + timeout_sec
        while True:
            answer = self._next_line(deadline_sec)
            if answer.get("id") == self._num_requests:
                return answer

    def block(self, num_bytes: int) -> SharedBlock:
        """The shared file, made anew when it is too small."""
        if self._block is None or self._block.num_bytes < num_bytes:
            old = self._block
            self._num_blocks += 1
            path = Path(self._scratch.name) / f"block-{self._num_blocks}"
            self._block = SharedBlock(path, num_bytes, create=True)
            if old is not None:
                # Windows keeps a mapped file until the worker lets go of it; the end removes it.
                with contextlib.suppress(OSError):
                    old.path.unlink()
        return self._block

    def end(self) -> None:
        """Close the pipe, which ends the worker; kill it if it does not listen."""
        with contextlib.suppress(OSError):
            self._process.stdin.close()
        try:
            self._process.wait(END_TIMEOUT_SEC if self.is_ready else 0.1)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._reader.join(END_TIMEOUT_SEC)
        self._block = None
        self._scratch.cleanup()

    def _start(self) -> subprocess.Popen:
        command = self.command
        command.log_path.parent.mkdir(parents=True, exist_ok=True)
        with _open_log(command.log_path) as log:
            return subprocess.Popen(
                [command.python, "-I", command.script, self._scratch.name, *command.arguments],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                env=_environment(command.python),
                creationflags=getattr(subprocess, "CREATE_NO_WINDOW", 0),
            )

    def _read(self) -> None:
        """Runs in a thread of its own until the pipe ends."""
        with self._process.stdout as answers:
            for line in iter(lambda: answers.readline(MAX_LINE_BYTES), b""):
                try:
                    self._lines.put(decode_line(line))
                except ValueError:
                    logger.warning("The CUDA worker wrote what is no message: %r", line[:80])
        self._lines.put(None)

    def _next_line(self, deadline_sec: float) -> dict[str, Any]:
        try:
            message = self._lines.get(timeout=max(0.0, deadline_sec - time.monotonic()))
        except queue.Empty:
            raise WorkerSilent from None
        if message is None:
            # Whoever asks next must hear it too.
            self._lines.put(None)
            raise WorkerGone
        return message

    def _take_greeting(self, message: dict[str, Any]) -> None:
        if message.get("protocol", PROTOCOL) != PROTOCOL:
            self._has_failed = True
            raise BackendUnavailable(
                f"The CUDA worker speaks version {message['protocol']} of its protocol, this add-on "
                f"{PROTOCOL}: update both to the same version."
            )
        if "error" in message:
            self._has_failed = True
            raise BackendUnavailable(str(message["error"]))
        self.status = str(message.get("status", self.status))
        self._is_slow = bool(message.get("is_slow", self._is_slow))
        self.facts = message.get("ready", self.facts)


def _open_log(path: Path) -> Any:
    """The log for appending; a long one is begun anew."""
    is_long = path.is_file() and path.stat().st_size > MAX_LOG_BYTES
    return path.open("wb" if is_long else "ab")


def _environment(python: Path) -> dict[str, str]:
    """Variables for the worker: its own tools first, nothing of Blender's Python."""
    kept = {k: v for k, v in os.environ.items() if k not in ("PYTHONHOME", "PYTHONPATH")}
    kept["PATH"] = os.pathsep.join([str(python.parent), kept.get("PATH", "")])
    return kept
