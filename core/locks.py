"""One process at a time: a file that is held as long as a block runs, and let go when a process dies."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from .errors import GaussianHeadsError

POLL_SEC = 0.1
# Windows locks bytes and lets nobody else write them: one far behind what any log holds.
_FAR_BYTE = 1 << 40


class InUseError(GaussianHeadsError):
    """Another process holds the file."""


@contextmanager
def held(path: Path, wait_sec: float = 0.0) -> Iterator[None]:
    """Hold the file `path`, made if need be, for this process alone; waits `wait_sec` for another one."""
    last_sec = time.monotonic() + wait_sec
    with path.open("ab") as stream:
        while not _lock(stream.fileno()):
            if time.monotonic() >= last_sec:
                raise InUseError(
                    f"Another process is at work on '{path}': wait until it ends, or end it."
                )
            time.sleep(POLL_SEC)
        yield


def _lock(descriptor: int) -> bool:
    """Whether the file is ours now. It stays so until it is closed."""
    if sys.platform == "win32":
        return _lock_on_windows(descriptor)
    import fcntl

    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _lock_on_windows(descriptor: int) -> bool:
    import msvcrt
    import os

    os.lseek(descriptor, _FAR_BYTE, os.SEEK_SET)
    try:
        msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
    except PermissionError:
        return False
    return True
