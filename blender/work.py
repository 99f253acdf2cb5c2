"""One piece of work in a thread beside the interface: told to stop, asked how far it is."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Generic, TypeVar

from ..core.errors import GaussianHeadsError
from ..core.progress import Progress

Result = TypeVar("Result")
# Faults of libraries below the work; anything else ends the thread with its traceback.
_UNEXPECTED = (OSError, ValueError, TypeError, RuntimeError, MemoryError)


class Work(Generic[Result]):
    """Runs `task`, which touches nothing of Blender's, with a progress that stops it when asked to."""

    def __init__(self, task: Callable[[Progress], Result], name: str) -> None:
        self.progress = 0.0
        self._task = task
        self._is_cancelled = threading.Event()
        self._results: list[Result] = []
        self._error: BaseException | None = None
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def cancel(self) -> None:
        """Ask the work to stop; it does so at its next report of progress."""
        self._is_cancelled.set()

    @property
    def is_cancelled(self) -> bool:
        """Whether `cancel` was called."""
        return self._is_cancelled.is_set()

    @property
    def is_running(self) -> bool:
        """Whether the thread still works."""
        return self._thread.is_alive()

    def wait(self, timeout_sec: float | None = None) -> None:
        """Wait for the end of the work, at most so long."""
        self._thread.join(timeout_sec)

    def result(self) -> Result:
        """What the work gave; waits for it, and raises the error that ended it."""
        self._thread.join()
        if self._error is not None:
            raise self._error
        if not self._results:
            raise GaussianHeadsError("The work was stopped before its end: start it again.")
        return self._results[0]

    def _run(self) -> None:
        # What goes wrong belongs to the one who waits: `result` raises it in his thread.
        try:
            self._results.append(self._task(self._report))
        except (GaussianHeadsError, *_UNEXPECTED) as error:
            self._error = error

    def _report(self, done: float) -> bool:
        self.progress = done
        return not self.is_cancelled
