"""Opening zips that strangers made: what the directory claims is bounded before it is believed."""

from __future__ import annotations

import stat
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

READ_ERRORS = (OSError, EOFError, RuntimeError, NotImplementedError, ValueError, zlib.error)
# Room for thousands of files; each costs several hundred bytes of memory.
MAX_DIRECTORY_BYTES = 2**20


@contextmanager
def opened_zip(path: Path) -> Iterator[zipfile.ZipFile]:
    """The zip at `path`; raises `BadZipFile` for none, and for a directory that no file of ours has."""
    with path.open("rb") as stream, zip_of(stream) as archive:
        yield archive


@contextmanager
def zip_of(stream: BinaryIO) -> Iterator[zipfile.ZipFile]:
    """The zip in an open file."""
    frugal = _FrugalFile(stream)
    with zipfile.ZipFile(frugal) as archive:
        frugal.most_bytes = None
        yield archive


def entry_fault(info: zipfile.ZipInfo) -> str | None:
    """Why an entry is not unpacked, as the end of a sentence; None where nothing is wrong with it."""
    if info.flag_bits & 0x1:
        return "is encrypted"
    if stat.S_ISLNK(info.external_attr >> 16):
        return "is a link"
    if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        return "is neither stored nor deflated"
    return None


def unpacked(archive: zipfile.ZipFile, info: zipfile.ZipInfo, most_bytes: int) -> bytes:
    """All of an entry, at most `most_bytes` whatever the directory claims.

    Raises `BadZipFile` where it has another size than it declares, and what else is in `READ_ERRORS`.
    """
    with archive.open(info) as stream:
        data = stream.read(most_bytes + 1)
    if len(data) > most_bytes or len(data) != info.file_size:
        raise zipfile.BadZipFile("it unpacks to another size than it declares")
    return data


class _FrugalFile:
    """A file that gives at most `most_bytes` at once: the directory of a zip is read in one piece."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        self.most_bytes: int | None = MAX_DIRECTORY_BYTES

    def read(self, num_bytes: int = -1) -> bytes:
        if self.most_bytes is not None and num_bytes > self.most_bytes:
            raise zipfile.BadZipFile("its list of files is longer than any avatar's or recording's")
        return self._stream.read(num_bytes)

    def __getattr__(self, name: str) -> object:
        return getattr(self._stream, name)
