"""Writing files so that a crash or a full disk never leaves half of one, nor for ever what it had begun."""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
import platform
import re
import shutil
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path

# NAME~HOST.PROCESS.RANDOM and an ending; Blender adds "@" to what it writes, a number to what it replaces.
_UNFINISHED = re.compile(r".*~([0-9a-f]{8})\.(\d+)\.[a-z0-9_]{8}(?:\.[^.]+)?[@\d]*")
_MAX_NAME_BYTES, _MAX_SUFFIX_BYTES = 80, 16
# What a computer that we know nothing of has not touched for so long will not be finished.
_FORSAKEN_SEC = 86_400.0

FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
"""Numbers of errors that say that a disk, somebody's share of it or a file has no more room."""

_at_work: set[Path] = set()
_tidied: set[Path] = set()
_lock = threading.Lock()


@contextmanager
def replace_on_success(path: Path) -> Iterator[Path]:
    """Give a temporary path beside `path`; rename it over `path` when the block ends without error.

    What killed processes left beside it is removed when this process first writes there.
    """
    path = Path(path)
    try:
        with _replaced(path) as temporary:
            yield temporary
    except OSError as error:
        # Whoever reads the error knows the file by its own name; a full disk names none.
        if (
            error.filename is None
            and error.errno in FULL
            or _UNFINISHED.fullmatch(Path(str(error.filename)).name)
        ):
            error.filename = str(path)
        raise


@contextmanager
def _replaced(path: Path) -> Iterator[Path]:
    path.parent.mkdir(parents=True, exist_ok=True)
    _tidy_once(path.parent)
    suffix = path.suffix if len(path.suffix.encode()) <= _MAX_SUFFIX_BYTES else ""
    with _lock:
        handle, name = tempfile.mkstemp(suffix, _mark(f".{path.stem}"), path.parent)
        os.close(handle)
        temporary = Path(name)
        _at_work.add(temporary)
    try:
        yield temporary
        # mkstemp makes the file private; a result should have the mode any new file gets.
        umask = os.umask(0)
        os.umask(umask)
        temporary.chmod(0o666 & ~umask)
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)
        _at_work.discard(temporary)


def new_scratch_folder(base: Path | None = None) -> tempfile.TemporaryDirectory:
    """A temporary folder (below `base`, by default the system's) that deletes itself when it is closed.

    Those of processes that were killed are deleted when this process first makes one.
    """
    base = Path(base or tempfile.gettempdir())
    _tidy_once(base)
    with _lock:
        folder = tempfile.TemporaryDirectory(
            prefix=_mark("gaussian_heads"), dir=base, ignore_cleanup_errors=True
        )
        _at_work.add(Path(folder.name))
    return folder


def remove_unfinished(folder: Path) -> list[Path]:
    """Delete what processes that are gone had begun to write in `folder`; returns it."""
    removed = []
    with _lock:
        for path in _unfinished(folder):
            # Gone meanwhile, or not ours to delete.
            with contextlib.suppress(OSError):
                if path not in _at_work and _is_forsaken(path):
                    _delete(path)
                    removed.append(path)
    return removed


def _unfinished(folder: Path) -> list[Path]:
    try:
        return [path for path in folder.iterdir() if _UNFINISHED.fullmatch(path.name)]
    except OSError:
        return []


def _tidy_once(folder: Path) -> None:
    if folder not in _tidied:
        _tidied.add(folder)
        remove_unfinished(folder)


def _delete(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink()


def _mark(name: str) -> str:
    """The start of a temporary name, which tells whose it is."""
    short = name.encode(errors="ignore")[:_MAX_NAME_BYTES].decode(errors="ignore")
    return f"{short}~{_host()}.{os.getpid()}."


@cache
def _host() -> str:
    """Eight digits for this computer; containers count processes anew, so each is one of its own."""
    names = [platform.node()]
    with contextlib.suppress(OSError):
        names.append(os.readlink("/proc/self/ns/pid"))
    return hashlib.blake2b("\0".join(names).encode(), digest_size=4).hexdigest()


def _is_forsaken(path: Path) -> bool:
    host, process = _UNFINISHED.fullmatch(path.name).groups()
    if host != _host():
        return path.is_file() and time.time() - path.stat().st_mtime > _FORSAKEN_SEC
    # Numbers come again: what has ours and is not at work was another's.
    return int(process) == os.getpid() or not _is_running(int(process))


def _is_running(process: int) -> bool:
    if sys.platform == "win32":
        return _is_running_on_windows(process)
    try:
        os.kill(process, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except PermissionError:
        return True
    return True


def _is_running_on_windows(process: int) -> bool:
    import ctypes

    kernel = ctypes.WinDLL("kernel32", use_last_error=True)
    synchronize, access_denied, timeout = 0x100000, 5, 0x102
    handle = kernel.OpenProcess(synchronize, False, process)
    if not handle:
        return ctypes.get_last_error() == access_denied
    try:
        return kernel.WaitForSingleObject(handle, 0) == timeout
    finally:
        kernel.CloseHandle(handle)
