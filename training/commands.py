"""How commands of the training end: 0, one sentence and 1, or 130 where they were stopped."""

from __future__ import annotations

import signal
import sys
from collections.abc import Callable

from ..core.errors import GaussianHeadsError
from ..core.stopping import SIGNALS, STOPPED_CODE

FAILED = 1
STOPPED = "Stopped: the same command goes on from here."


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
        sys.stderr.write(f"{STOPPED}\n")
        return STOPPED_CODE
