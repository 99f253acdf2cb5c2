"""What a reader may not do while it reads: write, connect, start programs, take long, or fail in any odd way."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from gaussian_heads.core.errors import GaussianHeadsError

MOST_SEC = 5.0
MOST_LETTERS = 2000
_WRITES = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND
_CHANGES = ("os.mkdir", "os.rename", "os.remove", "os.rmdir", "os.symlink", "os.link", "os.truncate", "os.chmod",
            "shutil.", "tempfile.", "subprocess.", "os.system", "os.exec", "os.spawn", "os.posix_spawn", "socket.",
            "urllib.", "ftplib.", "smtplib.", "http.")  # fmt: skip


def examples(few: int) -> int:
    """How many inputs a test draws; `make fuzz` asks for so many times more."""
    return few * int(os.environ.get("GAUSSIAN_HEADS_FUZZ_TIMES", "1"))


class Finding(AssertionError):
    """A reader did what it must not."""


@dataclass
class _Watch:
    """The hook stays for as long as the process lives; it listens only while a reader is at work."""

    is_on: bool = False
    is_set: bool = False
    seen: list[str] = field(default_factory=list)

    def hear(self, event: str, arguments: tuple) -> None:
        if not self.is_on:
            return
        if event == "open":
            path, mode, flags = arguments
            is_write = bool(flags & _WRITES) if isinstance(flags, int) else "w" in (mode or "")
            # Python keeps what it compiled of its own modules; nothing of a reader's.
            if is_write and "__pycache__" not in str(path) and str(path) != os.devnull:
                self.seen.append(f"open {path!r} {mode}")
        elif event.startswith(_CHANGES):
            self.seen.append(f"{event} {arguments!r}"[:200])


_watch = _Watch()


def read_guarded(read: Callable[[Path], object], path: Path) -> bool:
    """Let `read` have the file; whether it was taken. Raises `Finding` for whatever is not one sentence."""
    if not _watch.is_set:
        sys.addaudithook(_watch.hear)
        _watch.is_set = True
    _watch.seen.clear()
    begin_sec, error = time.process_time(), None
    _watch.is_on = True
    try:
        read(path)
    except GaussianHeadsError as caught:
        error = caught
    finally:
        _watch.is_on = False
    took_sec = time.process_time() - begin_sec
    if _watch.seen:
        raise Finding(f"it did {_watch.seen[:3]}")
    if took_sec > MOST_SEC:
        raise Finding(f"it took {took_sec:.1f} s")
    if error is not None:
        _require_sentence(str(error), error)
    return error is None


def _require_sentence(message: str, error: GaussianHeadsError) -> None:
    """One line, of some length, that anybody can print; a line to each fault in files of shots."""
    lines = message.split("\n") if hasattr(error, "faults") else [message]
    for line in lines:
        is_plain = line.isprintable() or all(
            c.isprintable() or c in "\u200b\ufeff\xad" for c in line
        )
        if not line or len(line) > MOST_LETTERS or (not is_plain and not _is_writable(line)):
            raise Finding(f"it said {line[:200]!r}")


def _is_writable(line: str) -> bool:
    """Odd letters are no harm as long as they are letters: neither control codes nor halves."""
    import unicodedata

    return all(unicodedata.category(letter) not in ("Cc", "Cs") for letter in line)
