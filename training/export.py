"""From a torch decoder to the `decoder.onnx` of an avatar package, with small weights."""

from __future__ import annotations

import numpy as np
import onnx
import torch
from onnx import TensorProto, helper, numpy_helper
from torch import nn

from ..core.errors import AvatarError
from .export_layout import widen_columns
from .networks.mesh_head import WEIGHT_STEPS
from .onnx_graph import traced
from .row_steps import row_steps

OUTPUTS = ("means", "quats", "scales", "opacities", "colors", "landmarks")
VIEW_OUTPUT = "sh"
# Below this many numbers a tensor is not worth an extra node.
MIN_PACKED_SIZE = 512
# Weights whose names end so have rows of very different size (m): each is stored with a step of its own.
BY_ROW = "basis_m"
# Weights whose names end so are stored as integers times a step of at most this size.
STEPS = {
    "_m": 4e-6,  # metres
    "colors": 1 / 255,
    "light": 1 / 255,
    "opacities": 1 / 255,
    "quats": 1 / 2000,
    "weight": 1 / WEIGHT_STEPS,
    "sh": 1 / 80,
    "place": 1 / 32,
}


def export_onnx(decoder: nn.Module, code_dim: int, *, has_half_floats: bool = False) -> bytes:
    """ONNX model of a decoder module (code `[D]` to the six outputs, and sh if it has them), weights packed.

    With `has_half_floats`, big weights without a step of their own are stored as float16.
    """
    for module in decoder.modules():
        for name, value in module.named_buffers(recurse=False):
            # What is not persistent would become a nameless constant, which nothing packs.
            module.register_buffer(name, value)
    outputs = [*OUTPUTS, VIEW_OUTPUT] if getattr(decoder, "has_sh", False) else list(OUTPUTS)
    # Folding would unpack what is meant to stay small; onnxruntime folds when it loads.
    model = traced(decoder, torch.zeros(code_dim), ["code"], outputs, folds_constants=False)
    widen_columns(model)
    pack_weights(model, has_half_floats=has_half_floats)
    onnx.checker.check_model(model)
    return model.SerializeToString()


def pack_weights(model: onnx.ModelProto, *, has_half_floats: bool = False) -> None:
    """Store big weights as small integers with a step (or as float16) and indices as int32, in place.

    onnxruntime unpacks them once when the session starts (constant folding), so that only the file
    is smaller: the decoder runs as fast as before.
    """
    graph = model.graph
    kept, unpacking = [], []
    # Gathers take indices of either width; arithmetic wants the width that was exported.
    calculated = {i for node in graph.node if node.op_type != "Gather" for i in node.input}
    only_gathered = {tensor.name for tensor in graph.initializer} - calculated
    for tensor in graph.initializer:
        values = numpy_helper.to_array(tensor)
        step = _step_of(tensor.name)
        if values.dtype == np.int64 and values.size >= MIN_PACKED_SIZE:
            name = tensor.name if tensor.name in only_gathered else f"{tensor.name}.narrow"
            kept.append(numpy_helper.from_array(values.astype(np.int32), name))
            if name != tensor.name:
                unpacking.append(_cast(name, tensor.name, TensorProto.INT64))
        elif values.dtype == np.float32 and values.size >= MIN_PACKED_SIZE and step:
            by_row = tensor.name.endswith(BY_ROW)
            packed, nodes = (
                _packed_rows(tensor.name, values) if by_row else _packed(tensor.name, values, step)
            )
            kept += packed
            unpacking += nodes
        elif has_half_floats and values.dtype == np.float32 and values.size >= MIN_PACKED_SIZE:
            kept.append(_halved(tensor.name, values))
            unpacking.append(_cast(f"{tensor.name}.half", tensor.name))
        else:
            kept.append(tensor)
    nodes = [*unpacking, *graph.node]
    del graph.initializer[:]
    del graph.node[:]
    graph.initializer.extend(kept)
    graph.node.extend(nodes)


def _step_of(name: str) -> float | None:
    leaf = name.rsplit(".", 1)[-1]
    return next((step for ending, step in STEPS.items() if leaf.endswith(ending)), None)


def _packed(
    name: str, values: np.ndarray, step: float
) -> tuple[list[onnx.TensorProto], list[onnx.NodeProto]]:
    """Integers and step of a weight, and the nodes that multiply them back into `name`."""
    largest = float(np.abs(values).max())
    kind = next(
        (k for k in (np.uint8, np.int8, np.int16) if _holds(k, values, step)),
        np.int16,
    )
    step = max(step, largest / 32767)
    return _multiplied(name, np.round(values / step).astype(kind), np.array(step))


def _packed_rows(
    name: str, values: np.ndarray
) -> tuple[list[onnx.TensorProto], list[onnx.NodeProto]]:
    """int8 and steps of the rows `[R, N]` that it holds, int16 of those before them, and the nodes that stack them."""
    steps, split = row_steps(values)
    integers = np.round(values / steps)
    coarse = _multiplied(f"{name}.coarse", integers[:split].astype(np.int16), steps[:split])
    fine = _multiplied(f"{name}.fine", integers[split:].astype(np.int8), steps[split:])
    stack = helper.make_node("Concat", [f"{name}.coarse", f"{name}.fine"], [name], axis=0)
    return coarse[0] + fine[0], [*coarse[1], *fine[1], stack]


def _multiplied(
    name: str, integers: np.ndarray, step: np.ndarray
) -> tuple[list[onnx.TensorProto], list[onnx.NodeProto]]:
    """Integers and step of `name`, and the nodes that multiply them."""
    tensors = [
        numpy_helper.from_array(integers, f"{name}.packed"),
        numpy_helper.from_array(step.astype(np.float32), f"{name}.step"),
    ]
    nodes = [
        _cast(f"{name}.packed", f"{name}.float"),
        helper.make_node("Mul", [f"{name}.float", f"{name}.step"], [name]),
    ]
    return tensors, nodes


def _halved(name: str, values: np.ndarray) -> onnx.TensorProto:
    if np.abs(values).max() > np.finfo(np.float16).max:
        raise AvatarError(f"The weights '{name}' are too large for float16: train the head again.")
    return numpy_helper.from_array(values.astype(np.float16), f"{name}.half")


def _cast(name: str, result: str, kind: int = TensorProto.FLOAT) -> onnx.NodeProto:
    return helper.make_node("Cast", [name], [result], to=kind)


def _holds(kind: type, values: np.ndarray, step: float) -> bool:
    limits = np.iinfo(kind)
    return bool(
        round(float(values.min()) / step) >= limits.min
        and round(float(values.max()) / step) <= limits.max
    )
