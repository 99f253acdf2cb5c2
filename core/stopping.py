"""Ctrl-C, and a wish to terminate, where nothing is at work yet that would have to be ended in order."""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NoReturn

SIGNALS = (signal.SIGINT, signal.SIGTERM)
STOPPED_CODE = 130


def leave(code: int) -> NoReturn:
    """End the process with `code`; one that was stopped at once, for threads of libraries at work may crash its end."""
    if code == STOPPED_CODE:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)
    raise SystemExit(code)


@contextmanager
def stopped_at_once(sentence: str) -> Iterator[None]:
    """Let Ctrl-C end the process, with a sentence, in a block that loads libraries.

    Those make other errors of an exception at any place, swallow it, or crash.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def leave_now(*_: object) -> None:
        sys.stderr.write(f"{sentence}\n")
        sys.stderr.flush()
        os._exit(STOPPED_CODE)

    before = {number: signal.signal(number, leave_now) for number in SIGNALS}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler or signal.SIG_DFL)
