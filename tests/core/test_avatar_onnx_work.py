"""The work of a decoder, known before it runs: sizes as the runtime has them, and small files that ask for much."""

import json
import time
import zipfile

import numpy as np
import pytest
from gaussian_heads.core.assets import builtin_avatars
from gaussian_heads.core.avatar import onnx_scan, onnx_sizes
from gaussian_heads.core.avatar.onnx_graph import Sized, read_graph
from gaussian_heads.core.avatar.onnx_scan import check_onnx, check_onnx_work
from gaussian_heads.core.avatar.protobuf import FieldReader
from gaussian_heads.core.errors import AvatarError
from gaussian_heads.core.sessions import make_session, runtime_errors

onnx = pytest.importorskip("onnx", reason="the package onnx makes the models of these tests")

node, whole = onnx.helper.make_node, onnx.numpy_helper.from_array


def model_of(nodes, constants=(), opset=18):
    """Bytes of a model from `code` [52] to `out`."""
    floats = onnx.TensorProto.FLOAT
    tensors = [whole(np.asarray(value), name) for name, value in dict(constants).items()]
    ends = [onnx.helper.make_tensor_value_info("out", floats, None)]
    begin = [onnx.helper.make_tensor_value_info("code", floats, [52])]
    graph = onnx.helper.make_graph(nodes, "g", begin, ends, tensors)
    model = onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", opset)])
    model.ir_version = 8
    return model.SerializeToString()


def refusal(data):
    """Why `data` is refused, within a second and without running anything."""
    begin_sec = time.process_time()
    with pytest.raises(AvatarError) as caught:
        check_onnx(data, "decoder.onnx")
        check_onnx_work(data, "decoder.onnx", "code", 52)
    assert time.process_time() - begin_sec < 15.0
    return str(caught.value)


HUGE = np.array([60_000, 60_000])
BOMBS = {
    "ConstantOfShape": ([node("ConstantOfShape", ["s"], ["out"])], {"s": HUGE}),
    "Expand": ([node("Expand", ["code", "s"], ["out"])], {"s": np.array([90_000_000, 52])}),
    "Tile": ([node("Tile", ["code", "s"], ["out"])], {"s": np.array([90_000_000])}),
    "Range": (
        [node("Range", ["a", "b", "c"], ["out"])],
        {"a": np.int64(0), "b": np.int64(2**40), "c": np.int64(1)},
    ),
    "Pad": ([node("Pad", ["code", "s"], ["out"])], {"s": np.array([0, 2**40])}),
    "Gather": (
        [node("Expand", ["i", "s"], ["j"]), node("Gather", ["code", "j"], ["out"])],
        {"i": np.array([0]), "s": np.array([2**31])},
    ),
    "MatMul": (
        [
            node("Expand", ["code", "s"], ["a"]),
            node("Transpose", ["a"], ["b"], perm=[1, 0]),
            node("MatMul", ["a", "b"], ["c"]),
            node("MatMul", ["c", "c"], ["out"]),
        ],
        {"s": np.array([15_000, 52])},
    ),
    "doubling": (
        [node("Concat", [f"x{i}"] * 2, [f"x{i + 1}"], axis=0) for i in range(40)],
        {"x0": np.zeros(4, np.float32)},
    ),
    "calculated": (
        [node("Mul", ["a", "a"], ["b"]), node("ConstantOfShape", ["b"], ["out"])],
        {"a": np.array([40_000, 40_000])},
    ),
}


@pytest.mark.parametrize("kind", BOMBS)
def test_small_files_that_ask_for_much_are_refused(kind):
    nodes, constants = BOMBS[kind]
    assert "more than" in refusal(model_of(nodes, constants))


def test_a_convolution_is_counted_by_its_kernel():
    """512 channels into 512 over 1024 x 1024 pixels with 3 x 3: 2.5e12 products."""
    nodes = [
        node("Expand", ["code", "s"], ["c"]),
        node("Reshape", ["c", "r"], ["image"]),
        node("ConstantOfShape", ["k"], ["kernel"]),
        node("Conv", ["image", "kernel"], ["out"], pads=[1, 1, 1, 1]),
    ]
    small, large = 1, 512
    for channels in (small, large):
        constants = {
            "s": np.array([channels * 1024, 52]),
            "r": np.array([1, channels, 1024, 52]),
            "k": np.array([channels, channels, 3, 3]),
        }
        data = model_of(nodes, constants)
        if channels == small:
            check_onnx_work(data, "decoder.onnx", "code", 52)
        else:
            assert "multiplications" in refusal(data)


@pytest.mark.parametrize("operator", ["NonZero", "Unique", "LSTM", "Einsum", "Resize", "Attention"])
def test_operators_without_a_rule_are_refused(operator):
    assert f"uses the operator {operator}" in refusal(model_of([node(operator, ["code"], ["out"])]))


