"""A motion generator that can be reckoned by hand: units, sound and noise in, one curve of acting out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path

import numpy as np
from gaussian_heads.core.speech import HeardSpeech, Prosody

STRIDE, NOISE_DIM, REACH, CLOSED_COLUMN = 4, 2, 6, 7
PER_FEATURE = np.linspace(-1.0, 1.0, 15, dtype=np.float32)[:, None]
PER_UNIT = np.linspace(0.1, 1.0, 18, dtype=np.float32)[:, None]
PER_NOISE = np.array([[0.5], [-2.0]], np.float32)
PER_CHANNEL = np.linspace(0.02, 0.5, 52, dtype=np.float32)[None]
SPEECH_SHARE = -0.25
METADATA = {
    "kind": "gaussian_heads.direction",
    "version": "1",
    "code_space": "arkit52",
    "frame_rate_hz": "50",
    "stride": str(STRIDE),
    "noise": str(NOISE_DIM),
    "reach": str(REACH),
}


@dataclass(frozen=True)
class Faults:
    """In what a generator differs from the contract."""

    units: str = "units"
    num_features: int = 15
    noise_dim: int = NOISE_DIM
    has_landmarks: bool = True
    is_finite: bool = True
    without: tuple[str, ...] = ()
    metadata: Mapping[str, str] = field(default_factory=dict)


def made_up_speech(num_rows: int, seed: int = 0, rate_hz: int = 100) -> HeardSpeech:
    """Heard speech that no sound was needed for: random weights, closures and accents."""
    random = np.random.default_rng(seed)
    duration_sec = num_rows / rate_hz
    accents = np.sort(random.uniform(0, duration_sec, max(int(2 * duration_sec), 1)))
    prosody = Prosody(
        duration_sec,
        np.array([[0.1 * duration_sec, 0.8 * duration_sec]]),
        accents,
        accents,
        random.uniform(0.2, 1.0, len(accents)),
    )
    weights = random.uniform(0, 1, (num_rows, 52)).astype(np.float32)
    closure = random.uniform(0, 1, num_rows).astype(np.float32)
    return HeardSpeech.of(
        weights, closure, rate_hz, prosody, duration_sec=Fraction(num_rows, rate_hz)
    )


def expected(given: Mapping[str, np.ndarray]) -> np.ndarray:
    """Acting `[2 N, 52]` that the network gives for all its inputs at once.

    The sum of the units some frames before, twice that some frames after, the features and the noise of the
    stride move every channel by its own share; a part of speech is taken back, and one channel follows closure.
    """
    units = given["units"] @ PER_UNIT
    none = np.zeros((REACH, 1), np.float32)
    before, after = np.vstack([none, units])[:-REACH], np.vstack([units, none])[REACH:]
    level = before + 2.0 * after + given["features"] @ PER_FEATURE
    level = level + (given["noise"] @ PER_NOISE).repeat(STRIDE, 0)
    acting = level.repeat(2, 0) @ PER_CHANNEL + SPEECH_SHARE * given["weights"]
    acting[:, CLOSED_COLUMN] += given["closure"]
    return acting


def write_generator(path: Path, faults: Faults | None = None) -> Path:
    """Write the network of `expected`."""
    from onnx import TensorProto, checker, helper, numpy_helper, save

    faults = faults or Faults()

    def value(name: str, *shape: int | str) -> object:
        return helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)

    inputs = [
        value("features", "frames", faults.num_features),
        value(faults.units, "frames", 18),
        value("noise", "latents", faults.noise_dim),
        value("weights", "heard", 52),
        value("closure", "heard"),
    ]
    outputs = [value("acting", "heard", 52), value("landmarks", "heard", 68, 3)]
    graph = helper.make_graph(
        [helper.make_node(kind, ins, [out]) for kind, ins, out in _nodes(faults)],
        "direction",
        inputs,
        outputs if faults.has_landmarks else outputs[:1],
        [numpy_helper.from_array(array, name) for name, array in _constants(faults).items()],
    )
    network = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)
    metadata = METADATA | dict(faults.metadata)
    helper.set_model_props(network, {k: v for k, v in metadata.items() if k not in faults.without})
    checker.check_model(network)
    save(network, path)
    return path


def _constants(faults: Faults) -> dict[str, np.ndarray]:
    closed = np.zeros((1, 52), np.float32)
    closed[0, CLOSED_COLUMN] = 1.0
    return {
        "per_feature": PER_FEATURE[: faults.num_features],
        "per_unit": PER_UNIT,
        "per_noise": np.resize(PER_NOISE, (faults.noise_dim, 1)),
        "per_channel": PER_CHANNEL,
        "share": np.array(SPEECH_SHARE if faults.is_finite else np.nan, np.float32),
        "closed": closed,
        "ahead": np.array([REACH, 0, 0, 0]),
        "behind": np.array([0, 0, REACH, 0]),
        "zero": np.array([0]),
        "minus_reach": np.array([-REACH]),
        "reach": np.array([REACH]),
        "far": np.array([2**31]),
        "two": np.array(2.0, np.float32),
        "stride_ones": np.ones((1, STRIDE), np.float32),
        "pair_ones": np.ones((1, 2), np.float32),
        "column": np.array([-1, 1]),
        "per_point": np.linspace(-1, 1, 52 * 204, dtype=np.float32).reshape(52, 204),
        "points_shape": np.array([-1, 68, 3]),
    }


def _nodes(faults: Faults) -> list[tuple[str, list[str], str]]:
    return [
        ("MatMul", [faults.units, "per_unit"], "asked"),
        ("Pad", ["asked", "ahead"], "asked_late"),
        ("Slice", ["asked_late", "zero", "minus_reach"], "before"),
        ("Pad", ["asked", "behind"], "asked_early"),
        ("Slice", ["asked_early", "reach", "far"], "after"),
        ("Mul", ["after", "two"], "twice_after"),
        ("Add", ["before", "twice_after"], "around"),
        ("MatMul", ["features", "per_feature"], "sound"),
        ("Add", ["around", "sound"], "told"),
        ("MatMul", ["noise", "per_noise"], "drawn"),
        ("MatMul", ["drawn", "stride_ones"], "drawn_rows"),
        ("Reshape", ["drawn_rows", "column"], "drawn_frames"),
        ("Add", ["told", "drawn_frames"], "level"),
        ("MatMul", ["level", "pair_ones"], "pairs"),
        ("Reshape", ["pairs", "column"], "levels"),
        ("MatMul", ["levels", "per_channel"], "moved"),
        ("Mul", ["weights", "share"], "taken"),
        ("Add", ["moved", "taken"], "open"),
        ("Reshape", ["closure", "column"], "closures"),
        ("MatMul", ["closures", "closed"], "shut"),
        ("Add", ["open", "shut"], "acting"),
        ("MatMul", ["acting", "per_point"], "flat"),
        ("Reshape", ["flat", "points_shape"], "landmarks"),
    ]
