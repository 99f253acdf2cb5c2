"""Making and checking the accelerator environment: a Python of its own with torch and gsplat, beside Blender.

Nothing here runs unless a person asks for it. Threads of this module touch nothing of Blender's.
"""

from __future__ import annotations

import collections
import contextlib
import logging
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..core.errors import BackendUnavailable, GaussianHeadsError
from ..core.render import cuda
from .listeners import stops_with_add_on

logger = logging.getLogger(__name__)

REQUIREMENTS = Path(__file__).resolve().parent.parent / "training" / "accelerator.txt"
# Written last: an environment without it was never finished.
MARKER = "gaussian-heads-accelerator.txt"
LOG_NAME = "accelerator_setup.log"
SIZE_SENTENCE = "About 3.5 GB to download and 8 GB on the disk"
NEEDED_BYTES = 10_000_000_000
PYTHONS = ("python3.13", "python3.12", "python3.11")
VERSIONS = range(11, 14)
# PyPI has torch with CUDA for Linux alone.
WINDOWS_TORCH_INDEX = "https://download.pytorch.org/whl/cu130"
_QUIET_SEC = 0.2
_UNEXPECTED = (OSError, ValueError, RuntimeError, subprocess.SubprocessError)


class AcceleratorError(GaussianHeadsError):
    """An environment that cannot be made."""


@dataclass(frozen=True)
class AcceleratorPlan:
    """Where the environment goes, whose Python it copies, and where packages come from.

    Without `wheels`, a folder of wheel files, they are fetched from the network.
    """

    folder: Path
    log_path: Path
    python: Path
    wheels: Path | None = None

    def check(self, *, is_online: bool) -> None:
        """Refuse with a sentence what cannot work."""
        if self.wheels is None and not is_online:
            raise AcceleratorError(
                "Blender may not use the network: allow online access in Preferences > System, or "
                "choose a folder with wheel files."
            )
        if self.wheels is not None and not any(self.wheels.glob("*.whl")):
            raise AcceleratorError(f"'{self.wheels}' holds no wheel files: choose another folder.")
        if self.folder.exists() and any(self.folder.iterdir()) and not is_environment(self.folder):
            raise AcceleratorError(
                f"'{self.folder}' is not empty: choose an empty folder for the environment."
            )
        parent = next(p for p in (self.folder, *self.folder.parents) if p.exists())
        free_bytes = shutil.disk_usage(parent).free
        if self.wheels is None and free_bytes < NEEDED_BYTES:
            raise AcceleratorError(
                f"The disk of '{parent}' has {free_bytes / 1e9:.0f} GB left, {NEEDED_BYTES / 1e9:.0f} GB "
                "are needed: free some or choose another folder."
            )

    def commands(self) -> list[list[str]]:
        """The programs to run, one after another."""
        pip = [str(cuda.environment_python(self.folder)), "-m", "pip"]
        install = [*pip, "install", "--no-input", "--disable-pip-version-check"]
        if self.wheels is not None:
            install += ["--no-index", "--find-links", str(self.wheels)]
        elif sys.platform == "win32":
            install += ["--extra-index-url", WINDOWS_TORCH_INDEX]
        return [
            [str(self.python), "-m", "venv", "--clear", str(self.folder)],
            [*install, "--requirement", str(REQUIREMENTS)],
        ]


class BackgroundTask:
    """A piece of work in a thread; `line` is what it says, `wait` or `is_running` when it ended."""

    def __init__(self, title: str, work: Callable[[BackgroundTask], str]) -> None:
        self.title = title
        self.line = "Starting"
        self.error = ""
        self.result = ""
        self._cancelled = threading.Event()
        self._work = work
        self._thread = threading.Thread(target=self._run, name=title, daemon=True)
        self._thread.start()

    @property
    def is_running(self) -> bool:
        """Whether the thread still works."""
        return self._thread.is_alive()

    @property
    def is_cancelled(self) -> bool:
        """Whether `cancel` was called."""
        return self._cancelled.is_set()

    def cancel(self) -> None:
        """Ask it to stop; programs it started are ended."""
        self._cancelled.set()

    def wait(self) -> None:
        """Block until the thread ends."""
        self._thread.join()

    def _run(self) -> None:
        try:
            self.result = self._work(self)
        except GaussianHeadsError as error:
            self.error = str(error)
        except _UNEXPECTED as error:
            logger.exception("%s failed", self.title)
            self.error = f"{self.title} failed: {error}"


_task: BackgroundTask | None = None


def current_task() -> BackgroundTask | None:
    """The last piece of work, running or ended; None before the first."""
    return _task


def start_creating(plan: AcceleratorPlan) -> BackgroundTask:
    """Begin to make the environment that `plan` describes."""
    return _start("Create Accelerator", lambda task: _create(plan, task))


def start_checking() -> BackgroundTask:
    """Begin to start the worker of the configured environment; compiles gsplat the first time."""
    return _start("Check Accelerator", _check)


@stops_with_add_on
def cancel_task() -> None:
    """Stop what is at work and wait for it."""
    if _task is not None and _task.is_running:
        _task.cancel()
        _task.wait()


