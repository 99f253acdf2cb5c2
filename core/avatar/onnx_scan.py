"""A look into an ONNX file before any runtime sees it: protobuf fields only, nothing is executed."""

from __future__ import annotations

from ..errors import AvatarError
from .onnx_graph import (
    ATTRIBUTE_GRAPH,
    ATTRIBUTE_GRAPHS,
    ATTRIBUTE_SPARSE,
    ATTRIBUTE_SPARSES,
    ATTRIBUTE_TENSOR,
    ATTRIBUTE_TENSORS,
    GRAPH_INITIALIZER,
    GRAPH_NODE,
    GRAPH_SPARSE_INITIALIZER,
    MODEL_FUNCTIONS,
    MODEL_GRAPH,
    MODEL_OPSETS,
    MODEL_TRAINING,
    NODE_ATTRIBUTE,
    NODE_DOMAIN,
    NODE_OP_TYPE,
    TENSOR_EXTERNAL,
    TENSOR_LOCATION,
    Sized,
    read_graph,
)
from .onnx_sizes import Unbounded, check_work
from .protobuf import BrokenProtobuf, FieldReader, Fields, message

MAX_DEPTH = 16
OPSET_DOMAIN = 1
STANDARD_DOMAINS = {b"", b"ai.onnx"}
# A decoder gives one answer per code in bounded time: no loops, no chance.
REFUSED_OPERATORS = {
    b"Loop", b"Scan", b"If", b"RandomNormal", b"RandomNormalLike", b"RandomUniform",
    b"RandomUniformLike", b"Multinomial", b"Bernoulli", b"Dropout",
}  # fmt: skip


def check_onnx(data: bytes, member: str) -> None:
    """Refuse a model with data in other files, operators of other domains, loops or randomness."""
    try:
        _Scan(FieldReader()).model(memoryview(data))
    except BrokenProtobuf as error:
        raise AvatarError(
            f"'{member}' is not an ONNX model ({error}): export the avatar again."
        ) from None
    except _Refused as error:
        raise AvatarError(f"'{member}' {error}: export the avatar again.") from None


def check_onnx_work(data: bytes, member: str, input_name: str, length: int) -> None:
    """Refuse a model whose arrays or work for one vector `[length]` are without bound, or beyond it."""
    try:
        nodes, constants = read_graph(memoryview(data), FieldReader())
        check_work(nodes, constants | {input_name: Sized((length,))})
    except BrokenProtobuf as error:
        raise AvatarError(
            f"'{member}' is not an ONNX model ({error}): export the avatar again."
        ) from None
    except Unbounded as error:
        raise AvatarError(f"'{member}' {error}: export the avatar again.") from None


class _Refused(Exception):
    pass


class _Scan:
    """Goes through the messages that may hold what is not allowed."""

    def __init__(self, fields: Fields) -> None:
        self._fields = fields

    def model(self, data: memoryview) -> None:
        has_graph = False
        for number, value in self._fields(data):
            if number == MODEL_GRAPH:
                has_graph = True
                self._graph(message(value), 0)
            elif number == MODEL_OPSETS:
                _check_domain(self._last(message(value), OPSET_DOMAIN))
            elif number in (MODEL_TRAINING, MODEL_FUNCTIONS):
                raise _Refused("holds functions or training steps of its own, which is not allowed")
        if not has_graph:
            raise BrokenProtobuf("it has no graph")

    def _graph(self, data: memoryview, depth: int) -> None:
        if depth > MAX_DEPTH:
            raise _Refused("nests its graphs too deeply")
        for number, value in self._fields(data):
            if number == GRAPH_NODE:
                self._node(message(value), depth)
            elif number == GRAPH_INITIALIZER:
                self._tensor(message(value))
            elif number == GRAPH_SPARSE_INITIALIZER:
                raise _Refused("keeps weights as sparse arrays, which is not allowed")

    def _node(self, data: memoryview, depth: int) -> None:
        for number, value in self._fields(data):
            if number == NODE_DOMAIN:
                _check_domain(bytes(message(value)))
            elif number == NODE_OP_TYPE and bytes(message(value)) in REFUSED_OPERATORS:
                raise _Refused(
                    f"uses the operator {bytes(message(value)).decode()}, no decoder may"
                )
            elif number == NODE_ATTRIBUTE:
                self._attribute(message(value), depth)

    def _attribute(self, data: memoryview, depth: int) -> None:
        for number, value in self._fields(data):
            if number in (ATTRIBUTE_TENSOR, ATTRIBUTE_TENSORS):
                self._tensor(message(value))
            elif number in (ATTRIBUTE_SPARSE, ATTRIBUTE_SPARSES):
                raise _Refused("keeps weights as sparse arrays, which is not allowed")
            elif number in (ATTRIBUTE_GRAPH, ATTRIBUTE_GRAPHS):
                self._graph(message(value), depth + 1)

    def _tensor(self, data: memoryview) -> None:
        for number, value in self._fields(data):
            if number == TENSOR_EXTERNAL or (number == TENSOR_LOCATION and value != 0):
                raise _Refused("keeps weights in another file, which is not allowed")

    def _last(self, data: memoryview, wanted: int) -> bytes:
        found = [bytes(message(value)) for number, value in self._fields(data) if number == wanted]
        return found[-1] if found else b""


def _check_domain(domain: bytes) -> None:
    if domain not in STANDARD_DOMAINS:
        name = domain[:40].decode("utf8", "replace")
        raise _Refused(f"needs operators of '{name}', only the ONNX standard's are allowed")
