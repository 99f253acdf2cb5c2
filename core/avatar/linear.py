"""The `linear` decoder: neutral Gaussians plus a sparse basis over named controls, in numpy."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np
from jaxtyping import Float32

from ..errors import AvatarError
from ..gaussians import Gaussians
from .sparse import SparseBasis
from .tensors import TensorSpec, check_tensor, load_tensors, save_tensors

MEMBER = "basis.safetensors"
NUM_LANDMARKS = 68
# Stored form of each attribute and the number of its components.
COMPONENTS = {"means": 3, "quats": 4, "log_scales": 3, "logit_opacities": 1, "colors": 3}
MIN_LOG_SCALE, MAX_LOG_SCALE = math.log(1e-6), math.log(1.0)
MAX_LOGIT = 15.0
MIN_QUAT_NORM = 1e-4


@dataclass(frozen=True, eq=False)
class LinearBasis:
    """A head as neutral Gaussians in stored form and deltas per control; metres, avatar frame.

    `neutral` maps the names of `COMPONENTS` to `[N, C]` float32 (`logit_opacities` to `[N, 1]`);
    `deltas` maps some of them to a basis over the D controls. `landmarks` `[68, 3]` and
    `landmark_basis` `[D, 68, 3]` are given together or not at all.
    """

    neutral: dict[str, np.ndarray]
    deltas: dict[str, SparseBasis]
    landmarks: Float32[np.ndarray, "68 3"] | None = None
    landmark_basis: Float32[np.ndarray, "D 68 3"] | None = None
    _unit_quats: np.ndarray = field(init=False, repr=False)

    def __post_init__(self) -> None:
        if (self.landmarks is None) != (self.landmark_basis is None):
            raise AvatarError("Landmarks and their basis belong together: give both or neither.")
        quats = self.neutral["quats"]
        norms = np.linalg.norm(quats, axis=1, keepdims=True)
        if (norms < MIN_QUAT_NORM).any():
            raise AvatarError("The array 'quats' holds zero rotations: export the avatar again.")
        object.__setattr__(self, "_unit_quats", quats / norms)

    @property
    def num_gaussians(self) -> int:
        """Number of Gaussians N."""
        return self.neutral["means"].shape[0]

    def decode(self, code: Float32[np.ndarray, " D"]) -> Gaussians:
        """The head in the pose `code`, without head pose; every value in its valid range."""
        stored = {name: self._moved(name, code) for name in COMPONENTS}
        return Gaussians(
            means=stored["means"],
            quats=self._normalised(stored["quats"]),
            scales=np.exp(np.clip(stored["log_scales"], MIN_LOG_SCALE, MAX_LOG_SCALE)),
            opacities=_sigmoid(stored["logit_opacities"][:, 0]),
            colors=np.clip(stored["colors"], 0.0, 1.0),
        )

    def decode_landmarks(
        self, code: Float32[np.ndarray, " D"]
    ) -> Float32[np.ndarray, "68 3"] | None:
        """The 68 landmarks (m) in the pose `code`, or None where the head has none."""
        if self.landmarks is None or self.landmark_basis is None:
            return None
        return self.landmarks + np.tensordot(code, self.landmark_basis, axes=1)

    def _moved(self, name: str, code: np.ndarray) -> np.ndarray:
        value = self.neutral[name].copy()
        if name in self.deltas:
            self.deltas[name].add(value, code)
        return value

    def _normalised(self, quats: np.ndarray) -> np.ndarray:
        if "quats" not in self.deltas:
            return self._unit_quats.copy()
        norms = np.linalg.norm(quats, axis=1, keepdims=True)
        return np.where(
            norms > MIN_QUAT_NORM, quats / np.maximum(norms, MIN_QUAT_NORM), self._unit_quats
        )


def _sigmoid(logits: np.ndarray) -> np.ndarray:
    return 1.0 / (1.0 + np.exp(-np.clip(logits, -MAX_LOGIT, MAX_LOGIT)))


def linear_to_bytes(basis: LinearBasis) -> bytes:
    """The basis as the member `basis.safetensors`."""
    tensors = dict(basis.neutral)
    for name, deltas in basis.deltas.items():
        tensors |= {
            f"{name}_starts": deltas.starts,
            f"{name}_rows": deltas.rows,
            f"{name}_values": deltas.values,
        }
    if basis.landmarks is not None and basis.landmark_basis is not None:
        tensors |= {"landmarks": basis.landmarks, "landmark_basis": basis.landmark_basis}
    return save_tensors(tensors)


def linear_from_bytes(data: bytes, num_gaussians: int, code_dim: int) -> LinearBasis:
    """Read and check the member `basis.safetensors`."""
    tensors = load_tensors(data, MEMBER, _specs(num_gaussians, code_dim))
    deltas = {}
    for name in COMPONENTS:
        parts = [tensors.get(f"{name}_{part}") for part in ("starts", "rows", "values")]
        if all(part is None for part in parts):
            continue
        if any(part is None for part in parts) or len(parts[1]) != len(parts[2]):
            raise AvatarError(
                f"In '{MEMBER}' the basis of '{name}' is not complete: export the avatar again."
            )
        deltas[name] = SparseBasis(*parts, num_gaussians)
        deltas[name].check(name)
    neutral = {name: tensors[name] for name in COMPONENTS}
    return LinearBasis(neutral, deltas, tensors.get("landmarks"), tensors.get("landmark_basis"))


def check_linear(basis: LinearBasis, code_dim: int) -> None:
    """Refuse a basis that `linear_from_bytes` would refuse."""
    for name, components in COMPONENTS.items():
        spec = TensorSpec(np.float32, (basis.num_gaussians, components))
        check_tensor(basis.neutral[name], spec, MEMBER, name)
    linear_from_bytes(linear_to_bytes(basis), basis.num_gaussians, code_dim)


def _specs(num_gaussians: int, code_dim: int) -> dict[str, TensorSpec]:
    specs: dict[str, TensorSpec] = {}
    for name, components in COMPONENTS.items():
        specs[name] = TensorSpec(np.float32, (num_gaussians, components))
        specs[f"{name}_starts"] = TensorSpec(np.int64, (code_dim + 1,), True)
        specs[f"{name}_rows"] = TensorSpec(np.int32, (-1,), True)
        specs[f"{name}_values"] = TensorSpec(np.float16, (-1, components), True)
    specs["landmarks"] = TensorSpec(np.float32, (NUM_LANDMARKS, 3), True)
    specs["landmark_basis"] = TensorSpec(np.float32, (code_dim, NUM_LANDMARKS, 3), True)
    return specs
