"""The `onnx` decoder: a network from code to Gaussians, run by onnxruntime."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Float32

from ..errors import AvatarError
from ..gaussians import Gaussians
from ..sessions import first_line, make_session, runtime, runtime_errors
from ..spherical_harmonics import NUM_COEFFICIENTS
from .onnx_scan import check_onnx, check_onnx_work

if TYPE_CHECKING:
    import onnxruntime

MEMBER = "decoder.onnx"
NUM_LANDMARKS = 68
INPUT = "code"
OUTPUTS = ("means", "quats", "scales", "opacities", "colors", "landmarks")
# Optional: colour that depends on the direction of view.
VIEW_OUTPUT = "sh"
# A live viewport needs cores for drawing too.
MIN_SCALE_M, MAX_SCALE_M = 1e-6, 1.0
MIN_OPACITY = 1e-6
MIN_QUAT_NORM, MAX_QUAT = 1e-4, 1e6
MAX_EXTENT_M = 100.0
MAX_SH = 10.0


@dataclass(frozen=True, eq=False)
class OnnxDecoder:
    """A session made once; `decode` keeps every value in its valid range."""

    session: onnxruntime.InferenceSession
    num_gaussians: int
    code_dim: int
    # Coefficients of spherical harmonics per colour; 0 where colours do not depend on the view.
    num_sh: int = 0

    def decode(self, code: Float32[np.ndarray, " D"]) -> Gaussians:
        """The head in the pose `code`, without head pose."""
        names = (*OUTPUTS[:-1], VIEW_OUTPUT) if self.num_sh else OUTPUTS[:-1]
        raw = self._run(names, code)
        return Gaussians(
            means=_kept(raw["means"], -MAX_EXTENT_M, MAX_EXTENT_M),
            quats=unit_quats(raw["quats"]),
            scales=_kept(raw["scales"], MIN_SCALE_M, MAX_SCALE_M),
            opacities=_kept(raw["opacities"], MIN_OPACITY, 1.0 - MIN_OPACITY),
            colors=_kept(raw["colors"], 0.0, 1.0),
            sh=_kept(raw[VIEW_OUTPUT], -MAX_SH, MAX_SH) if self.num_sh else None,
        )

    def decode_landmarks(self, code: Float32[np.ndarray, " D"]) -> Float32[np.ndarray, "68 3"]:
        """The 68 landmarks (m) in the pose `code`."""
        points = self._run(OUTPUTS[-1:], code)["landmarks"]
        return _kept(points, -MAX_EXTENT_M, MAX_EXTENT_M)

    def _run(self, names: tuple[str, ...], code: np.ndarray) -> dict[str, np.ndarray]:
        try:
            values = self.session.run(list(names), {INPUT: code})
        except runtime_errors() as error:
            raise AvatarError(
                f"The avatar's decoder failed ({first_line(error)}): export the avatar again."
            ) from None
        for name, value in zip(names, values, strict=True):
            # The sum of many numbers is finite only if each of them is, and quickly taken.
            if not np.isfinite(np.sum(value, dtype=np.float64)):
                raise AvatarError(
                    f"The avatar's decoder gave '{name}' that are not finite: reduce the expression "
                    "or export the avatar again."
                )
        return dict(zip(names, values, strict=True))


def _kept(values: np.ndarray, low: float, high: float) -> np.ndarray:
    """The fresh output of a run, clipped in place."""
    return np.clip(values, low, high, out=values)


def unit_quats(quats: np.ndarray) -> np.ndarray:
    """The fresh output of a run as unit quaternions, in place; a zero becomes the identity."""
    _kept(quats, -MAX_QUAT, MAX_QUAT)
    norms = np.sqrt(np.einsum("nc,nc->n", quats, quats))
    zeros = norms < MIN_QUAT_NORM
    if zeros.any():
        quats[zeros] = (1, 0, 0, 0)
        norms[zeros] = 1
    quats /= norms[:, None]
    return quats


def onnx_from_bytes(
    data: bytes, num_gaussians: int, code_dim: int, threads: int | None = None
) -> OnnxDecoder:
    """Check the member `decoder.onnx`, make its session and decode the neutral once."""
    check_onnx(data, MEMBER)
    check_onnx_work(data, MEMBER, INPUT, code_dim)
    session = _make_session(data, threads)
    num_sh = _check_ports(session, num_gaussians, code_dim)
    decoder = OnnxDecoder(session, num_gaussians, code_dim, num_sh)
    neutral = np.zeros(code_dim, np.float32)
    names = (*OUTPUTS, VIEW_OUTPUT) if num_sh else OUTPUTS
    for name, value in decoder._run(names, neutral).items():
        want = _output_shape(name, num_gaussians, num_sh)
        if value.shape != want or value.dtype != np.float32:
            raise AvatarError(
                f"'{MEMBER}' gives '{name}' of shape {value.shape} {value.dtype} instead of {want} "
                "float32: export the avatar again."
            )
    return decoder


def _make_session(data: bytes, threads: int | None) -> onnxruntime.InferenceSession:
    try:
        runtime()
    except ImportError:
        raise AvatarError(
            "This avatar needs the package onnxruntime, which is not installed: install it "
            "('pip install onnxruntime') or use an avatar of kind 'linear'."
        ) from None
    try:
        return make_session(data, threads or 0)
    except runtime_errors() as error:
        raise AvatarError(
            f"'{MEMBER}' is not a model this add-on can run ({first_line(error)}): "
            "export the avatar again."
        ) from None


def _check_ports(session: onnxruntime.InferenceSession, num_gaussians: int, code_dim: int) -> int:
    """Check names and shapes of the session's ports; the number of coefficients that its `sh` declares."""
    inputs = [(port.name, port.type, port.shape) for port in session.get_inputs()]
    if inputs != [(INPUT, "tensor(float)", [code_dim])]:
        raise AvatarError(
            f"'{MEMBER}' takes {inputs} instead of '{INPUT}' float32 [{code_dim}]: "
            "export the avatar again."
        )
    outputs = {port.name: port.shape for port in session.get_outputs()}
    num_sh = _declared_sh(outputs[VIEW_OUTPUT]) if VIEW_OUTPUT in outputs else 0
    for name in (*OUTPUTS, VIEW_OUTPUT) if num_sh else OUTPUTS:
        want = _output_shape(name, num_gaussians, num_sh)
        if name not in outputs:
            raise AvatarError(f"'{MEMBER}' has no output '{name}': export the avatar again.")
        declared = outputs[name]
        if len(declared) != len(want) or any(
            isinstance(have, int) and have != n for have, n in zip(declared, want, strict=True)
        ):
            raise AvatarError(
                f"'{MEMBER}' declares '{name}' as {declared} instead of {list(want)}: "
                "export the avatar again."
            )
    return num_sh


def _declared_sh(shape: list[int | str | None]) -> int:
    if len(shape) != 3 or shape[1] not in NUM_COEFFICIENTS:
        raise AvatarError(
            f"'{MEMBER}' declares '{VIEW_OUTPUT}' as {shape} instead of 3, 8 or 15 coefficients of 3 "
            "colours per Gaussian: export the avatar again."
        )
    return shape[1]


def _output_shape(name: str, num_gaussians: int, num_sh: int) -> tuple[int, ...]:
    tails = {"means": (3,), "quats": (4,), "scales": (3,), "opacities": (), "colors": (3,)}
    tails[VIEW_OUTPUT] = (num_sh, 3)
    return (NUM_LANDMARKS, 3) if name == "landmarks" else (num_gaussians, *tails[name])
