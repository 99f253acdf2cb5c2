"""How far long work has come: one callback over all of its stages, which may also stop it."""

from __future__ import annotations

from collections.abc import Callable

from .errors import AudioError

Progress = Callable[[float], bool | None]
"""Told how much is done (0 to 1); returning False stops the work."""


class AnalysisCancelled(AudioError):
    """The progress callback asked to stop."""


def report(progress: Progress | None, done: float) -> None:
    """Tell `progress` that the part `done` (0 to 1) is over; raises where it asks to stop."""
    if progress is not None and progress(done) is False:
        raise AnalysisCancelled(
            "The analysis of the sound was stopped: start it again when needed."
        )


def part(progress: Progress | None, begin: float, end: float) -> Progress | None:
    """The progress of a stage: its 0 to 1 is the part [begin, end] of the whole."""
    if progress is None:
        return None
    return lambda done: progress(begin + (end - begin) * done)
