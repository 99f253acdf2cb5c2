"""The monocular encoder: small pictures of faces in; expression codes, pose, gaze and landmarks out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from pathlib import Path

import numpy as np
from jaxtyping import Float32, UInt8

from ..assets import ASSETS
from ..errors import ModelError
from .crops import CROP_PX
from .network import Network, Ports

ENCODER = ASSETS / "monocular" / "encoder.onnx"
PORTS = Ports(
    kind="gaussian_heads.encoder",
    title="monocular encoder",
    input="crops",
    input_shape=(-1, CROP_PX, CROP_PX, 3),
    outputs={
        "code": (-1, -1),
        "log_error": (-1,),
        "presence": (-1,),
        "rotation": (-1, 3, 3),
        "origin": (-1, 2),
        "log_size": (-1,),
        "landmarks": (-1, 68, 2),
        "gaze": (-1, 2, 2),
        "mouth_mm": (-1, 4),
    },
)
# Columns of `mouth_mm`.
LIP_GAP, MOUTH_WIDTH, LEFT_LIDS, RIGHT_LIDS = range(4)
# Whatever a picture shows, codes of unit variance stay within this.
MAX_CODE = 12.0
# Log of the metres that a crop's side may span; float32, whatever numpy makes of mixed numbers.
LOG_SIZES = np.log(np.float32([0.01, 10.0]))
BATCH = 8


@dataclass(frozen=True, eq=False)
class FaceReadings:
    """What is read from each of B crops.

    `code` lives in the encoder's space; `log_error` is the predicted log of its error in units of its spread;
    `presence` the logit that this is a face at all. `rotation` turns the avatar's axes to those of a camera
    (OpenCV) that looks through the crop's centre; `origin` is where the avatar's origin is seen, in [0, 1] of
    the crop, `log_size` the log of the metres that the crop's side spans there. `landmarks` are the 68 points
    in [0, 1]. `gaze` holds yaw and pitch (rad, relative to the head, as `core.spaces.eye_angles` counts) of the
    left eye, then of the right. `mouth_mm`: lip gap, mouth width, left and right eyelid gap.
    """

    code: Float32[np.ndarray, "B D"]
    log_error: Float32[np.ndarray, " B"]
    presence: Float32[np.ndarray, " B"]
    rotation: Float32[np.ndarray, "B 3 3"]
    origin: Float32[np.ndarray, "B 2"]
    log_size: Float32[np.ndarray, " B"]
    landmarks: Float32[np.ndarray, "B 68 2"]
    gaze: Float32[np.ndarray, "B 2 2"]
    mouth_mm: Float32[np.ndarray, "B 4"]

    def __len__(self) -> int:
        return len(self.code)

    @property
    def confidence(self) -> Float32[np.ndarray, " B"]:
        """In [0, 1]: the chance of a face times the share of the code's variance that its error leaves."""
        there = 1.0 / (1.0 + np.exp(-np.clip(self.presence, -30.0, 30.0)))
        known = 1.0 / (1.0 + np.exp(2.0 * np.clip(self.log_error, -10.0, 10.0)))
        return (there * known).astype(np.float32)

    @classmethod
    def joined(cls, parts: Sequence[FaceReadings]) -> FaceReadings:
        """The readings of all parts, one after the other."""
        names = (field.name for field in fields(cls))
        return cls(**{name: np.concatenate([getattr(p, name) for p in parts]) for name in names})

    def rows(self, chosen: slice | np.ndarray) -> FaceReadings:
        """Some of the readings."""
        return FaceReadings(**{f.name: getattr(self, f.name)[chosen] for f in fields(self)})


class MonocularEncoder:
    """Reads faces in crops; `open` checks the file before it is used."""

    def __init__(self, network: Network, code_dim: int) -> None:
        self._network, self.code_dim = network, code_dim

    @classmethod
    def open(cls, path: Path | str = ENCODER, *, num_threads: int = 0) -> MonocularEncoder:
        """Read the encoder at `path`; raises `ModelError` with the reason where it cannot be used."""
        network = Network.open(path, PORTS, num_threads=num_threads)
        if not network.metadata.get("code_space"):
            raise ModelError(f"'{path}' does not say its code space: reinstall the extension.")
        found = network.run(np.zeros((1, CROP_PX, CROP_PX, 3), np.uint8))
        return cls(network, found["code"].shape[1])

    @property
    def code_space(self) -> str:
        """Name of the space that the codes live in."""
        return self._network.metadata["code_space"]

    def read(self, crops: UInt8[np.ndarray, "B S S 3"]) -> FaceReadings:
        """What each crop shows; many crops go through in small batches."""
        parts = [crops[first : first + BATCH] for first in range(0, len(crops), BATCH)]
        return FaceReadings.joined([self._read(part) for part in parts])

    def _read(self, crops: np.ndarray) -> FaceReadings:
        found = self._network.run(crops)
        found["code"] = np.clip(found["code"], -MAX_CODE, MAX_CODE)
        found["rotation"] = _nearest_rotations(found["rotation"])
        found["log_size"] = np.clip(found["log_size"], *LOG_SIZES)
        return FaceReadings(**found)


def _nearest_rotations(matrices: np.ndarray) -> Float32[np.ndarray, "B 3 3"]:
    """The proper rotations closest to matrices `[B, 3, 3]`."""
    left, _, right = np.linalg.svd(matrices.astype(np.float64))
    left[..., 2] *= np.linalg.det(left @ right)[:, None]
    return (left @ right).astype(np.float32)
