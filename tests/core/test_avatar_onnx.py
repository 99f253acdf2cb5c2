"""Networks inside packages: what is refused before and by the runtime."""

import hashlib
import json
import subprocess
import sys
import zipfile

import numpy as np
import pytest
from gaussian_heads.core.avatar import Avatar, AvatarContents, write_avatar
from gaussian_heads.core.avatar.onnx_scan import check_onnx
from gaussian_heads.core.errors import AvatarError

from .small_heads import (
    small_head,
    small_info,
    small_linear_avatar,
    small_onnx_avatar,
    small_onnx_model,
)

onnx = pytest.importorskip("onnx", reason="the package onnx makes the models of these tests")

HEAD = small_head(60)


@pytest.fixture
def model():
    return small_onnx_model(HEAD)


def refusal(model):
    with pytest.raises(AvatarError) as caught:
        check_onnx(model.SerializeToString(), "decoder.onnx")
    return str(caught.value)


def open_model(path, model):
    """Put `model` into a package behind the writer's back, with right hashes, and open it."""
    small_onnx_avatar(path, 60)
    with zipfile.ZipFile(path) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    members["decoder.onnx"] = model if isinstance(model, bytes) else model.SerializeToString()
    manifest = json.loads(members["manifest.json"])
    data = members["decoder.onnx"]
    manifest["members"]["decoder.onnx"] = {
        "bytes": len(data),
        "sha256": hashlib.sha256(data).hexdigest(),
    }
    members["manifest.json"] = json.dumps(manifest).encode()
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return Avatar.open(path)


def test_good_model_passes(model, tmp_path):
    check_onnx(model.SerializeToString(), "decoder.onnx")
    assert open_model(tmp_path / "a.uhap", model).num_gaussians == 60


def test_external_data(model):
    tensor = model.graph.initializer[0]
    entry = tensor.external_data.add()
    entry.key, entry.value = "location", "../../etc/passwd"
    tensor.data_location = onnx.TensorProto.EXTERNAL
    assert "keeps weights in another file" in refusal(model)


def test_external_data_of_a_constant_deep_inside(model):
    inner = onnx.helper.make_tensor("w", onnx.TensorProto.FLOAT, [1], [0.0])
    inner.data_location = onnx.TensorProto.EXTERNAL
    body = onnx.helper.make_graph(
        [onnx.helper.make_node("Constant", [], ["w"], value=inner)], "body", [], []
    )
    model.graph.node.append(onnx.helper.make_node("SequenceMap", ["code"], ["x"], body=body))
    assert "keeps weights in another file" in refusal(model)


def test_operators_of_another_domain(model):
    model.graph.node[0].domain = "com.microsoft"
    assert "needs operators of 'com.microsoft'" in refusal(model)


def test_opset_of_another_domain(model):
    model.opset_import.append(onnx.helper.make_opsetid("my.custom.ops", 1))
    assert "needs operators of 'my.custom.ops'" in refusal(model)


def test_functions_of_its_own(model):
    model.functions.add().name = "f"
    assert "functions or training steps" in refusal(model)


@pytest.mark.parametrize("operator", ["Loop", "If", "RandomNormal", "Multinomial"])
def test_loops_and_chance(model, operator):
    model.graph.node.append(onnx.helper.make_node(operator, ["code"], ["x"]))
    assert f"uses the operator {operator}" in refusal(model)


def test_graphs_without_end(model):
    graph = onnx.helper.make_graph([], "leaf", [], [])
    for _ in range(20):
        graph = onnx.helper.make_graph(
            [onnx.helper.make_node("SequenceMap", ["a"], ["b"], body=graph)], "g", [], []
        )
    model.graph.CopyFrom(graph)
    assert "nests its graphs too deeply" in refusal(model)


@pytest.mark.parametrize(
    "data", [b"hello world, this is text", b"\x08\x09", b"\xff" * 40, b":\x7f"]
)
def test_no_model_at_all(data, tmp_path):
    with pytest.raises(AvatarError, match="'decoder.onnx' is not an ONNX model"):
        open_model(tmp_path / "a.uhap", data)


def test_scan_survives_random_damage(model):
    data = model.SerializeToString()
    rng = np.random.default_rng(0)
    refused = 0
    for _ in range(300):
        broken = bytearray(data[: rng.integers(1, len(data))])
        broken[rng.integers(len(broken))] ^= 1 << rng.integers(8)
        try:
            check_onnx(bytes(broken), "decoder.onnx")
        except AvatarError:
            refused += 1
    # A flipped bit of a weight is no fault of form; a cut nearly always is.
    assert refused > 200


def test_model_the_runtime_refuses(model, tmp_path):
    model.ir_version = 999
    with pytest.raises(AvatarError, match="not a model this add-on can run"):
        open_model(tmp_path / "a.uhap", model)


def test_wrong_input(model, tmp_path):
    model.graph.input[0].type.tensor_type.shape.dim[0].dim_value = 51
    with pytest.raises(AvatarError, match="decoder.onnx"):
        open_model(tmp_path / "a.uhap", model)


def test_missing_output(model, tmp_path):
    landmarks = next(o for o in model.graph.output if o.name == "landmarks")
    model.graph.output.remove(landmarks)
    with pytest.raises(AvatarError, match="has no output 'landmarks'"):
        open_model(tmp_path / "a.uhap", model)


