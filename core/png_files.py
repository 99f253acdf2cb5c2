"""Pixels as PNG files (ISO 15948), with texts in their metadata; the same pixels give the same bytes."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from jaxtyping import UInt8

from .files import replace_on_success

SIGNATURE = b"\x89PNG\r\n\x1a\n"
# Kinds of colour by the number of channels.
_COLOR_TYPES = {3: 2, 4: 6}
_UP = 2


def encode_png(
    pixels: UInt8[np.ndarray, "H W C"],
    texts: Mapping[str, str] | None = None,
    *,
    is_filtered: bool = False,
) -> bytes:
    """RGB or RGBA pixels as one zlib stream of rows; `texts` become fields of the metadata.

    Filtered rows hold what differs from the row above: photographs get smaller by it.
    """
    height, width, channels = pixels.shape
    rows = np.zeros((height, 1 + width * channels), np.uint8)
    rows[:, 1:] = pixels.reshape(height, -1)
    if is_filtered:
        rows[1:, 1:] -= pixels.reshape(height, -1)[:-1]
        rows[:, 0] = _UP
    header = struct.pack(">IIBBBBB", width, height, 8, _COLOR_TYPES[channels], 0, 0, 0)
    chunks = [(b"IHDR", header), *(_text(*field) for field in (texts or {}).items())]
    level = 6 if is_filtered else 9
    chunks += [(b"IDAT", zlib.compress(rows.tobytes(), level)), (b"IEND", b"")]
    return SIGNATURE + b"".join(_chunk(kind, data) for kind, data in chunks)


def write_png(
    path: Path, pixels: UInt8[np.ndarray, "H W C"], texts: Mapping[str, str] | None = None
) -> None:
    """Write a picture whole or not at all."""
    with replace_on_success(path) as temporary:
        temporary.write_bytes(encode_png(pixels, texts, is_filtered=True))


def _text(name: str, text: str) -> tuple[bytes, bytes]:
    """A chunk of metadata: Latin 1 as every reader knows it, else UTF-8."""
    try:
        return b"tEXt", name.encode("latin1") + b"\0" + text.encode("latin1")
    except UnicodeEncodeError:
        # Not compressed, of no language, its name not translated.
        content = text.encode("utf8", "replace")
        return b"iTXt", name.encode("latin1") + b"\0\0\0\0\0" + content


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
