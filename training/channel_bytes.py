"""Small ONNX files of networks: big weights as signed bytes, with a step of its own for every output channel."""

from __future__ import annotations

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

MOST_STEPS = 127
# Below this many numbers a tensor is not worth two more nodes.
MIN_SIZE = 1024


def store_bytes(model: onnx.ModelProto, prefix: str = "") -> None:
    """Store the big float weights named `prefix…` `[C, ...]` as int8 and steps `[C, 1, ...]`, in place.

    Each channel's largest weight takes the last step. onnxruntime multiplies once when the session starts
    (constant folding), so that only the file is smaller.
    """
    kept, unpacking = [], []
    for tensor in model.graph.initializer:
        values = numpy_helper.to_array(tensor)
        is_big = values.dtype == np.float32 and values.ndim > 1 and values.size >= MIN_SIZE
        if not is_big or not tensor.name.startswith(prefix):
            kept.append(tensor)
            continue
        largest = np.abs(values).max(axis=tuple(range(1, values.ndim)), keepdims=True)
        steps = (np.maximum(largest, 1e-12) / MOST_STEPS).astype(np.float32)
        packed, floats, name = f"{tensor.name}.bytes", f"{tensor.name}.floats", tensor.name
        kept.append(numpy_helper.from_array(np.round(values / steps).astype(np.int8), packed))
        kept.append(numpy_helper.from_array(steps, f"{name}.steps"))
        unpacking.append(helper.make_node("Cast", [packed], [floats], to=TensorProto.FLOAT))
        unpacking.append(helper.make_node("Mul", [floats, f"{name}.steps"], [name]))
    nodes = [*unpacking, *model.graph.node]
    del model.graph.initializer[:]
    del model.graph.node[:]
    model.graph.initializer.extend(kept)
    model.graph.node.extend(nodes)
