"""A small reader of binary glTF (.glb) for meshes, morph targets and skins, with every index checked.

glTF 2.0, https://registry.khronos.org/glTF/specs/2.0/glTF-2.0.html: sections 3.6 (buffers and
accessors, also sparse ones) and 4 (GLB container). Textures, cameras and animations are not read.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from ..avatar.tensors import MAX_NUMBER
from ..errors import AvatarError
from ..json_text import parse_json

MAGIC, VERSION = b"glTF", 2
JSON_CHUNK, BINARY_CHUNK = b"JSON", b"BIN\0"
MAX_JSON_BYTES = 2**26
MAX_COUNT = 5_000_000
DTYPES = {5120: "<i1", 5121: "<u1", 5122: "<i2", 5123: "<u2", 5125: "<u4", 5126: "<f4"}
COMPONENTS = {"SCALAR": 1, "VEC2": 2, "VEC3": 3, "VEC4": 4, "MAT4": 16}


@dataclass(frozen=True)
class Glb:
    """The JSON tree and the binary chunk of one file; `label` names it in messages."""

    document: dict[str, Any]
    binary: bytes
    label: str

    def item(self, collection: str, index: object) -> dict[str, Any]:
        """Entry `index` of a top-level list such as "meshes"; raises `AvatarError` when absent."""
        entries = self.document.get(collection)
        is_index = isinstance(index, int) and not isinstance(index, bool)
        if not isinstance(entries, list) or not is_index or not 0 <= index < len(entries):
            raise self.fault(f"has no entry {index!r} in '{collection}'")
        if not isinstance(entries[index], dict):
            raise self.fault(f"has a malformed entry {index} in '{collection}'")
        return entries[index]

    def accessor(self, index: object, kind: str, num_rows: int | None = None) -> np.ndarray:
        """The numbers of accessor `index` as `[count, components]`; `kind` such as "VEC3"."""
        accessor = self.item("accessors", index)
        dtype, count = self._dtype(accessor), self._whole(accessor, "count", MAX_COUNT)
        if num_rows not in (None, count):
            raise self.fault(f"accessor {index} has {count} rows, not {num_rows}")
        if accessor.get("type") != kind:
            raise self.fault(f"accessor {index} is {accessor.get('type')!r}, not {kind}")
        shape = (count, COMPONENTS[kind])
        values = np.zeros(shape, dtype)
        if "bufferView" in accessor:
            offset = self._whole(accessor, "byteOffset", len(self.binary), default=0)
            values = self._view(accessor["bufferView"], offset, dtype, shape)
        if "sparse" in accessor:
            values = self._with_sparse(values.copy(), accessor["sparse"])
        if values.dtype.kind == "f" and not (np.abs(values) <= MAX_NUMBER).all():
            raise self.fault(f"accessor {index} holds numbers that are not finite or absurd")
        return values

    def fault(self, what: str) -> AvatarError:
        """An error about this file, ready to be raised."""
        return AvatarError(f"'{self.label}' {what}: export the head again.")

    def _with_sparse(self, values: np.ndarray, sparse: object) -> np.ndarray:
        if not isinstance(sparse, dict):
            raise self.fault("has a malformed sparse accessor")
        count = self._whole(sparse, "count", values.shape[0])
        indices, replacement = (self._object(sparse, key) for key in ("indices", "values"))
        starts = [
            self._whole(part, "byteOffset", len(self.binary), default=0)
            for part in (indices, replacement)
        ]
        dtype = self._dtype(indices)
        if dtype.kind != "u":
            raise self.fault("has sparse indices that are not unsigned")
        rows = self._view(indices.get("bufferView"), starts[0], dtype, (count, 1))[:, 0]
        if rows.size and int(rows.max()) >= values.shape[0]:
            raise self.fault("has sparse indices beyond their accessor")
        tail = (count, values.shape[1])
        values[rows] = self._view(replacement.get("bufferView"), starts[1], values.dtype, tail)
        return values

    def _view(
        self, index: object, offset: int, dtype: np.dtype, shape: tuple[int, int]
    ) -> np.ndarray:
        view = self.item("bufferViews", index)
        if view.get("buffer") != 0:
            raise self.fault("keeps its data in another file, only one self-contained .glb is read")
        limit = len(self.binary)
        start = self._whole(view, "byteOffset", limit, default=0)
        length = self._whole(view, "byteLength", limit)
        row = dtype.itemsize * shape[1]
        stride = self._whole(view, "byteStride", 252, default=row)
        needed = offset + stride * (shape[0] - 1) + row if shape[0] else offset
        if stride < row or needed > length or start + length > limit:
            raise self.fault(f"is cut off: buffer view {index} needs bytes beyond its end")
        return np.ndarray(shape, dtype, self.binary, start + offset, (stride, dtype.itemsize))

    def _dtype(self, holder: dict[str, Any]) -> np.dtype:
        code = holder.get("componentType")
        if type(code) is not int or code not in DTYPES:
            raise self.fault(f"uses the unknown component type {code!r}")
        return np.dtype(DTYPES[code])

    def _object(self, holder: dict[str, Any], key: str) -> dict[str, Any]:
        value = holder.get(key)
        if not isinstance(value, dict):
            raise self.fault(f"has no '{key}' where one belongs")
        return value

    def _whole(
        self, holder: dict[str, Any], key: str, limit: int, *, default: int | None = None
    ) -> int:
        value = holder.get(key, default)
        if type(value) is not int or not 0 <= value <= limit:
            raise self.fault(f"gives {value!r} as '{key}', not a whole number up to {limit}")
        return value


def parse_glb(data: bytes, label: str) -> Glb:
    """Split a .glb into its JSON and its binary chunk; raises `AvatarError` when it is not one."""
    broken = Glb({}, b"", label)
    if len(data) < 20 or data[:4] != MAGIC:
        raise broken.fault("is not a binary glTF file")
    if int.from_bytes(data[4:8], "little") != VERSION:
        raise broken.fault("is glTF of another version than 2")
    if int.from_bytes(data[8:12], "little") != len(data):
        raise broken.fault("is cut off or has data behind its end")
    chunks = _chunks(data, broken)
    if len(chunks.get(JSON_CHUNK, b"")) > MAX_JSON_BYTES:
        raise broken.fault("has a JSON part of more than 64 MiB")
    try:
        document = parse_json(chunks.get(JSON_CHUNK, b"").decode("utf8"))
    except ValueError:
        raise broken.fault("has a JSON part that cannot be read") from None
    if not isinstance(document, dict):
        raise broken.fault("has a JSON part that is no object")
    return Glb(document, chunks.get(BINARY_CHUNK, b""), label)


def _chunks(data: bytes, broken: Glb) -> dict[bytes, bytes]:
    chunks: dict[bytes, bytes] = {}
    position = 12
    while position < len(data):
        length = int.from_bytes(data[position : position + 4], "little")
        kind, start = data[position + 4 : position + 8], position + 8
        if len(kind) < 4 or length > len(data) - start:
            raise broken.fault("is cut off inside a chunk")
        # The specification says that unknown chunks are to be ignored and the first ones count.
        chunks.setdefault(kind, data[start : start + length])
        position = start + length
    return chunks
