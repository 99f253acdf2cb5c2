"""A look into an ONNX file before any runtime sees it: protobuf fields only, nothing is executed.

Field numbers are those of onnx.proto3 (IR version 10).
"""

from __future__ import annotations

from collections.abc import Iterator

from ..errors import AvatarError

VARINT, FIXED64, BYTES, FIXED32 = 0, 1, 2, 5
MAX_DEPTH = 16
MODEL_GRAPH, MODEL_OPSETS, MODEL_TRAINING, MODEL_FUNCTIONS = 7, 8, 20, 25
OPSET_DOMAIN, OPSET_VERSION = 1, 2
GRAPH_NODE, GRAPH_INITIALIZER, GRAPH_SPARSE_INITIALIZER = 1, 5, 15
NODE_OP_TYPE, NODE_ATTRIBUTE, NODE_DOMAIN = 4, 5, 7
ATTRIBUTE_TENSOR, ATTRIBUTE_GRAPH, ATTRIBUTE_TENSORS, ATTRIBUTE_GRAPHS = 5, 6, 10, 11
ATTRIBUTE_SPARSE, ATTRIBUTE_SPARSES = 22, 23
SPARSE_VALUES, SPARSE_INDICES = 1, 2
TENSOR_EXTERNAL, TENSOR_LOCATION = 13, 14
STANDARD_DOMAINS = {b"", b"ai.onnx"}
# A decoder gives one answer per code in bounded time: no loops, no chance.
REFUSED_OPERATORS = {
    b"Loop", b"Scan", b"If", b"RandomNormal", b"RandomNormalLike", b"RandomUniform",
    b"RandomUniformLike", b"Multinomial", b"Bernoulli", b"Dropout",
}  # fmt: skip

Value = int | memoryview


def check_onnx(data: bytes, member: str) -> None:
    """Refuse a model with data in other files, operators of other domains, loops or randomness."""
    try:
        _check_model(memoryview(data))
    except _BrokenProtobuf as error:
        raise AvatarError(
            f"'{member}' is not an ONNX model ({error}): export the avatar again."
        ) from None
    except _Refused as error:
        raise AvatarError(f"'{member}' {error}: export the avatar again.") from None


class _BrokenProtobuf(Exception):
    pass


class _Refused(Exception):
    pass


def _check_model(data: memoryview) -> None:
    has_graph = False
    for number, value in _fields(data):
        if number == MODEL_GRAPH:
            has_graph = True
            _check_graph(_message(value), 0)
        elif number == MODEL_OPSETS:
            _check_domain(_member(_message(value), OPSET_DOMAIN))
        elif number in (MODEL_TRAINING, MODEL_FUNCTIONS):
            raise _Refused("holds functions or training steps of its own, which is not allowed")
    if not has_graph:
        raise _BrokenProtobuf("it has no graph")


def _check_graph(data: memoryview, depth: int) -> None:
    if depth > MAX_DEPTH:
        raise _Refused("nests its graphs too deeply")
    for number, value in _fields(data):
        if number == GRAPH_NODE:
            _check_node(_message(value), depth)
        elif number == GRAPH_INITIALIZER:
            _check_tensor(_message(value))
        elif number == GRAPH_SPARSE_INITIALIZER:
            _check_sparse(_message(value))


def _check_node(data: memoryview, depth: int) -> None:
    for number, value in _fields(data):
        if number == NODE_DOMAIN:
            _check_domain(bytes(_message(value)))
        elif number == NODE_OP_TYPE and bytes(_message(value)) in REFUSED_OPERATORS:
            raise _Refused(f"uses the operator {bytes(_message(value)).decode()}, no decoder may")
        elif number == NODE_ATTRIBUTE:
            _check_attribute(_message(value), depth)


def _check_attribute(data: memoryview, depth: int) -> None:
    for number, value in _fields(data):
        if number in (ATTRIBUTE_TENSOR, ATTRIBUTE_TENSORS):
            _check_tensor(_message(value))
        elif number in (ATTRIBUTE_SPARSE, ATTRIBUTE_SPARSES):
            _check_sparse(_message(value))
        elif number in (ATTRIBUTE_GRAPH, ATTRIBUTE_GRAPHS):
            _check_graph(_message(value), depth + 1)


def _check_sparse(data: memoryview) -> None:
    for number, value in _fields(data):
        if number in (SPARSE_VALUES, SPARSE_INDICES):
            _check_tensor(_message(value))


def _check_tensor(data: memoryview) -> None:
    for number, value in _fields(data):
        if number == TENSOR_EXTERNAL or (number == TENSOR_LOCATION and value != 0):
            raise _Refused("keeps weights in another file, which is not allowed")


def _check_domain(domain: bytes) -> None:
    if domain not in STANDARD_DOMAINS:
        name = domain[:40].decode("utf8", "replace")
        raise _Refused(f"needs operators of '{name}', only the ONNX standard's are allowed")


def _member(data: memoryview, wanted: int) -> bytes:
    found = [bytes(_message(value)) for number, value in _fields(data) if number == wanted]
    return found[-1] if found else b""


def _message(value: Value) -> memoryview:
    if isinstance(value, int):
        raise _BrokenProtobuf("a number stands where a message belongs")
    return value


def _fields(data: memoryview) -> Iterator[tuple[int, Value]]:
    """Every field of a message as (number, integer or bytes)."""
    position = 0
    while position < len(data):
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
            raise _BrokenProtobuf("a field is malformed or cut off")
        yield number, data[position : position + length]
        position += length


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
    raise _BrokenProtobuf("a number is cut off")
