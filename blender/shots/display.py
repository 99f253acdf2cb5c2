"""One display for all shots of a batch: lines redrawn in place on a terminal, plain lines in a log."""

from __future__ import annotations

import os
import shutil
import sys
import time
from typing import TextIO

from .standing import Standing

DRAWN_EVERY_SEC, LOGGED_EVERY_SEC = 0.2, 30.0
BAR_CELLS, MAX_NAME_CELLS = 20, 24
# To the start of the line N above, and clear what is below.
UP, CLEAR = "\x1b[{}F", "\x1b[J"
# Windows asks a program to say so before its consoles obey such codes.
_STDERR_HANDLE, _OBEY_CODES = -12, 0x0004


class Display:
    """What a user sees of a batch on `stream`; `tell` and `show` are what `run_batch` wants."""

    def __init__(self, stream: TextIO, logged_every_sec: float = LOGGED_EVERY_SEC) -> None:
        self._stream = stream
        self._is_live = stream.isatty() and _obeys_codes()
        self._every_sec = DRAWN_EVERY_SEC if self._is_live else logged_every_sec
        self._shown_sec = float("-inf") if self._is_live else time.monotonic()
        self._drawn: list[str] = []

    def tell(self, line: str) -> None:
        """Write a line that stays, above what is redrawn."""
        self._write([line], self._drawn)

    def show(self, standing: Standing) -> None:
        """Show how far the batch is, at a rate that suits the stream."""
        if time.monotonic() - self._shown_sec < self._every_sec:
            return
        self._shown_sec = time.monotonic()
        if not self._is_live:
            self._write([log_line(standing)], [])
            return
        size = shutil.get_terminal_size()
        lines = block(standing, size.columns, size.lines)
        if lines != self._drawn:
            self._write([], lines)

    def close(self) -> None:
        """Take away what is redrawn."""
        self._write([], [])

    def _write(self, stays: list[str], redrawn: list[str]) -> None:
        erased = (UP.format(len(self._drawn)) + CLEAR) if self._drawn else ""
        self._stream.write(erased + "".join(f"{line}\n" for line in [*stays, *redrawn]))
        self._stream.flush()
        self._drawn = redrawn


def block(standing: Standing, columns: int, rows: int) -> list[str]:
    """A line for each shot at work, as many as fit, and one for the whole."""
    room = max(rows - 2, 1)
    names = list(standing.at_work)
    shown = names if len(names) <= room else names[: room - 1]
    width = max((min(len(name), MAX_NAME_CELLS) for name in shown), default=0)
    lines = [f"{_shortened(name).ljust(width)}  {_bar(standing.at_work[name])}" for name in shown]
    if len(shown) < len(names):
        lines.append(f"and {len(names) - len(shown)} more at work")
    whole = f"{_counts(standing)}  {_bar(standing.done)}, {_times(standing)}"
    # A line that wraps could not be taken away again.
    return [line[: columns - 1] for line in [*lines, whole]]


def log_line(standing: Standing) -> str:
    """The same in one line."""
    at_work = ", ".join(f"{name} {part:.0%}" for name, part in standing.at_work.items())
    work = f"; at work: {at_work}" if at_work else ""
    return f"{_counts(standing)}, {standing.done:.0%}, {_times(standing)}{work}"


def clock(seconds: float) -> str:
    """`seconds` as 0:07, 12:34 or 1:02:03."""
    minutes, second = divmod(round(seconds), 60)
    hours, minute = divmod(minutes, 60)
    return f"{hours}:{minute:02d}:{second:02d}" if hours else f"{minute}:{second:02d}"


def _counts(standing: Standing) -> str:
    failed = f", {standing.num_failed} failed" if standing.num_failed else ""
    return f"{standing.num_ended} of {standing.num_shots} shots{failed}"


def _times(standing: Standing) -> str:
    left = "" if standing.left_sec is None else f", {clock(standing.left_sec)} left"
    return f"{clock(standing.gone_sec)} gone{left}"


def _bar(part: float) -> str:
    full = round(part * BAR_CELLS)
    return f"[{'#' * full}{'.' * (BAR_CELLS - full)}] {int(100 * part):3d} %"


def _shortened(name: str) -> str:
    return name if len(name) <= MAX_NAME_CELLS else f"{name[: MAX_NAME_CELLS - 2]}.."


def _obeys_codes() -> bool:
    """Whether the terminal moves its cursor when it is told to."""
    if os.environ.get("TERM") == "dumb":
        return False
    if sys.platform != "win32":
        return True
    import ctypes

    kernel, mode = ctypes.windll.kernel32, ctypes.c_uint32()
    handle = kernel.GetStdHandle(_STDERR_HANDLE)
    return bool(
        kernel.GetConsoleMode(handle, ctypes.byref(mode))
        and kernel.SetConsoleMode(handle, mode.value | _OBEY_CODES)
    )
