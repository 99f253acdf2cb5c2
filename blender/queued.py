"""Work that waits for its turn, because one piece of it uses the whole computer."""

from __future__ import annotations

import threading
import time
from abc import ABC, abstractmethod

from ..core.progress import AnalysisCancelled, Progress
from .work import Work

TURN_POLL_SEC = 0.1
# How long and how far work must be under way before the time left is told.
ESTIMATE_SEC, ESTIMATE_PART = 1.0, 0.03


class QueuedJob(ABC):
    """One thread beside the interface, which touches nothing of Blender's; `_do` is what it does."""

    # What it is doing, for the person who waits.
    doing = "Working"
    # For whom: each entry has an `object_uid`, and the `line_id` of a dialogue's line or "".
    listenings: tuple = ()

    def __init__(self) -> None:
        self._began_sec = 0.0
        self._work = Work(self._run, f"Gaussian Heads {self.doing.lower()}")

    def start(self) -> None:
        """Begin, or wait for the turn."""
        self._work.start()

    def cancel(self) -> None:
        """Ask the thread to stop; it does so at its next report of progress."""
        self._work.cancel()

    @property
    def is_cancelled(self) -> bool:
        """Whether `cancel` was called."""
        return self._work.is_cancelled

    @property
    def is_running(self) -> bool:
        """Whether the thread still works."""
        return self._work.is_running

    @property
    def is_waiting(self) -> bool:
        """Whether another job has the turn."""
        return not self._began_sec

    @property
    def progress(self) -> float:
        """How much of it is done, 0 to 1."""
        return self._work.progress

    @property
    def left_sec(self) -> float | None:
        """Seconds that it will still take, None where that cannot be said yet."""
        elapsed_sec = time.monotonic() - self._began_sec
        done = self.progress
        if self.is_waiting or elapsed_sec < ESTIMATE_SEC or done < ESTIMATE_PART:
            return None
        return elapsed_sec * (1.0 - done) / done

    def _run(self, progress: Progress) -> None:
        with _Turn(progress):
            self._began_sec = time.monotonic()
            self._do(progress)

    @abstractmethod
    def _do(self, progress: Progress) -> None:
        """The work itself, in the thread."""


class _Turn:
    """The right to use the computer's cores; waiting for it can be stopped."""

    _lock = threading.Lock()

    def __init__(self, progress: Progress) -> None:
        self._progress = progress

    def __enter__(self) -> None:
        while not self._lock.acquire(timeout=TURN_POLL_SEC):
            if self._progress(0.0) is False:
                raise AnalysisCancelled("The analysis was stopped before its turn.")

    def __exit__(self, *_: object) -> None:
        self._lock.release()
