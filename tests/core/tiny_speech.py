"""A speech network that can be reckoned by hand: loudness in, the channels of each style out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from gaussian_heads.core.spaces import ARKIT_INDEX

HOP = 160
PAST, FUTURE = 30, 7
STYLES = ("effort", "jaw", "lips", "rounding")
# The channel that each style moves.
CHANNELS = [ARKIT_INDEX[n] for n in ("jawForward", "jawOpen", "mouthLowerDownLeft", "mouthPucker")]
VOICE_GAIN = 1000.0
# A tone at half the sample rate, which neither people nor the analysis of prosody hear.
MARK = np.tile(np.float32([1.0, -1.0]), HOP // 2)
METADATA = {
    "kind": "gaussian_heads.speech",
    "version": "2",
    "code_space": "arkit52",
    "sample_rate_hz": "16000",
    "frame_rate_hz": "100",
    "samples_step": "320",
    "past_frames": str(PAST),
    "future_frames": str(FUTURE),
    "style_names": ",".join(STYLES),
}


@dataclass(frozen=True)
class Faults:
    """In what a network differs from the contract."""

    waveform: str = "waveform"
    num_styles: int = len(STYLES)
    width: int = 52
    has_voice: bool = True
    metadata: Mapping[str, str] = field(default_factory=dict)


def expected(waveform: np.ndarray, gains: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """ARKit `[F, 52]`, closure `[F]` and voice `[F]` that the network gives for whole frames.

    Each style's channel is the loudness of the frame times its gain; the lips touch by the loudness 30
    frames before, and before the sound by that of its beginning backwards; somebody speaks where `MARK`
    sounds upright 7 frames later, and not upside down.
    """
    frames = waveform.reshape(-1, HOP).astype(np.float64)
    level, mark = np.abs(frames).mean(1), (frames * MARK).mean(1)
    arkit = np.zeros((len(level), 52))
    arkit[:, CHANNELS] = level[:, None] * gains
    mirrored = level[: min(len(level), PAST)][::-1]
    closure = np.concatenate([np.zeros(PAST), mirrored, level])[len(mirrored) :][: len(level)]
    later = np.concatenate([mark, np.zeros(FUTURE)])[FUTURE:]
    return arkit, closure, np.clip(VOICE_GAIN * later, 0.0, 1.0)


def write_network(path: Path, faults: Faults | None = None) -> Path:
    """Write the network of `expected`."""
    from onnx import TensorProto, checker, helper, numpy_helper, save

    faults = faults or Faults()
    chosen = np.zeros((faults.num_styles, faults.width), np.float32)
    chosen[np.arange(faults.num_styles), CHANNELS[: faults.num_styles]] = 1.0
    constants = {
        "frames_shape": np.array([-1, HOP]),
        "row": np.array([1, -1]),
        "column": np.array([-1, 1]),
        "chosen": chosen,
        "tone": MARK,
        "axis": np.array([1]),
        "before": np.array([PAST, 0]),
        "after": np.array([0, FUTURE]),
        "first": np.array([0]),
        "minus_past": np.array([-PAST]),
        "future": np.array([FUTURE]),
        "far": np.array([2**31]),
        "gain": np.array(VOICE_GAIN, np.float32),
        "zero": np.array(0.0, np.float32),
        "one": np.array(1.0, np.float32),
    }
    nodes = [
        ("Reshape", [faults.waveform, "frames_shape"], "frames"),
        ("Abs", ["frames"], "absolute"),
        ("ReduceMean", ["absolute", "axis"], "level"),
        ("Mul", ["frames", "tone"], "marked"),
        ("ReduceMean", ["marked", "axis"], "mark"),
        ("Reshape", ["style", "row"], "gains"),
        ("MatMul", ["gains", "chosen"], "scale"),
        ("Reshape", ["level", "column"], "levels"),
        ("Mul", ["levels", "scale"], "arkit"),
        ("Pad", ["level", "before"], "delayed"),
        ("Slice", ["delayed", "first", "minus_past"], "lip_closure"),
        ("Pad", ["mark", "after"], "ahead"),
        ("Slice", ["ahead", "future", "far"], "later"),
        ("Mul", ["later", "gain"], "louder"),
        ("Clip", ["louder", "zero", "one"], "voice"),
    ]
    options = {"ReduceMean": {"keepdims": 0}}

    def value(name: str, *shape: int | str) -> object:
        return helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)

    outputs = [value("arkit", "F", faults.width), value("lip_closure", "F"), value("voice", "F")]
    graph = helper.make_graph(
        [helper.make_node(kind, ins, [out], **options.get(kind, {})) for kind, ins, out in nodes],
        "speech",
        [value(faults.waveform, "S"), value("style", faults.num_styles)],
        outputs if faults.has_voice else outputs[:2],
        [numpy_helper.from_array(array, name) for name, array in constants.items()],
    )
    network = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)
    helper.set_model_props(network, METADATA | dict(faults.metadata))
    checker.check_model(network)
    save(network, path)
    return path