def test_wrong_number_of_gaussians(tmp_path):
    with pytest.raises(AvatarError, match="declares 'means' as"):
        open_model(tmp_path / "a.uhap", small_onnx_model(small_head(61)))


def test_a_size_that_only_running_shows(model, tmp_path):
    """Compress keeps the rows that a computed condition names."""
    next(node for node in model.graph.node if node.output[0] == "means").output[0] = "all_means"
    make = onnx.helper.make_node
    model.graph.node.append(make("Cast", ["all_means"], ["k"], to=onnx.TensorProto.BOOL))
    model.graph.node.append(make("Compress", ["all_means", "k"], ["means"], axis=0))
    with pytest.raises(AvatarError, match="uses the operator Compress, no decoder may"):
        open_model(tmp_path / "a.uhap", model)


def test_numbers_of_another_kind(model, tmp_path):
    next(node for node in model.graph.node if node.output[0] == "means").output[0] = "single"
    model.graph.node.append(
        onnx.helper.make_node("Cast", ["single"], ["means"], to=onnx.TensorProto.DOUBLE)
    )
    means = next(output for output in model.graph.output if output.name == "means")
    means.type.tensor_type.elem_type = onnx.TensorProto.DOUBLE
    with pytest.raises(AvatarError, match=r"gives 'means' of shape \(60, 3\) float64"):
        open_model(tmp_path / "a.uhap", model)


def test_nan_weights(model, tmp_path):
    for tensor in model.graph.initializer:
        if tensor.name == "means_0":
            value = onnx.numpy_helper.to_array(tensor).copy()
            value[3] = np.nan
            tensor.CopyFrom(onnx.numpy_helper.from_array(value, "means_0"))
    with pytest.raises(AvatarError, match="gave 'means' that are not finite"):
        open_model(tmp_path / "a.uhap", model)
    with pytest.raises(AvatarError, match="gave 'means' that are not finite"):
        contents = AvatarContents(small_info(), model.SerializeToString(), HEAD.rig)
        write_avatar(tmp_path / "b.uhap", contents)


def test_thread_count_reaches_the_session(tmp_path):
    path = small_onnx_avatar(tmp_path / "a.uhap", 60)
    session = Avatar.open(path, threads=1).decoder.session
    assert session.get_session_options().intra_op_num_threads == 1


def test_values_are_brought_into_range(model, tmp_path):
    for tensor in model.graph.initializer:
        if tensor.name in ("quats_0", "scales_0", "opacities_0"):
            value = onnx.numpy_helper.to_array(tensor) * 0
            if tensor.name == "opacities_0":
                value = value + 7
            tensor.CopyFrom(onnx.numpy_helper.from_array(value, tensor.name))
    gaussians = open_model(tmp_path / "a.uhap", model).decode(np.zeros(52, np.float32))
    np.testing.assert_array_equal(gaussians.quats, np.tile(np.float32([1, 0, 0, 0]), (60, 1)))
    assert (gaussians.scales > 0).all() and (gaussians.opacities < 1).all()


def test_linear_avatars_do_not_load_the_runtime(tmp_path):
    path = small_linear_avatar(tmp_path / "a.uhap", 60)
    program = (
        "import sys; from gaussian_heads.core.avatar import Avatar; "
        f"Avatar.open({str(path)!r}); sys.exit('onnxruntime' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", program]).returncode == 0


def with_view_colors(model, values):
    """Add an output `sh` with constant `values` to a model."""
    model.graph.initializer.append(onnx.numpy_helper.from_array(values, "sh_0"))
    model.graph.node.append(onnx.helper.make_node("Identity", ["sh_0"], ["sh"]))
    port = onnx.helper.make_tensor_value_info("sh", onnx.TensorProto.FLOAT, values.shape)
    model.graph.output.append(port)
    return model


def test_colours_by_view_are_decoded_and_turn_with_the_head(model, tmp_path):
    values = np.random.default_rng(0).normal(0, 0.1, (60, 3, 3)).astype(np.float32)
    values[0, 0] = 50.0
    avatar = open_model(tmp_path / "a.uhap", with_view_colors(model, values))
    gaussians = avatar.decode(np.zeros(52, np.float32))
    np.testing.assert_array_equal(gaussians.sh, np.clip(values, -10, 10))
    turned = avatar.decode(np.zeros(52, np.float32), np.array([0, 0.5, 0, 0, 0, 0], np.float32))
    # Seen by an eye that turns with the head, a head looks the same.
    follow = np.flatnonzero(avatar.rig.neck_weights == 1.0)
    rotation = np.array([[np.cos(0.5), 0, np.sin(0.5)], [0, 1, 0], [-np.sin(0.5), 0, np.cos(0.5)]])
    eye = np.array([0.2, 0.1, 1.0])
    moved = rotation @ (eye - avatar.neck_pivot) + avatar.neck_pivot
    before, after = gaussians.seen_from(eye), turned.seen_from(moved)
    assert len(follow) > 0
    np.testing.assert_allclose(before.colors[follow], after.colors[follow], atol=1e-5)
    assert not np.allclose(before.colors, gaussians.colors, atol=1e-3)


@pytest.mark.parametrize("shape", [(60, 4, 3), (60, 9), (59, 3, 3)])
def test_colours_by_view_of_another_shape(model, tmp_path, shape):
    with pytest.raises(AvatarError, match="declares 'sh' as"):
        open_model(tmp_path / "a.uhap", with_view_colors(model, np.zeros(shape, np.float32)))
