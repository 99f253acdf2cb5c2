"""A portrait network that can be reckoned by hand: the photo where it was, tinted by the landmarks and by neighbours.

`clean` is the mean of the maps plus a third of
the own, the previous and the next frame's mean of the field; `warped` is the photo.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

CHANGE_SCALE = 0.12
METADATA = {"version": "1", "change_scale": str(CHANGE_SCALE)}
SIDE, MAPS, MAP_SIDE, FIELD_SIDE = 256, 19, 64, 33


def write_portrait_networks(folder: Path) -> Path:
    """`reference.onnx` and `denoiser.onnx` with the ports of the real ones; needs `onnx`."""
    folder.mkdir(parents=True, exist_ok=True)
    _write(folder / "reference.onnx", *_reference())
    _write(folder / "denoiser.onnx", *_denoiser())
    return folder


def _reference() -> tuple[str, list, dict, dict, dict]:
    from onnx import helper

    nodes = [
        helper.make_node(
            "AveragePool", ["picture"], ["small"], kernel_shape=[8, 8], strides=[8, 8]
        ),
        helper.make_node("AveragePool", ["small"], ["coarse"], kernel_shape=[2, 2], strides=[2, 2]),
        helper.make_node("ReduceMean", ["maps"], ["level"], keepdims=1),
        helper.make_node("Add", ["small", "level"], ["fine"]),
    ]
    inputs = {"picture": [1, 3, SIDE, SIDE], "maps": [1, MAPS, MAP_SIDE, MAP_SIDE]}
    outputs = {"fine": [1, 3, 32, 32], "coarse": [1, 3, 16, 16]}
    return "reference", nodes, inputs, outputs, {}


def _denoiser() -> tuple[str, list, dict, dict, dict]:
    from onnx import helper

    constants = {
        "axes": np.array([1, 2, 3]),
        "first": np.array([0]),
        "second": np.array([1]),
        "last": np.array([-1]),
        "end": np.array([np.iinfo(np.int64).max]),
        "frames": np.array([0]),
        "third": np.float32(CHANGE_SCALE / 3),
        "scale": np.float32(CHANGE_SCALE),
        "nothing": np.float32(0.0),
    }
    nodes = [
        helper.make_node("ReduceMean", ["maps", "axes"], ["level"], keepdims=1),
        helper.make_node("ReduceMean", ["field", "axes"], ["reach"], keepdims=1),
        # The clip's ends go on.
        helper.make_node("Slice", ["reach", "first", "second", "frames"], ["begin"]),
        helper.make_node("Slice", ["reach", "first", "last", "frames"], ["but_last"]),
        helper.make_node("Concat", ["begin", "but_last"], ["before"], axis=0),
        helper.make_node("Slice", ["reach", "last", "end", "frames"], ["finish"]),
        helper.make_node("Slice", ["reach", "second", "end", "frames"], ["but_first"]),
        helper.make_node("Concat", ["but_first", "finish"], ["after"], axis=0),
        helper.make_node("Sum", ["before", "reach", "after"], ["reaches"]),
        helper.make_node("Mul", ["reaches", "third"], ["moved"]),
        helper.make_node("Mul", ["level", "scale"], ["tint"]),
        helper.make_node("Mul", ["change", "nothing"], ["still"]),
        helper.make_node("Sum", ["still", "tint", "moved"], ["clean"]),
        helper.make_node("Mul", ["clean", "nothing"], ["empty"]),
        # All that the real one is given is asked for.
        helper.make_node("ReduceMean", ["fine"], ["fine_mean"], keepdims=0),
        helper.make_node("ReduceMean", ["coarse"], ["coarse_mean"], keepdims=0),
        helper.make_node("ReduceMean", ["time"], ["time_mean"], keepdims=0),
        helper.make_node("Sum", ["fine_mean", "coarse_mean", "time_mean"], ["rest"]),
        helper.make_node("Mul", ["rest", "nothing"], ["none"]),
        helper.make_node("Sum", ["picture", "empty", "none"], ["warped"]),
    ]
    inputs = {
        "change": ["frames", 3, SIDE, SIDE],
        "time": ["frames"],
        "picture": [1, 3, SIDE, SIDE],
        "maps": ["frames", MAPS, MAP_SIDE, MAP_SIDE],
        "field": ["frames", 2, FIELD_SIDE, FIELD_SIDE],
        "fine": [1, 3, 32, 32],
        "coarse": [1, 3, 16, 16],
    }
    outputs = {name: ["frames", 3, SIDE, SIDE] for name in ("clean", "warped")}
    return "denoiser", nodes, inputs, outputs, constants


def _write(
    path: Path, kind: str, nodes: list, inputs: dict, outputs: dict, constants: dict
) -> None:
    import onnx
    from onnx import TensorProto, helper, numpy_helper

    def ports(shapes: dict) -> list:
        return [
            helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)
            for name, shape in shapes.items()
        ]

    stored = [numpy_helper.from_array(np.asarray(v), name) for name, v in constants.items()]
    graph = helper.make_graph(nodes, kind, ports(inputs), ports(outputs), stored)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)
    helper.set_model_props(model, {**METADATA, "kind": f"gaussian_heads.portrait.{kind}"})
    onnx.checker.check_model(model)
    path.write_bytes(model.SerializeToString())