def test_sizes_that_the_expression_decides_are_refused():
    nodes = [
        node("Cast", ["code"], ["s"], to=onnx.TensorProto.INT64),
        node("ConstantOfShape", ["s"], ["out"]),
    ]
    assert "depend on the expression" in refusal(model_of(nodes))


def test_numbers_that_wrap_around_are_not_taken_for_sizes():
    """-1 as uint8 is 255: a rule that kept -1 would think that the product is 1."""
    nodes = [
        node("Cast", ["a"], ["b"], to=onnx.TensorProto.UINT8),
        node("Cast", ["b"], ["c"], to=onnx.TensorProto.INT64),
        node("ConstantOfShape", ["c"], ["out"]),
    ]
    assert "do not fit" in refusal(model_of(nodes, {"a": np.array([-1, -1, -1, -1])}))


def test_sparse_weights_are_refused():
    """Three bytes may stand for an array of any size."""
    values = onnx.helper.make_tensor("w", onnx.TensorProto.FLOAT, [1], [1.0])
    places = onnx.helper.make_tensor("w_i", onnx.TensorProto.INT64, [1], [7])
    model = onnx.ModelProto.FromString(model_of([node("Identity", ["w"], ["out"])]))
    model.graph.sparse_initializer.append(onnx.helper.make_sparse_tensor(values, places, [2**40]))
    assert "sparse" in refusal(model.SerializeToString())


def test_a_constant_that_is_not_there_is_refused():
    model = onnx.ModelProto.FromString(model_of([node("Identity", ["w"], ["out"])]))
    tensor = model.graph.initializer.add()
    tensor.name, tensor.data_type = "w", onnx.TensorProto.FLOAT
    tensor.dims.extend([2**20, 2**20])
    assert "fewer values than its shape says" in refusal(model.SerializeToString())


def test_a_file_of_nothing_but_small_fields_is_given_up(monkeypatch):
    """Two bytes a field: scanned to its end it would hold Blender for minutes."""
    monkeypatch.setattr(onnx_scan, "FieldReader", lambda: FieldReader(5000))
    fields = b"\x10\x00" * 10_000
    assert "more fields than any model" in refusal(b"\x3a" + _varint(len(fields)) + fields)


def test_the_runtimes_own_format_is_not_read():
    """Bytes may be a model in protobuf for whoever looks, and another one for onnxruntime."""
    plain = model_of([node("Identity", ["code"], ["out"])])
    # Field 2 (producer_name) of 40 bytes: byte 4 to 7 mark a flatbuffer of onnxruntime.
    data = b"\x12\x28\x00\x00ORTM" + b"\x00" * 34 + plain
    check_onnx(data, "decoder.onnx")
    assert make_session(data).get_inputs()[0].name == "code"
    with pytest.raises(runtime_errors()):
        make_session(b"\x28\x00\x00\x00ORTM" + b"\x00" * 200)


def test_sizes_are_those_that_the_runtime_makes():
    data, length = _shipped("ada")
    nodes, constants = read_graph(memoryview(data), FieldReader())
    arrays = dict(constants) | {"code": Sized((length,))}
    for each in nodes:
        arrays |= zip(each.outputs, onnx_sizes._outputs(each, arrays), strict=False)
    model = onnx.ModelProto.FromString(data)
    ends = {end.name for end in model.graph.output}
    asked = [each.outputs[0] for each in nodes if each.outputs[0] not in ends][::7]
    model.graph.output.extend(onnx.ValueInfoProto(name=name) for name in asked)
    session = make_session(model.SerializeToString())
    made = session.run(asked, {"code": np.zeros(length, np.float32)})
    assert len(asked) > 100
    for name, value in zip(asked, made, strict=True):
        assert arrays[name].shape == value.shape, name
        if arrays[name].value is not None:
            np.testing.assert_array_equal(arrays[name].value, value)


def test_shipped_decoders_stay_far_below_the_bounds():
    for name in ("maya", "ada"):
        data, length = _shipped(name)
        nodes, constants = read_graph(memoryview(data), FieldReader())
        elements, products = onnx_sizes.check_work(nodes, constants | {"code": Sized((length,))})
        assert 1e6 < elements < onnx_sizes.MAX_ELEMENTS / 5
        assert 1e6 < products < onnx_sizes.MAX_PRODUCTS / 1000


def _shipped(name):
    with zipfile.ZipFile(builtin_avatars()[name]) as archive:
        manifest = json.loads(archive.read("manifest.json"))
        length = manifest["code_dim"] + manifest.get("motion_dim", 0)
        return archive.read("decoder.onnx"), length


def _varint(number):
    data = bytearray()
    while number > 127:
        data.append(number & 127 | 128)
        number >>= 7
    return bytes([*data, number])
