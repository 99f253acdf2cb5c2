"""The rig and the controls of an avatar: what moves with the head, and the names laid over the code."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float32, Int32

from ..errors import AvatarError
from ..spaces import ACTION_UNITS, ARKIT_BLENDSHAPES, META_VISEMES, au_to_arkit, viseme_to_arkit
from .archive import CONTROLS, RIG
from .tensors import TensorSpec, load_tensors, save_tensors

CONTROL_NAMES: dict[str, tuple[str, ...]] = {
    "arkit52": ARKIT_BLENDSHAPES,
    "au": ACTION_UNITS,
    "visemes": META_VISEMES,
}
MAX_GUIDE_VERTICES = 200_000


@dataclass(frozen=True, eq=False)
class Rig:
    """Per-Gaussian neck weights in [0, 1] and a light mesh of the neutral head (m, avatar frame)."""

    neck_weights: Float32[np.ndarray, " N"]
    guide_vertices: Float32[np.ndarray, "V 3"]
    guide_triangles: Int32[np.ndarray, "F 3"]

    def check(self) -> None:
        """Refuse weights outside [0, 1] and triangles that point nowhere."""
        if ((self.neck_weights < 0) | (self.neck_weights > 1)).any():
            raise AvatarError(f"In '{RIG}' neck_weights leave [0, 1]: export the avatar again.")
        count, triangles = self.guide_vertices.shape[0], self.guide_triangles
        if (
            not 3 <= count <= MAX_GUIDE_VERTICES
            or not 1 <= len(triangles) <= 4 * MAX_GUIDE_VERTICES
        ):
            raise AvatarError(
                f"In '{RIG}' the guide mesh has {count} vertices and {len(triangles)} triangles: "
                f"give at most {MAX_GUIDE_VERTICES} vertices."
            )
        if triangles.min() < 0 or triangles.max() >= count:
            raise AvatarError(
                f"In '{RIG}' guide_triangles leave the mesh: export the avatar again."
            )

    def to_bytes(self) -> bytes:
        """The rig as the member `rig.safetensors`."""
        return save_tensors(vars(self))

    @classmethod
    def from_bytes(cls, data: bytes, num_gaussians: int) -> Rig:
        """Read and check the member `rig.safetensors`."""
        specs = {
            "neck_weights": TensorSpec(np.float32, (num_gaussians,)),
            "guide_vertices": TensorSpec(np.float32, (-1, 3)),
            "guide_triangles": TensorSpec(np.int32, (-1, 3)),
        }
        rig = cls(**load_tensors(data, RIG, specs))
        rig.check()
        return rig


@dataclass(frozen=True, eq=False)
class Controls:
    """Offsets in code space of every named control, and the read-out from codes to ARKit-52."""

    arkit52: Float32[np.ndarray, "52 D"]
    au: Float32[np.ndarray, "A D"]
    visemes: Float32[np.ndarray, "V D"]
    readout_weights: Float32[np.ndarray, "52 D"]
    readout_bias: Float32[np.ndarray, " 52"]

    def offsets(self, kind: str) -> Float32[np.ndarray, "n D"]:
        """Code offset of each control of a kind, in the order of its table in `core.spaces`."""
        names_of(kind)
        return getattr(self, kind)

    def to_bytes(self) -> bytes:
        """The controls as the member `controls.safetensors`."""
        return save_tensors(vars(self))

    @classmethod
    def from_bytes(cls, data: bytes, code_dim: int) -> Controls:
        """Read and check the member `controls.safetensors`."""
        count = len(ARKIT_BLENDSHAPES)
        specs = {
            name: TensorSpec(np.float32, (len(names), code_dim))
            for name, names in CONTROL_NAMES.items()
        }
        specs["readout_weights"] = TensorSpec(np.float32, (count, code_dim))
        specs["readout_bias"] = TensorSpec(np.float32, (count,))
        return cls(**load_tensors(data, CONTROLS, specs))


def arkit_controls() -> Controls:
    """The controls of the code space `arkit52`, where a code is the 52 weights themselves."""
    count = len(ARKIT_BLENDSHAPES)
    identity = np.eye(count, dtype=np.float32)
    return Controls(
        identity, au_to_arkit(), viseme_to_arkit(), identity.copy(), np.zeros(count, np.float32)
    )


def names_of(kind: str) -> tuple[str, ...]:
    """Names of the controls of a kind; refuses a kind that does not exist."""
    if kind not in CONTROL_NAMES:
        raise AvatarError(
            f"There are no controls '{kind}': choose one of {', '.join(CONTROL_NAMES)}."
        )
    return CONTROL_NAMES[kind]
