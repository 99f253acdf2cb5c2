"""How long a run has taken, over all its starts."""

from __future__ import annotations

import time


class Clock:
    """Time that a run has taken, also before it was stopped."""

    def __init__(self) -> None:
        self._before_sec, self._started = 0.0, None

    def start(self) -> None:
        """Time runs from here."""
        self._started = time.monotonic()

    def elapsed_sec(self) -> float:
        """All of the time so far."""
        running = 0.0 if self._started is None else time.monotonic() - self._started
        return self._before_sec + running

    def state_dict(self) -> dict[str, float]:
        """The time so far."""
        return {"elapsed_sec": self.elapsed_sec()}

    def load_state_dict(self, state: dict[str, float]) -> None:
        """Go on counting from there."""
        self._before_sec = state["elapsed_sec"]
