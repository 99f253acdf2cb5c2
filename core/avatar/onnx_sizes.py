"""How large every array of a decoder becomes and how much work it is, worked out before anything runs.

A file of a few bytes can ask for any amount of memory (`ConstantOfShape`, `Expand`, a product of long vectors)
or of time. Here the shapes are followed through the graph, with the few whole numbers that shapes are made of;
a size that depends on the expression, or an operator that is not in the table, cannot be bounded and is refused.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence

import numpy as np

from .onnx_graph import MAX_VALUES, Node, Sized
from .onnx_values import VALUE_RULES

# All arrays of one decoding together (2 GiB of float32), and its multiplications.
MAX_ELEMENTS = 2**29
MAX_PRODUCTS = 10**11
MAX_NODES = 10_000

Inputs = Sequence[Sized | None]
Rule = Callable[[Node, Inputs], Sequence[Sized]]


class Unbounded(Exception):
    """A graph whose work has no known bound, or one that is too high; says why."""


def check_work(nodes: Sequence[Node], known: Mapping[str, Sized]) -> tuple[int, int]:
    """Elements and multiplications of one decoding; `known` holds the inputs' and the constants' sizes."""
    if len(nodes) > MAX_NODES:
        raise Unbounded(f"has {len(nodes)} operators, more than {MAX_NODES}")
    arrays = dict(known)
    elements = products = 0
    for node in nodes:
        made = _outputs(node, arrays)
        elements += sum(array.num_elements for array in made)
        inputs = [arrays.get(name) for name in node.inputs]
        products += _products(node, inputs, made)
        elements += _scratch(node, inputs)
        if elements > MAX_ELEMENTS:
            raise Unbounded(f"makes arrays of more than {MAX_ELEMENTS} numbers")
        if products > MAX_PRODUCTS:
            raise Unbounded(f"takes more than {MAX_PRODUCTS:.0e} multiplications for a frame")
        arrays |= zip(node.outputs, made, strict=False)
    return elements, products


def _outputs(node: Node, arrays: Mapping[str, Sized]) -> Sequence[Sized]:
    rule = RULES.get(node.operator)
    if rule is None:
        raise Unbounded(f"uses the operator {node.operator[:40]}, no decoder may")
    missing = next((name for name in node.inputs if name and name not in arrays), None)
    if missing is not None:
        raise Unbounded(f"takes '{missing[:40]}' before it is made")
    inputs = [arrays[name] if name else None for name in node.inputs]
    try:
        value = _value(node, inputs)
        made = [Sized(value.shape, value)] if value is not None else rule(node, inputs)
    except (ValueError, IndexError, TypeError, KeyError, AttributeError, ArithmeticError):
        raise Unbounded(
            f"uses {node.operator[:40]} on sizes that do not fit, or depend on the expression"
        ) from None
    if any(min(array.shape, default=0) < 0 for array in made):
        raise Unbounded(f"uses {node.operator[:40]} for an array of negative size")
    return made


def _value(node: Node, inputs: Inputs) -> np.ndarray | None:
    """The whole numbers that a node gives where all that goes in is known and few."""
    rule = VALUE_RULES.get(node.operator)
    given = [each for each in inputs if each is not None]
    if node.operator == "Shape" and given:
        return np.array(given[0].shape, np.int64)[_span(node)]
    if rule is None or not given or any(each.value is None for each in given):
        return None
    value = rule(node, [None if each is None else each.value for each in inputs])
    return value if value is not None and value.size <= MAX_VALUES else None


def _span(node: Node) -> slice:
    return slice(node.attributes.get("start", 0), node.attributes.get("end"))


def _products(node: Node, inputs: Inputs, made: Sequence[Sized]) -> int:
    """Multiplications of the operators that take more than one an element."""
    if node.operator == "MatMul":
        return made[0].num_elements * inputs[0].shape[-1]
    if node.operator == "Gemm":
        return made[0].num_elements * max(inputs[0].shape)
    if node.operator == "Conv":
        return made[0].num_elements * math.prod(inputs[1].shape[1:])
    if node.operator == "ConvTranspose":
        return inputs[0].num_elements * math.prod(inputs[1].shape[1:])
    return 0


def _scratch(node: Node, inputs: Inputs) -> int:
    """Numbers that a runtime keeps beside what an operator makes: the columns of a transposed convolution."""
    if node.operator != "ConvTranspose":
        return 0
    return inputs[0].num_elements // max(inputs[0].shape[1], 1) * math.prod(inputs[1].shape[1:])


def _same(_: Node, inputs: Inputs) -> list[Sized]:
    return [Sized(inputs[0].shape)]


def _joined_shape(_: Node, inputs: Inputs) -> list[Sized]:
    return [Sized(np.broadcast_shapes(*(each.shape for each in inputs if each is not None)))]


def _constant(node: Node, _: Inputs) -> list[Sized]:
    if "value" in node.attributes:
        return [node.attributes["value"]]
    if isinstance(node.attributes.get("value_int"), int):
        return [Sized((), np.array(node.attributes["value_int"]))]
    if "value_ints" in node.attributes:
        numbers = np.array(node.attributes["value_ints"], np.int64)
        return [Sized(numbers.shape, numbers)]
    if "value_floats" in node.attributes:
        return [node.attributes["value_floats"]]
    return [Sized(())]


def _filled(_: Node, inputs: Inputs) -> list[Sized]:
    return [Sized(_whole(inputs[0].value))]


def _expand(_: Node, inputs: Inputs) -> list[Sized]:
    return [Sized(np.broadcast_shapes(inputs[0].shape, _whole(inputs[1].value)))]


def _tile(_: Node, inputs: Inputs) -> list[Sized]:
    repeats = _whole(inputs[1].value)
    return [Sized(tuple(n * r for n, r in zip(inputs[0].shape, repeats, strict=True)))]


def _reshape(node: Node, inputs: Inputs) -> list[Sized]:
    shape = list(_whole(inputs[1].value))
    if not node.attributes.get("allowzero", 0):
        shape = [inputs[0].shape[i] if n == 0 else n for i, n in enumerate(shape)]
    known = math.prod(n for n in shape if n >= 0)
    if -1 in shape:
        shape[shape.index(-1)] = inputs[0].num_elements // known
    if math.prod(shape) != inputs[0].num_elements:
        raise ValueError(shape)
    return [Sized(tuple(shape))]


def _flatten(node: Node, inputs: Inputs) -> list[Sized]:
    shape, axis = inputs[0].shape, node.attributes.get("axis", 1)
    axis += len(shape) if axis < 0 else 0
    return [Sized((math.prod(shape[:axis]), math.prod(shape[axis:])))]


def _unsqueeze(node: Node, inputs: Inputs) -> list[Sized]:
    axes = _axes(node, inputs, 1)
    rank = len(inputs[0].shape) + len(axes)
    places = {axis % rank for axis in axes}
    rest = iter(inputs[0].shape)
    return [Sized(tuple(1 if i in places else next(rest) for i in range(rank)))]


def _squeeze(node: Node, inputs: Inputs) -> list[Sized]:
    shape, axes = inputs[0].shape, _axes(node, inputs, 1)
    ones = [i for i, n in enumerate(shape) if n == 1] if axes is None else None
    places = set(ones) if axes is None else {axis % len(shape) for axis in axes}
    return [Sized(tuple(n for i, n in enumerate(shape) if i not in places))]


def _transpose(node: Node, inputs: Inputs) -> list[Sized]:
    shape = inputs[0].shape
    order = node.attributes.get("perm") or tuple(reversed(range(len(shape))))
    if sorted(order) != list(range(len(shape))):
        raise ValueError(order)
    return [Sized(tuple(shape[i] for i in order))]


def _concat(node: Node, inputs: Inputs) -> list[Sized]:
    shape, axis = list(inputs[0].shape), node.attributes["axis"]
    shape[axis] = sum(each.shape[axis] for each in inputs)
    return [Sized(tuple(shape))]


def _slice(node: Node, inputs: Inputs) -> list[Sized]:
    shape = list(inputs[0].shape)
    starts, ends = _whole(inputs[1].value), _whole(inputs[2].value)
    given = inputs[3] if len(inputs) > 3 else None
    axes = _whole(given.value) if given is not None else range(len(starts))
    given = inputs[4] if len(inputs) > 4 else None
    steps = _whole(given.value) if given is not None else [1] * len(starts)
    for start, end, axis, step in zip(starts, ends, axes, steps, strict=True):
        # The last number of int64 stands for "to the end", the first one for "to the beginning" backwards.
        end = None if step < 0 and end <= -(2**31) else end
        shape[axis] = len(range(*slice(start, end, step).indices(shape[axis])))
    return [Sized(tuple(shape))]


def _split(node: Node, inputs: Inputs) -> list[Sized]:
    shape, axis, count = inputs[0].shape, node.attributes.get("axis", 0), len(node.outputs)
    axis %= len(shape)
    lengths = node.attributes.get("split")
    if len(inputs) > 1 and inputs[1] is not None:
        lengths = _whole(inputs[1].value)
    if lengths is None:
        part = -(-shape[axis] // count)
        lengths = [part] * (count - 1) + [shape[axis] - part * (count - 1)]
    return [Sized((*shape[:axis], n, *shape[axis + 1 :])) for n in lengths]


def _gather(node: Node, inputs: Inputs) -> list[Sized]:
    shape, axis = inputs[0].shape, node.attributes.get("axis", 0) % len(inputs[0].shape)
    return [Sized((*shape[:axis], *inputs[1].shape, *shape[axis + 1 :]))]


def _gather_elements(_: Node, inputs: Inputs) -> list[Sized]:
    return [Sized(inputs[1].shape)]


def _reduce(node: Node, inputs: Inputs) -> list[Sized]:
    shape, axes = inputs[0].shape, _axes(node, inputs, 1)
    if axes is None:
        axes = () if node.attributes.get("noop_with_empty_axes", 0) else range(len(shape))
    places = {axis % len(shape) for axis in axes}
    keeps = node.attributes.get("keepdims", 1)
    return [
        Sized(
            tuple(1 if i in places else n for i, n in enumerate(shape) if keeps or i not in places)
        )
    ]


def _arg_reduce(node: Node, inputs: Inputs) -> list[Sized]:
    shape, axis = inputs[0].shape, node.attributes.get("axis", 0) % len(inputs[0].shape)
    middle = (1,) if node.attributes.get("keepdims", 1) else ()
    return [Sized((*shape[:axis], *middle, *shape[axis + 1 :]))]


def _matmul(_: Node, inputs: Inputs) -> list[Sized]:
    left, right = inputs[0].shape, inputs[1].shape
    batch = np.broadcast_shapes(left[:-2], right[:-2])
    if left[-1] != right[-2 if len(right) > 1 else 0]:
        raise ValueError(left)
    rows = left[-2:-1] if len(left) > 1 else ()
    return [Sized((*batch, *rows, *(right[-1:] if len(right) > 1 else ())))]


def _gemm(node: Node, inputs: Inputs) -> list[Sized]:
    (m, k), (k2, n) = inputs[0].shape, inputs[1].shape
    m, k = (k, m) if node.attributes.get("transA", 0) else (m, k)
    k2, n = (n, k2) if node.attributes.get("transB", 0) else (k2, n)
    if k != k2:
        raise ValueError(k)
    return [Sized((m, n))]


def _conv(node: Node, inputs: Inputs) -> list[Sized]:
    shape, kernel = inputs[0].shape, inputs[1].shape
    count = len(shape) - 2
    strides = node.attributes.get("strides") or (1,) * count
    dilations = node.attributes.get("dilations") or (1,) * count
    pads = node.attributes.get("pads") or (0,) * (2 * count)
    # Beyond three dimensions runtimes unroll all of the input.
    is_usual = 1 <= count <= 3 and node.attributes.get("auto_pad", "NOTSET") == "NOTSET"
    if not is_usual or min(*pads, *strides) < 0:
        raise ValueError(node.attributes)
    sizes = [
        (n + before + after - d * (k - 1) - 1) // s + 1
        for n, before, after, d, k, s in zip(
            shape[2:], pads[:count], pads[count:], dilations, kernel[2:], strides, strict=True
        )
    ]
    return [Sized((shape[0], kernel[0], *sizes))]


def _conv_transpose(node: Node, inputs: Inputs) -> list[Sized]:
    shape, kernel = inputs[0].shape, inputs[1].shape
    count = len(shape) - 2
    if node.attributes.get("auto_pad", "NOTSET") != "NOTSET" or "output_shape" in node.attributes:
        raise ValueError(node.attributes)
    strides = node.attributes.get("strides") or (1,) * count
    dilations = node.attributes.get("dilations") or (1,) * count
    pads = node.attributes.get("pads") or (0,) * (2 * count)
    extra = node.attributes.get("output_padding") or (0,) * count
    sizes = [
        s * (n - 1) + e + d * (k - 1) + 1 - before - after
        for n, s, e, d, k, before, after in zip(
            shape[2:],
            strides,
            extra,
            dilations,
            kernel[2:],
            pads[:count],
            pads[count:],
            strict=True,
        )
    ]
    return [Sized((shape[0], kernel[1] * node.attributes.get("group", 1), *sizes))]


def _pad(node: Node, inputs: Inputs) -> list[Sized]:
    shape = inputs[0].shape
    pads = _whole(inputs[1].value)
    given = inputs[3] if len(inputs) > 3 else None
    axes = _whole(given.value) if given is not None else range(len(shape))
    sizes = list(shape)
    for place, axis in enumerate(axes):
        sizes[axis] += pads[place] + pads[place + len(pads) // 2]
    return [Sized(tuple(sizes))]


def _range(_: Node, inputs: Inputs) -> list[Sized]:
    start, limit, delta = (int(each.value) for each in inputs)
    return [Sized((max(-(-(limit - start) // delta), 0),))]


def _depth_to_space(node: Node, inputs: Inputs) -> list[Sized]:
    count, channels, height, width = inputs[0].shape
    side = node.attributes["blocksize"]
    return [Sized((count, channels // side**2, height * side, width * side))]


def _axes(node: Node, inputs: Inputs, place: int) -> Sequence[int] | None:
    """Axes that an input (newer versions) or an attribute (older ones) names; None where neither does."""
    if len(inputs) > place and inputs[place] is not None:
        return _whole(inputs[place].value)
    return node.attributes.get("axes")


def _whole(value: np.ndarray) -> tuple[int, ...]:
    """Known whole numbers; raises `AttributeError` where they are not known."""
    return tuple(int(number) for number in value.reshape(-1))


_SAME = (
    "Abs Acos Acosh Asin Asinh Atan Atanh BatchNormalization Cast Ceil Celu Clip Cos Cosh CumSum "
    "DequantizeLinear Elu Erf Exp Floor Gelu HardSigmoid HardSwish Identity InstanceNormalization IsInf "
    "IsNaN LayerNormalization LeakyRelu Log LogSoftmax Mish Neg Not QuantizeLinear Reciprocal Relu Round "
    "Selu Sigmoid Sign Sin Sinh Softmax Softplus Softsign Sqrt Tan Tanh ThresholdedRelu Trilu"
)
_BROADCAST = (
    "Add And Div Equal Greater GreaterOrEqual Less LessOrEqual Max Mean Min Mod Mul Or Pow PRelu Sub Sum "
    "Where Xor"
)
_REDUCE = (
    "ReduceL1 ReduceL2 ReduceLogSum ReduceLogSumExp ReduceMax ReduceMean ReduceMin ReduceProd ReduceSum "
    "ReduceSumSquare"
)
RULES: dict[str, Rule] = {
    **dict.fromkeys(_SAME.split(), _same),
    **dict.fromkeys(_BROADCAST.split(), _joined_shape),
    **dict.fromkeys(_REDUCE.split(), _reduce),
    "ArgMax": _arg_reduce,
    "ArgMin": _arg_reduce,
    "Concat": _concat,
    "Constant": _constant,
    "ConstantOfShape": _filled,
    "Conv": _conv,
    "ConvTranspose": _conv_transpose,
    "DepthToSpace": _depth_to_space,
    "Expand": _expand,
    "Flatten": _flatten,
    "Gather": _gather,
    "GatherElements": _gather_elements,
    "Gemm": _gemm,
    "MatMul": _matmul,
    "Pad": _pad,
    "Range": _range,
    "Reshape": _reshape,
    "ScatterElements": _same,
    "ScatterND": _same,
    "Shape": _same,
    "Slice": _slice,
    "Split": _split,
    "Squeeze": _squeeze,
    "Tile": _tile,
    "Transpose": _transpose,
    "Unsqueeze": _unsqueeze,
}
