"""Faces in maps of heat: peaks become boxes of the picture, twins become one, small ones are sought further."""

import numpy as np
import pytest
from gaussian_heads.core.errors import ModelError
from gaussian_heads.core.monocular.finder import CELL_PX, FINDER, UNIT_PX, FaceFinder

pytest.importorskip("onnx")
# A cell is hot where its mean red is above this.
LEAST_RED, STEEP = 0.5, 40.0


def write_finder(path, *, kind="gaussian_heads.finder"):
    """Heat is a cell's mean red; the middle is moved by its green (cells), its size is its blue."""
    from onnx import TensorProto, checker, helper, numpy_helper, save

    constants = {
        "bytes": np.float32(255.0),
        "least": np.float32(LEAST_RED),
        "steep": np.float32(STEEP),
        "colors": np.array([1, 1, 1]),
        "heat_shape": np.array([0, -1, 1]),
        "last": np.array([-1]),
    }
    nodes = [
        ("Cast", ["pictures"], "float", {"to": TensorProto.FLOAT}),
        ("Div", ["float", "bytes"], "scaled", {}),
        ("Transpose", ["scaled"], "planes", {"perm": [0, 3, 1, 2]}),
        ("AveragePool", ["planes"], "cells", {"kernel_shape": [8, 8], "strides": [8, 8]}),
        ("Transpose", ["cells"], "map", {"perm": [0, 2, 3, 1]}),
        ("Split", ["map", "colors"], ("red", "green", "blue"), {"axis": 3}),
        ("Squeeze", ["red", "last"], "flat", {}),
        ("Sub", ["flat", "least"], "beyond", {}),
        ("Mul", ["beyond", "steep"], "heat", {}),
        ("Concat", ["green", "green", "blue"], "box", {"axis": 3}),
    ]
    made = [
        helper.make_node(k, ins, list(out) if isinstance(out, tuple) else [out], **options)
        for k, ins, out, options in nodes
    ]
    outputs = [
        helper.make_tensor_value_info("heat", TensorProto.FLOAT, ["B", "h", "w"]),
        helper.make_tensor_value_info("box", TensorProto.FLOAT, ["B", "h", "w", 3]),
    ]
    picture = helper.make_tensor_value_info("pictures", TensorProto.UINT8, ["B", "H", "W", 3])
    values = [numpy_helper.from_array(np.asarray(a), n) for n, a in constants.items()]
    graph = helper.make_graph(made, "finder", [picture], outputs, values)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)
    helper.set_model_props(model, {"kind": kind, "version": "1"})
    checker.check_model(model)
    save(model, path)
    return path


@pytest.fixture(scope="module")
def finder(tmp_path_factory):
    path = write_finder(tmp_path_factory.mktemp("finder") / "finder.onnx")
    return FaceFinder.open(path, num_threads=1)


def picture(spots, shape=(320, 320), radius=8, blue=0.0):
    frame = np.zeros((*shape, 3), np.uint8)
    for x, y, red in spots:
        frame[y - radius : y + radius, x - radius : x + radius] = (red, 0, round(255 * blue))
    return frame


def test_a_peak_is_a_face_of_the_picture(finder):
    """320 pixels are shown as 160: a cell is 16 of them."""
    (face,) = finder.find(picture([(88, 232, 250)], blue=0.5))
    assert face.center_px == pytest.approx((88.0, 232.0), abs=0.01)
    assert face.side_px == pytest.approx(2 * UNIT_PX * np.exp(0.5), rel=0.01)
    assert 0.99 < face.score <= 1.0
    assert face.window.center_px == face.center_px


def test_a_wide_picture_is_seen_whole(finder):
    (face,) = finder.find(picture([(600, 40, 250)], shape=(160, 640), radius=16))
    assert face.center_px == pytest.approx((600.0, 40.0), abs=17.0)


def test_faces_come_largest_first_and_neighbours_are_one(finder):
    frame = picture([(56, 56, 250), (248, 248, 255), (264, 248, 235)])
    frame[48:64, 48:64, 2] = 255
    first, second = finder.find(frame)
    assert first.center_px == pytest.approx((56.0, 56.0), abs=0.5)
    assert second.center_px == pytest.approx((248.0, 248.0), abs=0.5)
    assert first.side_px > second.side_px


def test_nobody_is_found_where_there_is_nobody(finder):
    assert finder.find(np.full((240, 320, 3), 90, np.uint8)) == []


def test_small_faces_are_sought_in_larger_pictures(finder):
    frame = picture([(404, 204, 255)], shape=(640, 640), radius=CELL_PX // 2)
    (face,) = finder.find(frame)
    assert face.center_px == pytest.approx((404.0, 204.0), abs=1.0)


def test_another_network_is_refused(tmp_path):
    with pytest.raises(ModelError, match="another kind"):
        FaceFinder.open(write_finder(tmp_path / "other.onnx", kind="gaussian_heads.matte"))


@pytest.mark.skipif(not FINDER.is_file(), reason="the finder is not trained yet")
def test_the_shipped_finder_sees_no_face_in_a_wall():
    y, x = np.mgrid[:240, :320]
    wall = np.stack([120 + x // 8, 110 + y // 8, np.full_like(x, 100)], -1).astype(np.uint8)
    assert FaceFinder.open(num_threads=1).find(wall) == []
