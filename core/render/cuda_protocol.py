"""What the CUDA worker and its client agree on: lines of JSON over pipes, arrays in a shared file.

The worker writes one line when it starts (`protocol`), any number with a `status`, then `ready` or `error`.
After that every request line gets one answer line with the same `id`. Arrays lie in a file that both
map into memory; a line names their places in it.
"""

from __future__ import annotations

import json
import mmap
import os
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ..camera import Camera
from ..errors import BackendUnavailable
from ..files import new_scratch_folder

PROTOCOL = 1
# Rasterisers and graphics drivers like arrays that begin on a cache line.
_ALIGNMENT = 64
_SHARED_MEMORY = Path("/dev/shm")
# Larger lines are a sign that something else writes into the pipe.
MAX_LINE_BYTES = 1 << 20


@dataclass(frozen=True)
class Place:
    """Where an array lies in the shared file."""

    dtype: str
    shape: tuple[int, ...]
    offset: int

    @property
    def num_bytes(self) -> int:
        """Size of the array."""
        return int(np.prod(self.shape, dtype=np.int64)) * np.dtype(self.dtype).itemsize


def plan_places(
    shapes: Mapping[str, Sequence[int]], dtype: str = "float32"
) -> tuple[dict[str, Place], int]:
    """Places of arrays one after another, and the number of bytes they need."""
    places: dict[str, Place] = {}
    end = 0
    for name, shape in shapes.items():
        places[name] = Place(dtype, tuple(int(n) for n in shape), end)
        end += -(-places[name].num_bytes // _ALIGNMENT) * _ALIGNMENT
    return places, max(end, _ALIGNMENT)


class SharedBlock:
    """A file mapped into memory, made by the client and opened by the worker."""

    def __init__(self, path: Path, num_bytes: int, *, create: bool) -> None:
        self.path, self.num_bytes = path, num_bytes
        flags = os.O_RDWR | getattr(os, "O_BINARY", 0)
        handle = os.open(path, flags | (os.O_CREAT | os.O_EXCL if create else 0), 0o600)
        try:
            if create:
                _allocate(handle, num_bytes)
            self._map = mmap.mmap(handle, num_bytes)
        finally:
            os.close(handle)

    def array(self, place: Place) -> np.ndarray:
        """The array at `place`, sharing the memory."""
        if place.offset < 0 or place.offset + place.num_bytes > self.num_bytes:
            raise ValueError(f"{place} leaves the shared file of {self.num_bytes} bytes")
        return np.ndarray(place.shape, place.dtype, self._map, place.offset)


def roomy_folder(num_bytes: int) -> tempfile.TemporaryDirectory:
    """A new private folder with room for shared files, in memory where the system offers that."""
    base = tempfile.gettempdir()
    if _SHARED_MEMORY.is_dir() and os.access(_SHARED_MEMORY, os.W_OK):
        stat = os.statvfs(_SHARED_MEMORY)
        if stat.f_bavail * stat.f_frsize > 2 * num_bytes:
            base = str(_SHARED_MEMORY)
    return new_scratch_folder(Path(base))


def encode_line(message: Mapping[str, Any]) -> bytes:
    """A message as one line."""
    return json.dumps(message, separators=(",", ":")).encode("utf8") + b"\n"


def decode_line(line: bytes) -> dict[str, Any]:
    """The message of one line; raises ValueError for anything else."""
    message = json.loads(line)
    if not isinstance(message, dict):
        raise ValueError("not an object")
    return message


def encode_camera(camera: Camera) -> dict[str, Any]:
    """A camera as JSON."""
    return {
        "viewmat": np.asarray(camera.viewmat, np.float64).tolist(),
        "K": np.asarray(camera.K, np.float64).tolist(),
        "width": camera.width,
        "height": camera.height,
        "is_orthographic": camera.is_orthographic,
    }


def decode_camera(fields: Mapping[str, Any]) -> Camera:
    """The camera that `encode_camera` wrote."""
    matrices = {name: np.array(fields[name], np.float64) for name in ("viewmat", "K")}
    return Camera(**{**fields, **matrices})


def encode_places(places: Mapping[str, Place]) -> dict[str, Any]:
    """Places as JSON."""
    return {name: [place.dtype, place.shape, place.offset] for name, place in places.items()}


def decode_places(fields: Mapping[str, Any]) -> dict[str, Place]:
    """The places that `encode_places` wrote."""
    return {name: Place(d, tuple(shape), offset) for name, (d, shape, offset) in fields.items()}


def _allocate(handle: int, num_bytes: int) -> None:
    """Reserve the bytes now: a write into a mapped file on a full disk would end the process."""
    try:
        if hasattr(os, "posix_fallocate"):
            os.posix_fallocate(handle, 0, num_bytes)
        else:
            os.ftruncate(handle, num_bytes)
    except OSError as error:
        raise BackendUnavailable(
            f"There is no room for {num_bytes / 1e6:.0f} MB to share with the CUDA worker "
            f"({error.strerror}): free memory and disk or choose a smaller picture."
        ) from None
