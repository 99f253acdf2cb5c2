"""How a camera was held, from the EXIF note inside a picture file; read without an image library."""

from __future__ import annotations

import struct

import numpy as np
from jaxtyping import UInt8

ORIENTATION_TAG = 0x0112
UPRIGHT = 1
_MARKS = (b"Exif\0\0", b"eXIf", b"EXIF")
_BYTE_ORDERS = {b"II*\0": "<", b"MM\0*": ">"}
_ENTRY_BYTES = 12


def exif_orientation(head: bytes) -> int:
    """Orientation 1 to 8 (1 is upright) that the first bytes of a JPEG, PNG, WebP or TIFF file name."""
    starts = [head.find(mark) + len(mark) for mark in _MARKS if mark in head]
    for start in (0, *sorted(starts)):
        # A WebP chunk carries its length, and some writers repeat the mark, before the note.
        for skipped in (0, 4, 10):
            order = _BYTE_ORDERS.get(head[start + skipped : start + skipped + 4])
            if order:
                return _orientation(head[start + skipped :], order)
    return UPRIGHT


def turn_upright(
    pixels: UInt8[np.ndarray, "H W C"], orientation: int
) -> UInt8[np.ndarray, "h w C"]:
    """Turn and mirror a picture that was stored with an EXIF `orientation`."""
    if orientation in (5, 6, 7, 8):
        pixels = pixels.swapaxes(0, 1)
    if orientation in (3, 4, 7, 8):
        pixels = pixels[::-1]
    if orientation in (2, 3, 6, 7):
        pixels = pixels[:, ::-1]
    return np.ascontiguousarray(pixels)


def _orientation(note: bytes, order: str) -> int:
    try:
        (directory,) = struct.unpack_from(f"{order}I", note, 4)
        (num_entries,) = struct.unpack_from(f"{order}H", note, directory)
        for index in range(num_entries):
            entry = struct.unpack_from(f"{order}HHIH", note, directory + 2 + index * _ENTRY_BYTES)
            if entry[0] == ORIENTATION_TAG:
                return entry[3] if 1 <= entry[3] <= 8 else UPRIGHT
    except struct.error:
        # The note is cut off or points beside the file: as if it were not there.
        return UPRIGHT
    return UPRIGHT
