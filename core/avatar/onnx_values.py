"""The few operators that shapes, axes and indices are calculated with in exported networks, on whole numbers."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from .onnx_graph import MAX_VALUES, Node, Sized

# Kinds of numbers in ONNX files: truth, and those that hold whole numbers up to 2^24 exactly.
_BOOL, _WIDE = 9, (1, 6, 7, 11)

Values = Sequence[np.ndarray | None]
ValueRule = Callable[[Node, Values], np.ndarray | None]


def _identity(_: Node, values: Values) -> np.ndarray:
    return values[0]


def _unsqueeze(node: Node, values: Values) -> np.ndarray:
    return np.expand_dims(values[0], tuple(_axes(node, values)))


def _squeeze(node: Node, values: Values) -> np.ndarray:
    axes = _axes(node, values)
    return np.squeeze(values[0], None if axes is None else tuple(axes))


def _concat(node: Node, values: Values) -> np.ndarray:
    return np.concatenate(values, axis=node.attributes["axis"])


def _gather(node: Node, values: Values) -> np.ndarray | None:
    small = values[1].size * max(values[0].size, 1) <= MAX_VALUES**2
    return np.take(values[0], values[1], axis=node.attributes.get("axis", 0)) if small else None


def _slice(_: Node, values: Values) -> np.ndarray:
    data, starts, ends = values[:3]
    axes = values[3] if len(values) > 3 and values[3] is not None else np.arange(len(starts))
    steps = values[4] if len(values) > 4 and values[4] is not None else np.ones(len(starts), int)
    spans = [slice(None)] * data.ndim
    for start, end, axis, step in zip(
        *(v.tolist() for v in (starts, ends, axes, steps)), strict=True
    ):
        spans[axis] = slice(start, None if step < 0 and end <= -(2**31) else end, step)
    return data[tuple(spans)]


def _reshape(_: Node, values: Values) -> np.ndarray | None:
    # A zero copies a length; where shapes are calculated none is used.
    return values[0].reshape(values[1].tolist()) if values[1].all() else None


def _cast(node: Node, values: Values) -> np.ndarray | None:
    """Numbers that every kind but the narrow ones holds; those wrap around."""
    kind = node.attributes.get("to")
    if kind == _BOOL:
        return (values[0] != 0).astype(np.int64)
    return values[0] if kind in _WIDE and _is_near(values[0], 2**24) else None


def _filled(node: Node, values: Values) -> np.ndarray | None:
    value = node.attributes.get("value")
    shape = values[0].tolist()
    is_few = min(shape, default=1) >= 0 and np.prod(shape, dtype=float) <= MAX_VALUES
    is_known = isinstance(value, Sized) and value.value is not None
    return np.full(shape, int(value.value.reshape(-1)[0])) if is_few and is_known else None


def _calculated(operation: Callable[..., np.ndarray]) -> ValueRule:
    """The operation where its numbers and results are few and far from where 32 bits end."""

    def rule(_: Node, values: Values) -> np.ndarray | None:
        shape = np.broadcast_shapes(*(each.shape for each in values))
        if np.prod(shape, dtype=float) > MAX_VALUES or not all(_is_near(v) for v in values):
            return None
        result = operation(*values)
        return result if _is_near(result) else None

    return rule


def _equal(left: np.ndarray, right: np.ndarray) -> np.ndarray:
    return (left == right).astype(np.int64)


def _where(condition: np.ndarray, left: np.ndarray, right: np.ndarray) -> np.ndarray:
    return np.where(condition != 0, left, right)


def _divided(left: np.ndarray, right: np.ndarray) -> np.ndarray:
    if left.min(initial=0) < 0 or right.min(initial=1) < 1:
        raise ValueError("division of negative numbers")
    return left // right


def _is_near(values: np.ndarray, limit: int = 2**31) -> bool:
    return all(-limit < number < limit for number in values.reshape(-1).tolist())


def _axes(node: Node, values: Values) -> Sequence[int] | None:
    if len(values) > 1 and values[1] is not None:
        return values[1].reshape(-1).tolist()
    return node.attributes.get("axes")


VALUE_RULES: dict[str, ValueRule] = {
    "Identity": _identity,
    "Unsqueeze": _unsqueeze,
    "Squeeze": _squeeze,
    "Concat": _concat,
    "Gather": _gather,
    "Slice": _slice,
    "Reshape": _reshape,
    "Cast": _cast,
    "ConstantOfShape": _filled,
    "Equal": _calculated(_equal),
    "Where": _calculated(_where),
    "Div": _calculated(_divided),
    "Add": _calculated(np.add),
    "Sub": _calculated(np.subtract),
    "Mul": _calculated(np.multiply),
}
