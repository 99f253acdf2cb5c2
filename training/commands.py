"""How commands of the training end: 0, one sentence and 1, or 130 where they were stopped."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from ..core.errors import GaussianHeadsError

FAILED, INTERRUPTED = 1, 130
STOPPED = "Stopped: the same command goes on from here.\n"
SIGNALS = (signal.SIGINT, signal.SIGTERM)


def run_command(work: Callable[[], int | None]) -> int:
    """Do the `work` of a command that resumes; returns the exit code, its own or that of how it ended."""
    # A shell lets its background jobs ignore Ctrl-C; `kill` ends a command as cleanly.
    for number in SIGNALS:
        signal.signal(number, signal.default_int_handler)
    try:
        return work() or 0
    except GaussianHeadsError as error:
        sys.stderr.write(f"{error}\n")
        return FAILED
    except OSError as error:
        # Full disks and folders that are closed to us show where something is written, which is everywhere.
        where = f" '{error.filename}'" if error.filename else ""
        sys.stderr.write(f"{error.strerror or error}{where}: check path and disk.\n")
        return FAILED
    except KeyboardInterrupt:
        sys.stderr.write(STOPPED)
        return INTERRUPTED


@contextmanager
def stopped_at_once() -> Iterator[None]:
    """Let Ctrl-C end the process in a block that imports: libraries make other errors of it, or swallow it."""
    before = {number: signal.signal(number, _leave) for number in SIGNALS}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler or signal.SIG_DFL)


def _leave(*_: object) -> None:
    sys.stderr.write(STOPPED)
    sys.stderr.flush()
    os._exit(INTERRUPTED)
