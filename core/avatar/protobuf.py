"""The wire format of protobuf, read field by field within a budget; nothing is built or executed."""

from __future__ import annotations

from collections.abc import Callable, Iterator

VARINT, FIXED64, BYTES, FIXED32 = 0, 1, 2, 5
# More than the largest decoder has; a file may be made of nothing but small fields.
MAX_FIELDS = 200_000

Value = int | memoryview
Fields = Callable[[memoryview], Iterator[tuple[int, Value]]]


class BrokenProtobuf(Exception):
    """Bytes that are no message."""


class FieldReader:
    """Calls give every field of a message as (number, integer or bytes); all calls together are bounded."""

    def __init__(self, most_fields: int = MAX_FIELDS) -> None:
        self._left = most_fields

    def __call__(self, data: memoryview) -> Iterator[tuple[int, Value]]:
        position = 0
        while position < len(data):
            self._left -= 1
            if self._left < 0:
                raise BrokenProtobuf("it has more fields than any model")
            key, position = _varint(data, position)
            number, wire_type = key >> 3, key & 7
            if wire_type == VARINT:
                value, position = _varint(data, position)
                yield number, value
                continue
            length = {FIXED64: 8, FIXED32: 4}.get(wire_type)
            if wire_type == BYTES:
                length, position = _varint(data, position)
            if length is None or number == 0 or length > len(data) - position:
                raise BrokenProtobuf("a field is malformed or cut off")
            yield number, data[position : position + length]
            position += length


def message(value: Value) -> memoryview:
    """The bytes of a field that must hold some."""
    if isinstance(value, int):
        raise BrokenProtobuf("a number stands where a message belongs")
    return value


def varints(value: Value, most: int) -> list[int]:
    """The whole numbers of a repeated field: one, or several packed, of which only `most` are read."""
    if isinstance(value, int):
        return [value]
    numbers, position = [], 0
    while position < len(value) and len(numbers) < most:
        number, position = _varint(value, position)
        numbers.append(number)
    return numbers


def signed(value: Value) -> int:
    """A number of 64 bits as protobuf's int64."""
    if not isinstance(value, int):
        raise BrokenProtobuf("bytes stand where a number belongs")
    value &= (1 << 64) - 1
    return value - (1 << 64) if value >= 1 << 63 else value


def _varint(data: memoryview, position: int) -> tuple[int, int]:
    value = 0
    for shift in range(0, 70, 7):
        if position >= len(data):
            break
        byte = data[position]
        position += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, position
    raise BrokenProtobuf("a number is cut off")
