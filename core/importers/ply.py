"""Reading the vertices of a binary PLY file as named columns."""

from __future__ import annotations

import numpy as np

from ..avatar.tensors import MAX_NUMBER
from ..errors import AvatarError

MAX_HEADER_BYTES = 65_536
MAX_VERTICES = 5_000_000
_DTYPES = {
    "char": "i1", "int8": "i1", "uchar": "u1", "uint8": "u1",
    "short": "<i2", "int16": "<i2", "ushort": "<u2", "uint16": "<u2",
    "int": "<i4", "int32": "<i4", "uint": "<u4", "uint32": "<u4",
    "float": "<f4", "float32": "<f4", "double": "<f8", "float64": "<f8",
}  # fmt: skip


def read_ply_columns(data: bytes, label: str) -> dict[str, np.ndarray]:
    """Columns `[N]` of the first element, which must be "vertex"; every number finite and bounded."""
    rows = read_ply_rows(data, label)
    columns = {name: rows[name] for name in rows.dtype.names}
    for name, values in columns.items():
        if not (np.abs(values) <= MAX_NUMBER).all():
            raise AvatarError(
                f"'{label}' has numbers in '{name}' that are not finite or absurd: export it again."
            )
    return columns


def read_ply_rows(data: bytes, label: str) -> np.ndarray:
    """Rows `[N]` of the first element as a structured array, with whatever numbers they hold."""
    end = data[:MAX_HEADER_BYTES].find(b"end_header\n")
    if not data.startswith(b"ply\n") or end < 0:
        raise AvatarError(f"'{label}' is not a PLY file: export it again.")
    lines = data[:end].decode("ascii", "replace").split("\n")
    if "format binary_little_endian 1.0" not in lines:
        raise AvatarError(f"'{label}' is not a binary little-endian PLY: export it again.")
    count, dtype = _vertex_layout(lines, label)
    start = end + len(b"end_header\n")
    if len(data) - start < count * dtype.itemsize:
        raise AvatarError(f"'{label}' is cut off: get a fresh copy of it.")
    return np.frombuffer(data, dtype, count, start)


def _vertex_layout(lines: list[str], label: str) -> tuple[int, np.dtype]:
    elements = [line.split() for line in lines if line.startswith("element ")]
    is_vertex = bool(elements) and elements[0][1:2] == ["vertex"] and len(elements[0]) == 3
    # Only so many digits are turned into a number.
    is_count = is_vertex and elements[0][2].isdecimal() and len(elements[0][2]) < 12
    if not is_count or int(elements[0][2]) > MAX_VERTICES:
        raise AvatarError(
            f"'{label}' does not begin with at most {MAX_VERTICES:,} vertices: export it again "
            "as an uncompressed PLY."
        )
    first = next(i for i, line in enumerate(lines) if line.startswith("element "))
    fields: dict[str, str] = {}
    for line in lines[first + 1 :]:
        words = line.split()
        if words[:1] == ["element"]:
            break
        if words[:1] != ["property"]:
            continue
        if len(words) != 3 or words[1] not in _DTYPES or words[2] in fields:
            raise AvatarError(
                f"'{label}' has a column this importer does not know ({line[:60]}): export it again."
            )
        fields[words[2]] = _DTYPES[words[1]]
    if not fields:
        raise AvatarError(f"'{label}' has vertices without columns: export it again.")
    return int(elements[0][2]), np.dtype(list(fields.items()))
