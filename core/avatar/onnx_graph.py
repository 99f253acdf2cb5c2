"""The nodes and constants of an ONNX graph, read from protobuf without any runtime.

Field numbers are those of onnx.proto3 (IR version 10). Only constants so small that they may be shapes,
axes or indices are kept as values; of the others the shape alone counts.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from .protobuf import BrokenProtobuf, Fields, message, signed, varints

MODEL_GRAPH, MODEL_OPSETS, MODEL_TRAINING, MODEL_FUNCTIONS = 7, 8, 20, 25
GRAPH_NODE, GRAPH_INITIALIZER, GRAPH_SPARSE_INITIALIZER = 1, 5, 15
NODE_INPUT, NODE_OUTPUT, NODE_OP_TYPE, NODE_ATTRIBUTE, NODE_DOMAIN = 1, 2, 4, 5, 7
ATTRIBUTE_NAME, ATTRIBUTE_FLOAT, ATTRIBUTE_INT, ATTRIBUTE_BYTES = 1, 2, 3, 4
ATTRIBUTE_TENSOR, ATTRIBUTE_GRAPH, ATTRIBUTE_FLOATS, ATTRIBUTE_INTS = 5, 6, 7, 8
ATTRIBUTE_TENSORS, ATTRIBUTE_GRAPHS, ATTRIBUTE_SPARSE, ATTRIBUTE_SPARSES = 10, 11, 22, 23
TENSOR_DIMS, TENSOR_TYPE, TENSOR_INT32, TENSOR_INT64 = 1, 2, 5, 7
TENSOR_NAME, TENSOR_RAW, TENSOR_EXTERNAL, TENSOR_LOCATION = 8, 9, 13, 14
MAX_RANK = 8
# A shape, a list of axes or of indices is never longer.
MAX_VALUES = 4096
# Kinds of numbers that shapes are calculated with; narrower ones wrap around.
_RAW_INTEGERS = {6: "<i4", 7: "<i8"}


@dataclass(frozen=True, eq=False)
class Sized:
    """A tensor's shape, and its whole numbers where they are few and known."""

    shape: tuple[int, ...]
    value: np.ndarray | None = None

    @property
    def num_elements(self) -> int:
        """Product of the shape, as large as it is."""
        count = 1
        for length in self.shape:
            count *= length
        return count


@dataclass(frozen=True)
class Node:
    """One operator with the names of what goes in and comes out, and its attributes."""

    operator: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    attributes: Mapping[str, object]


def read_graph(data: memoryview, fields: Fields) -> tuple[list[Node], dict[str, Sized]]:
    """Nodes in their order, and the constants by name, of the model in a message."""
    nodes: list[Node] = []
    constants: dict[str, Sized] = {}
    for number, value in fields(data):
        if number != MODEL_GRAPH:
            continue
        for inner, content in fields(message(value)):
            if inner == GRAPH_NODE:
                nodes.append(read_node(message(content), fields))
            elif inner == GRAPH_INITIALIZER:
                constants |= [read_tensor(message(content), fields)]
    return nodes, constants


def read_node(data: memoryview, fields: Fields) -> Node:
    """The node in a message; of graphs inside it nothing is kept."""
    operator, inputs, outputs, attributes = "", [], [], {}
    for number, value in fields(data):
        if number == NODE_INPUT:
            inputs.append(_text(value))
        elif number == NODE_OUTPUT:
            outputs.append(_text(value))
        elif number == NODE_OP_TYPE:
            operator = _text(value)
        elif number == NODE_ATTRIBUTE:
            name, content = _attribute(message(value), fields)
            attributes[name] = content
    return Node(operator, tuple(inputs), tuple(outputs), attributes)


def read_tensor(data: memoryview, fields: Fields) -> tuple[str, Sized]:
    """Name, shape and, where it has few whole numbers, the values of a TensorProto."""
    name, kind, raw, dims, listed = "", 0, None, [], []
    for number, value in fields(data):
        if number == TENSOR_NAME:
            name = _text(value)
        elif number == TENSOR_TYPE:
            kind = value
        elif number == TENSOR_DIMS:
            dims += varints(value, MAX_RANK + 1)
        elif number in (TENSOR_INT32, TENSOR_INT64):
            listed += varints(value, MAX_VALUES + 1 - len(listed))
        elif number == TENSOR_RAW:
            raw = message(value)
    shape = tuple(signed(length) for length in dims)
    if len(shape) > MAX_RANK or min(shape, default=0) < 0:
        raise BrokenProtobuf("a constant has a shape that none can have")
    tensor = Sized(shape)
    # Two numbers of four bits a byte are the most there is.
    if tensor.num_elements > 2 * len(data):
        raise BrokenProtobuf("a constant has fewer values than its shape says")
    if tensor.num_elements > MAX_VALUES or kind not in _RAW_INTEGERS:
        return name, tensor
    return name, Sized(shape, _values(_RAW_INTEGERS[kind], shape, raw, listed))


def _values(
    dtype: str, shape: tuple[int, ...], raw: memoryview | None, listed: list[int]
) -> np.ndarray:
    try:
        if raw is not None:
            values = np.frombuffer(raw, dtype).astype(np.int64)
        else:
            values = np.array([signed(number) for number in listed], np.int64)
        return values.reshape(shape)
    except (ValueError, OverflowError):
        raise BrokenProtobuf("a constant has other values than its shape says") from None


def _attribute(data: memoryview, fields: Fields) -> tuple[str, object]:
    """Name and content: a number, text, a tensor or a list of numbers; None for what has no size."""
    name, content, integers = "", None, []
    for number, value in fields(data):
        if number == ATTRIBUTE_NAME:
            name = _text(value)
        elif number == ATTRIBUTE_INT:
            content = signed(value)
        elif number == ATTRIBUTE_BYTES:
            content = _text(value)
        elif number == ATTRIBUTE_TENSOR:
            content = read_tensor(message(value), fields)[1]
        elif number == ATTRIBUTE_INTS:
            integers += [signed(each) for each in varints(value, MAX_VALUES)]
        elif number == ATTRIBUTE_FLOATS:
            # Only how many there are counts: one each, or packed.
            count = len(value) // 4 if isinstance(value, memoryview) else 1
            length = content.shape[0] if isinstance(content, Sized) else 0
            content = Sized((length + count,))
    return name, tuple(integers) if integers else content


def _text(value: object) -> str:
    return bytes(message(value)).decode("utf8", "replace")
