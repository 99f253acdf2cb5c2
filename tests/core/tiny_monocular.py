"""Networks that can be reckoned by hand: a face is a bright red square, its green opens the mouth, its blue the eyes."""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction
from pathlib import Path

import numpy as np
from gaussian_heads.core.monocular.encoder import MonocularEncoder
from gaussian_heads.core.monocular.finder import FoundFace
from gaussian_heads.core.spaces import ARKIT_INDEX
from gaussian_heads.core.video import VideoFrame

CODE_SPACE, CODE_DIM = "arkit52", 52
GAP_MM, LIDS_MM, WIDTH_MM = 10.0, 8.0, 50.0
SIDE_M = 0.3
FPS = Fraction(25)
# A square is a face from this part of the crop's area on.
LEAST_AREA = 0.02
ENCODER_METADATA = {
    "kind": "gaussian_heads.encoder",
    "version": "1",
    "code_space": CODE_SPACE,
}


def base_landmarks() -> np.ndarray:
    """68 points `[68, 2]` whose bounding box is the unit square."""
    points = np.random.default_rng(0).uniform(0.1, 0.9, (68, 2)).astype(np.float32)
    points[0], points[1] = (0.0, 0.0), (1.0, 1.0)
    return points


def encoder_constants(code_width: int, gain: float) -> dict[str, np.ndarray]:
    """What the nodes take beside the crops."""
    steps = ((np.arange(160) + 0.5) / 160).astype(np.float32)
    to_code = np.zeros((2, code_width), np.float32)
    to_code[0, ARKIT_INDEX["jawOpen"]] = gain
    to_code[1, ARKIT_INDEX["eyeBlinkLeft"]] = -gain
    still = np.zeros((1, code_width), np.float32)
    still[0, ARKIT_INDEX["eyeBlinkLeft"]] = gain
    to_mm = np.zeros((2, 4), np.float32)
    to_mm[0, 0], to_mm[1, 2:] = GAP_MM, LIDS_MM
    one = np.float32(1.0)
    return {
        "bytes": np.float32(255.0),
        "red": np.array(0), "green": np.array(1), "blue": np.array(2),
        "x": steps[None, None], "y": steps[None, :, None],
        "picture": np.array([1, 2]), "column": np.array([-1, 1]), "point": np.array([-1, 1, 2]),
        "tiny": np.float32(1e-6), "least": np.float32(LEAST_AREA), "steep": np.float32(400.0),
        "base": (base_landmarks() - 0.5)[None], "cube": np.array([-1, 1, 1]),
        "to_code": to_code, "still": still, "to_mm": to_mm, "width": np.array([[0, WIDTH_MM, 0, 0]], np.float32),
        "facing": np.diag([1.0, -1.0, -1.0]).astype(np.float32)[None],
        "none": np.float32(0.0), "error": np.float32(-2.0),
        "log_side": np.float32(np.log(SIDE_M)), "look": np.zeros((1, 2, 2), np.float32), "unit": one,
    }  # fmt: skip


def encoder_nodes(input_name: str) -> list[tuple]:
    """The graph: kind, inputs, output and options of each node."""
    from onnx import TensorProto

    return [
        ("Cast", [input_name], "float", {"to": TensorProto.FLOAT}),
        ("Div", ["float", "bytes"], "scaled", {}),
        *((("Gather", ["scaled", c], f"{c}_plane", {"axis": 3})) for c in ("red", "green", "blue")),
        ("ReduceMean", ["red_plane", "picture"], "area", {"keepdims": 0}),
        ("ReduceMean", ["green_plane", "picture"], "green_mean", {"keepdims": 0}),
        ("ReduceMean", ["blue_plane", "picture"], "blue_mean", {"keepdims": 0}),
        ("Mul", ["red_plane", "x"], "red_x", {}),
        ("Mul", ["red_plane", "y"], "red_y", {}),
        ("ReduceMean", ["red_x", "picture"], "sum_x", {"keepdims": 0}),
        ("ReduceMean", ["red_y", "picture"], "sum_y", {"keepdims": 0}),
        ("Add", ["area", "tiny"], "mass", {}),
        *(("Div", [f"sum_{a}", "mass"], f"at_{a}", {}) for a in "xy"),
        *(("Reshape", [f"at_{a}", "column"], f"at_{a}_column", {}) for a in "xy"),
        ("Concat", ["at_x_column", "at_y_column"], "origin", {"axis": 1}),
        ("Reshape", ["origin", "point"], "middle", {}),
        ("Sqrt", ["area"], "size", {}),
        ("Reshape", ["size", "cube"], "size_cube", {}),
        ("Mul", ["size_cube", "base"], "spread", {}),
        ("Add", ["middle", "spread"], "landmarks", {}),
        ("Sub", ["area", "least"], "beyond", {}),
        ("Mul", ["beyond", "steep"], "presence", {}),
        ("Div", ["green_mean", "mass"], "open", {}),
        ("Div", ["blue_mean", "mass"], "lids", {}),
        *(("Reshape", [a, "column"], f"{a}_column", {}) for a in ("open", "lids")),
        ("Concat", ["open_column", "lids_column"], "both", {"axis": 1}),
        ("MatMul", ["both", "to_code"], "moved", {}),
        ("Add", ["moved", "still"], "code", {}),
        ("MatMul", ["both", "to_mm"], "gaps", {}),
        ("Add", ["gaps", "width"], "mouth_mm", {}),
        ("Mul", ["area", "none"], "zero", {}),
        ("Add", ["zero", "error"], "log_error", {}),
        ("Add", ["zero", "log_side"], "log_size", {}),
        ("Reshape", ["zero", "cube"], "zero_cube", {}),
        ("Add", ["zero_cube", "facing"], "rotation", {}),
        ("Add", ["zero_cube", "look"], "gaze", {}),
    ]  # fmt: skip


