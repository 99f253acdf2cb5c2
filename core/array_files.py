"""Arrays in `.npz` files: of those that strangers made, sizes are checked before memory is asked for."""

from __future__ import annotations

import io
import re
import zipfile
from collections.abc import Collection, Mapping
from pathlib import Path

import numpy as np

from .archives import READ_ERRORS, entry_fault, opened_zip, unpacked
from .files import replace_on_success

# All arrays of one file together, unpacked: six hours of five layers at 30 frames a second are 690 MB.
MAX_BYTES = 2**30
MAX_HEADER_BYTES = 4096
_MAGIC = b"\x93NUMPY"
_SUFFIX = ".npy"
_HEADER = re.compile(
    rb"\{'descr': '([<>|=][bifuU][0-9]{1,9})', 'fortran_order': (True|False), "
    rb"'shape': \(([0-9, ]*)\), \} *\n"
)


def read_arrays(path: Path, wanted: Collection[str] | None = None) -> dict[str, np.ndarray]:
    """The arrays `wanted` (or all) of a `.npz` file, as far as they are there; plain numbers and text only.

    Raises `ValueError` with the reason where the file is none, and `OSError` where it cannot be read.
    """
    arrays, left = {}, MAX_BYTES
    try:
        with opened_zip(path) as archive:
            for info in archive.infolist():
                name = info.filename.removesuffix(_SUFFIX)
                if name == info.filename or (wanted is not None and name not in wanted):
                    continue
                fault = "stands in it twice" if name in arrays else entry_fault(info)
                if info.file_size > left:
                    fault = f"makes it unpack to more than {MAX_BYTES >> 30} GiB"
                if fault:
                    raise ValueError(f"its '{name[:60]}' {fault}")
                left -= info.file_size
                arrays[name] = _array(unpacked(archive, info, info.file_size), name)
    except OSError:
        raise
    except (zipfile.BadZipFile, *READ_ERRORS) as error:
        raise ValueError(str(error)) from None
    return arrays


def write_arrays(path: Path, arrays: Mapping[str, np.ndarray]) -> None:
    """Write `path` compressed, whole or not at all; raises `OSError` where the disk is full.

    It is put together in memory: a zip that a full disk cuts short tries to end itself once more when it is
    collected, and the console shows how that fails.
    """
    whole = io.BytesIO()
    np.savez_compressed(whole, **arrays)
    with replace_on_success(path) as temporary:
        temporary.write_bytes(whole.getbuffer())


def _array(data: bytes, name: str) -> np.ndarray:
    """The array in the bytes of a `.npy` file (format 1 to 3)."""
    length_bytes = 2 if data[6:7] == b"\x01" else 4
    start = 8 + length_bytes
    length = int.from_bytes(data[8:start], "little")
    if data[:6] != _MAGIC or length > MAX_HEADER_BYTES:
        raise ValueError(f"its '{name[:60]}' is no array")
    found = _HEADER.fullmatch(data[start : start + length])
    if found is None:
        raise ValueError(f"its '{name[:60]}' is no array of plain numbers")
    dtype = np.dtype(found[1].decode())
    shape = tuple(int(part) for part in found[3].split(b",") if part.strip())
    order = "F" if found[2] == b"True" else "C"
    count = 1
    for side in shape:
        count *= side
    if count * dtype.itemsize != len(data) - start - length or not dtype.itemsize:
        raise ValueError(f"its '{name[:60]}' has another size than its shape says")
    return np.frombuffer(data, dtype, count, start + length).reshape(shape, order=order).copy()