def is_environment(folder: Path) -> bool:
    """Whether `folder` holds an environment that was made here to the end."""
    return (folder / MARKER).is_file()


def find_python() -> Path:
    """A Python 3.11 to 3.13 of the system, which has the headers compilers need; else Blender's own."""
    for name in PYTHONS:
        found = shutil.which(name)
        if found:
            return Path(found)
    return Path(sys.executable)


def _start(title: str, work: Callable[[BackgroundTask], str]) -> BackgroundTask:
    global _task
    if _task is not None and _task.is_running:
        raise AcceleratorError(f"'{_task.title}' is still at work: wait for it or cancel it.")
    _task = BackgroundTask(title, work)
    return _task


def _create(plan: AcceleratorPlan, task: BackgroundTask) -> str:
    _require_python(plan.python)
    cuda.close()
    plan.log_path.parent.mkdir(parents=True, exist_ok=True)
    with plan.log_path.open("w", encoding="utf8") as log, _replaced(plan.folder):
        for command in plan.commands():
            _run_command(command, log, task)
        (plan.folder / MARKER).write_text(f"made with {plan.python}\n", "utf8")
    return f"The accelerator environment stands in '{plan.folder}'."


@contextlib.contextmanager
def _replaced(folder: Path) -> Iterator[None]:
    """Put an environment that stands in `folder` aside, and back unless the new one is finished.

    A new one cannot be made elsewhere and moved: environments know where they stand.
    """
    aside = folder.with_name(f"{folder.name}.previous")
    if is_environment(folder):
        shutil.rmtree(aside, ignore_errors=True)
        folder.rename(aside)
    try:
        yield
    finally:
        if is_environment(folder):
            shutil.rmtree(aside, ignore_errors=True)
        else:
            # Nothing half made stays behind.
            shutil.rmtree(folder, ignore_errors=True)
            if aside.exists():
                aside.rename(folder)


def _require_python(python: Path) -> None:
    code = "import sys, venv, ensurepip; print(*sys.version_info[:2])"
    try:
        found = subprocess.run(
            [python, "-I", "-c", code], capture_output=True, text=True, timeout=60, check=True
        )
    except (OSError, subprocess.SubprocessError):
        raise AcceleratorError(
            f"'{python}' cannot make environments: install Python 3.11 to 3.13 with its venv module."
        ) from None
    major, minor = (int(word) for word in found.stdout.split())
    if major != 3 or minor not in VERSIONS:
        raise AcceleratorError(
            f"'{python}' is Python {major}.{minor}: choose a Python from 3.11 to 3.13."
        )


def _run_command(command: Sequence[str], log: Any, task: BackgroundTask) -> None:
    """Run a program to its end; its output goes to the log and, line by line, to the person."""
    log.write(f"$ {' '.join(command)}\n")
    environment = {k: v for k, v in os.environ.items() if not k.startswith("PYTHON")}
    process = subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        env=environment,
        start_new_session=sys.platform != "win32",
        creationflags=getattr(subprocess, "CREATE_NO_WINDOW", 0),
    )
    tail: collections.deque[str] = collections.deque(maxlen=20)
    reader = threading.Thread(target=_follow, args=(process.stdout, log, tail, task), daemon=True)
    reader.start()
    while reader.is_alive() and not task.is_cancelled:
        reader.join(_QUIET_SEC)
    if task.is_cancelled:
        end_tree(process)
    process.wait()
    reader.join()
    process.stdout.close()
    if task.is_cancelled:
        raise AcceleratorError("The work was stopped; nothing of it is left.")
    if process.returncode != 0:
        reason = next(
            (line for line in reversed(tail) if "ERROR" in line), tail[-1] if tail else ""
        )
        raise AcceleratorError(f"{reason or 'A program failed'}: see {log.name}.")


def _follow(
    lines: Iterable[str], log: Any, tail: collections.deque[str], task: BackgroundTask
) -> None:
    for line in lines:
        log.write(line)
        log.flush()
        if line.strip():
            task.line = line.strip()[:120]
            tail.append(task.line)


def end_tree(process: subprocess.Popen) -> None:
    """End a program and those it started: pip runs compilers and installers."""
    if sys.platform == "win32":
        subprocess.run(["taskkill", "/F", "/T", "/PID", str(process.pid)], capture_output=True)
        return
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)


def _check(task: BackgroundTask) -> str:
    from .rasterisers import configured_cuda

    worker = configured_cuda().accelerator()
    while True:
        try:
            facts = worker.check(_QUIET_SEC)
        except BackendUnavailable as error:
            if not worker.is_starting:
                raise
            task.line = str(error)
        else:
            return _described(facts)
        if task.is_cancelled:
            worker.close()
            raise AcceleratorError("The check was stopped.")
        time.sleep(_QUIET_SEC)


def _described(facts: dict[str, Any]) -> str:
    words = [f"{name} {facts[name]}" for name in ("gsplat", "torch", "cuda") if name in facts]
    decoder = f"; heads decoded by {facts['decoder']}" if "decoder" in facts else ""
    return (
        f"{facts.get('device', 'A device')} draws with {', '.join(words) or 'the worker'}{decoder}."
    )