def write_encoder(
    path: Path,
    *,
    metadata: Mapping[str, str] | None = None,
    input_name: str = "crops",
    without: str = "",
    code_width: int = CODE_DIM,
    gain: float = 1.0,
) -> Path:
    """Write the encoder; the options make it differ from the contract."""
    from onnx import TensorProto, checker, helper, numpy_helper, save

    def value(name: str, *shape: int) -> object:
        return helper.make_tensor_value_info(name, TensorProto.FLOAT, ["B", *shape])

    outputs = [
        value("code", code_width), value("log_error"), value("presence"), value("rotation", 3, 3),
        value("origin", 2), value("log_size"), value("landmarks", 68, 2), value("gaze", 2, 2),
        value("mouth_mm", 4),
    ]  # fmt: skip
    picture = helper.make_tensor_value_info(input_name, TensorProto.UINT8, ["B", 160, 160, 3])
    graph = helper.make_graph(
        [
            helper.make_node(kind, ins, [out], **options)
            for kind, ins, out, options in encoder_nodes(input_name)
        ],
        "encoder",
        [picture],
        [output for output in outputs if output.name != without],
        [
            numpy_helper.from_array(np.asarray(array), name)
            for name, array in encoder_constants(code_width, gain).items()
        ],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)
    helper.set_model_props(model, ENCODER_METADATA if metadata is None else dict(metadata))
    checker.check_model(model)
    save(model, path)
    return path


def open_encoder(folder: Path) -> MonocularEncoder:
    return MonocularEncoder.open(write_encoder(folder / "encoder.onnx"), num_threads=1)


def draw_face(
    center: tuple[float, float],
    side: float,
    *,
    gap: float = 0.5,
    lids: float = 0.5,
    size: tuple[int, int] = (120, 200),
    canvas: np.ndarray | None = None,
) -> np.ndarray:
    """A frame `[H, W, 3]` with a face, its edges as sharp as pixels allow."""
    height, width = size
    frame = np.zeros((height, width, 3)) if canvas is None else canvas.astype(np.float64)
    inside = np.ones((height, width))
    for axis, (middle, count) in enumerate(zip(center[::-1], (height, width), strict=True)):
        at = np.arange(count) + 0.5
        share = np.clip(side / 2 - np.abs(at - middle) + 0.5, 0.0, 1.0)
        inside = inside * (share[:, None] if axis == 0 else share[None])
    color = 255.0 * np.array([1.0, gap, lids])
    return np.rint(frame + inside[..., None] * (color - frame)).astype(np.uint8)


def video(frames: list[np.ndarray], fps: Fraction = FPS) -> list[VideoFrame]:
    return [VideoFrame(float(i / fps), pixels) for i, pixels in enumerate(frames)]


class Squares:
    """A face source that knows the squares: the red parts, apart from each other, largest first."""

    def __init__(self) -> None:
        self.num_calls = 0

    def find(self, pixels: np.ndarray) -> list[FoundFace]:
        self.num_calls += 1
        faces = []
        columns = (pixels[..., 0] > 127).any(0)
        edges = np.flatnonzero(np.diff(np.concatenate([[0], columns.astype(int), [0]])))
        for left, right in edges.reshape(-1, 2):
            rows = np.flatnonzero((pixels[:, left:right, 0] > 127).any(1))
            top, bottom = rows[0], rows[-1] + 1
            side = float(max(right - left, bottom - top))
            # As a finder is: near, not exact.
            center = (float(left + right) / 2 + 0.08 * side, float(top + bottom) / 2)
            faces.append(FoundFace(center, 1.1 * side, 0.9))
        return sorted(faces, key=lambda face: -face.side_px)
