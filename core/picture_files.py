"""Whether a picture lies on the disk to its end: a full disk cuts files short, and not every writer says so."""

from __future__ import annotations

import os
import struct
from pathlib import Path
from typing import BinaryIO

PNG_END = b"\0\0\0\0IEND\xaeB`\x82"
JPEG_END = b"\xff\xd9"
EXR_START, EXR_HAS_PARTS = b"v/1\x01", 0x1000
# Far more than the names and settings of any picture's layers.
MAX_HEADER_BYTES = 1 << 20
MAX_CHUNKS = 1 << 22


def is_whole(path: Path) -> bool:
    """Whether the picture at `path` (.png, .jpg or .exr of scan lines) is there to its last byte.

    Of files of other kinds it is only known that they are there and not empty.
    """
    try:
        num_bytes = path.stat().st_size
        with path.open("rb") as stream:
            match path.suffix.lower():
                case ".png":
                    return _ends_with(stream, num_bytes, PNG_END)
                case ".jpg" | ".jpeg":
                    return _ends_with(stream, num_bytes, JPEG_END)
                case ".exr":
                    return _has_all_chunks(stream, num_bytes)
    except OSError:
        return False
    return num_bytes > 0


def _ends_with(stream: BinaryIO, num_bytes: int, end: bytes) -> bool:
    if num_bytes < len(end):
        return False
    stream.seek(-len(end), os.SEEK_END)
    return stream.read() == end


def _has_all_chunks(stream: BinaryIO, num_bytes: int) -> bool:
    """Whether the table of an OpenEXR file names the place of each of its chunks, and the last one ends in the file."""
    header = stream.read(MAX_HEADER_BYTES)
    try:
        has_parts = bool(struct.unpack_from("<I", header, 4)[0] & EXR_HAS_PARTS)
        begin = _table_offset(header, has_parts)
        (first,) = struct.unpack_from("<Q", header, begin)
    except (struct.error, ValueError, IndexError):
        return False
    count, rest = divmod(first - begin, 8)
    if header[:4] != EXR_START or rest or not 0 < count <= MAX_CHUNKS or first > num_bytes:
        return False
    stream.seek(begin)
    places = struct.unpack(f"<{count}Q", stream.read(8 * count))
    size_at = max(places) + (8 if has_parts else 4)
    if not all(places) or size_at + 4 > num_bytes:
        return False
    stream.seek(size_at)
    return size_at + 4 + struct.unpack("<I", stream.read(4))[0] <= num_bytes


def _table_offset(header: bytes, has_parts: bool) -> int:
    """Where the table of the chunks' places begins; raises where the header is cut short."""
    place = 8
    while True:
        while header[place]:
            # An attribute: name, type, size, value.
            place = header.index(b"\0", header.index(b"\0", place) + 1) + 1
            place += 4 + struct.unpack_from("<I", header, place)[0]
        place += 1
        if not has_parts or header[place : place + 1] == b"\0":
            return place + has_parts
