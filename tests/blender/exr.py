"""A reader of uncompressed scanline OpenEXR files, to look at every pass of a render."""

from pathlib import Path

import numpy as np


def read_exr(path: Path) -> dict[str, np.ndarray]:
    """Channels `[H, W]` float32, top row first, by their names ("ViewLayer.Depth.Z").

    With one view layer its name is left out: "Depth.Z".
    """
    data = path.read_bytes()
    attributes, position = {}, 8
    while data[position]:
        name, kind, _ = data[position : position + 80].split(b"\0", 2)
        position += len(name) + len(kind) + 2
        size = int.from_bytes(data[position : position + 4], "little")
        attributes[name] = data[position + 4 : position + 4 + size]
        position += 4 + size
    assert attributes[b"compression"] == b"\0"
    left, top, right, bottom = np.frombuffer(attributes[b"dataWindow"], "<i4")
    width, height = right - left + 1, bottom - top + 1
    offsets = np.frombuffer(data, "<u8", height, position + 1)
    images, start = {}, 0
    channels = _channels(attributes[b"channels"])
    layers = {name.split(".")[0] for name, _ in channels if name.count(".") > 1}
    for name, kind in channels:
        rows = [np.frombuffer(data, kind, width, int(o) + 8 + start) for o in offsets]
        short = name if len(layers) > 1 else ".".join(name.split(".")[-2:])
        images[short] = np.stack(rows).astype(np.float32)
        start += width * np.dtype(kind).itemsize
    return images


def _channels(listed: bytes) -> list[tuple[str, str]]:
    found = []
    while listed[0]:
        name, listed = listed.split(b"\0", 1)
        # Type 1 is half, 2 is float; 16 bytes describe a channel.
        found.append((name.decode(), "<f2" if listed[0] == 1 else "<f4"))
        listed = listed[16:]
    return found
