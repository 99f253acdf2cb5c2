"""From a torch module to an ONNX model that says nothing of the machine it was made on."""

from __future__ import annotations

import io
import warnings
from collections.abc import Mapping, Sequence

import onnx
import torch
from torch import Tensor, nn

OPSET = 18


def traced(
    module: nn.Module,
    example: Tensor | tuple[Tensor, ...] | list[Tensor],
    inputs: Sequence[str],
    outputs: Sequence[str],
    *,
    axes: Mapping[str, Mapping[int, str]] | None = None,
    folds_constants: bool = True,
) -> onnx.ModelProto:
    """The model of `module` in evaluation, with the names of its ports and of their free `axes`.

    `example` is the input, or a list of several.
    """
    buffer = io.BytesIO()
    with warnings.catch_warnings():
        # The exporter warns about its own internals, nothing a caller could mend.
        warnings.simplefilter("ignore")
        torch.onnx.export(
            module.eval(),
            tuple(example) if isinstance(example, list) else (example,),
            buffer,
            input_names=list(inputs),
            output_names=list(outputs),
            dynamic_axes=axes,
            opset_version=OPSET,
            dynamo=False,
            do_constant_folding=folds_constants,
        )
    model = onnx.load_from_string(buffer.getvalue())
    model.doc_string = ""
    for node in model.graph.node:
        node.doc_string = ""
    return model
