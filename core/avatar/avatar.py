"""An avatar opened from its package: codes in, Gaussians and landmarks out."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Float, Float32, Int32

from ..errors import AvatarError
from ..gaussians import Gaussians
from .archive import CONTROLS, MOTION, RIG, THUMBNAIL, read_package
from .linear import MEMBER as LINEAR_MEMBER
from .linear import LinearBasis, linear_from_bytes
from .manifest import Manifest
from .members import Controls, Rig, names_of
from .motion import SpeechMotion
from .onnx import MEMBER as ONNX_MEMBER
from .onnx import OnnxDecoder, onnx_from_bytes
from .pose import pose_gaussians, pose_points
from .static import StaticGaussians
from .thumbnail import check_png

# Codes are weights of about 0 to 1 or coefficients of unit variance; beyond this is a mistake.
MAX_CODE = 100.0


@dataclass(frozen=True, eq=False)
class Avatar:
    """A head that decodes expression codes; stateless, so frames may come in any order."""

    manifest: Manifest
    decoder: LinearBasis | OnnxDecoder | StaticGaussians
    rig: Rig
    controls: Controls
    thumbnail: bytes | None = None
    # How the decoder's audio vector comes from speech; None without personal motion.
    motion: SpeechMotion | None = None

    @classmethod
    def open(cls, path: Path | str, *, threads: int | None = None) -> Avatar:
        """Read and check the package at `path`; `threads` bounds an onnx decoder's cores."""
        path = Path(path)
        manifest, members = read_package(path)
        count, code_dim = manifest.num_gaussians, manifest.info.code_dim
        motion_dim, motion = manifest.info.motion_dim, None
        try:
            if THUMBNAIL in members:
                check_png(members[THUMBNAIL], THUMBNAIL)
            rig = Rig.from_bytes(members[RIG], count)
            controls = Controls.from_bytes(members[CONTROLS], code_dim)
            if motion_dim:
                motion = SpeechMotion.from_bytes(members[MOTION], motion_dim)
            if manifest.decoder == "linear":
                decoder = linear_from_bytes(members[LINEAR_MEMBER], count, code_dim)
            else:
                decoder = onnx_from_bytes(
                    members[ONNX_MEMBER], count, code_dim + motion_dim, threads
                )
        except AvatarError as error:
            raise AvatarError(f"'{path.name}' cannot be opened as an avatar. {error}") from None
        return cls(manifest, decoder, rig, controls, members.get(THUMBNAIL), motion)

    @property
    def name(self) -> str:
        """The avatar's name as its maker wrote it."""
        return self.manifest.info.name

    @property
    def code_space(self) -> str:
        """Name of the space that codes must live in."""
        return self.manifest.info.code_space

    @property
    def code_dim(self) -> int:
        """Number of code channels D."""
        return self.manifest.info.code_dim

    @property
    def motion_dim(self) -> int:
        """Numbers A of the audio vector that `decode` takes after the code; 0 without personal motion."""
        return self.manifest.info.motion_dim

    @property
    def channel_names(self) -> tuple[str, ...]:
        """Name of each of the D code channels."""
        return self.manifest.info.channel_names

    @property
    def num_gaussians(self) -> int:
        """Number of Gaussians N."""
        return self.manifest.num_gaussians

    @property
    def neck_pivot(self) -> Float32[np.ndarray, " 3"]:
        """The point (m, avatar frame) about which the head turns."""
        return np.array(self.manifest.info.neck_pivot, np.float32)

    @property
    def lip_contact_offset_mm(self) -> float:
        """What the measured lip gap reads when the lips touch."""
        return self.manifest.info.lip_contact_offset_mm

    @property
    def guide_mesh(self) -> tuple[Float32[np.ndarray, "V 3"], Int32[np.ndarray, "F 3"]]:
        """Vertices (m, avatar frame) and triangles of the neutral head's light proxy."""
        return self.rig.guide_vertices, self.rig.guide_triangles

    @property
    def bounds(self) -> tuple[Float32[np.ndarray, " 3"], Float32[np.ndarray, " 3"]]:
        """Lowest and highest corner (m) of the neutral Gaussians' centres."""
        low, high = self.manifest.bounds
        return np.array(low, np.float32), np.array(high, np.float32)

    def decode(
        self, code: Float[np.ndarray, " D"], head_pose: Float[np.ndarray, " 6"] | None = None
    ) -> Gaussians:
        """The head with expression `code`, turned by `head_pose` (rotation vector rad, translation m).

        An audio vector [A] of personal motion may follow the code; without it the head moves as any other.
        """
        gaussians = self.decoder.decode(self.decoder_input(code))
        if head_pose is None:
            return gaussians
        return pose_gaussians(gaussians, head_pose, self.neck_pivot, self.rig.neck_weights)

    def landmarks(
        self, code: Float[np.ndarray, " D"], head_pose: Float[np.ndarray, " 6"] | None = None
    ) -> Float32[np.ndarray, "68 3"] | None:
        """The 68 landmarks (m, avatar frame), or None where the head has none."""
        points = self.decoder.decode_landmarks(self.decoder_input(code))
        if points is None or head_pose is None:
            return points
        return pose_points(points, head_pose, self.neck_pivot)

    def readout(self, code: Float[np.ndarray, " D"]) -> Float32[np.ndarray, " 52"]:
        """ARKit-52 weights in [0, 1] that come closest to `code`."""
        weights = (
            self.controls.readout_weights @ self._checked(code)[: self.code_dim]
            + self.controls.readout_bias
        )
        return np.clip(weights, 0.0, 1.0)

    def control_offsets(self, kind: str) -> Float32[np.ndarray, "n D"]:
        """Code offset per unit of each control of `kind` (an AU has up to 5), ordered as `control_names`."""
        return self.controls.offsets(kind)

    def control_names(self, kind: str) -> tuple[str, ...]:
        """Names of the controls of `kind`: "arkit52", "au" or "visemes"."""
        return names_of(kind)

    def decoder_input(self, code: Float[np.ndarray, " D"]) -> Float32[np.ndarray, " DA"]:
        """What the decoder takes for a code [D] or a code with its audio vector [D + A], checked."""
        code = self._checked(code)
        missing = self.code_dim + self.motion_dim - len(code)
        return np.pad(code, (0, missing)) if missing else code

    def _checked(self, code: np.ndarray) -> np.ndarray:
        code = np.ascontiguousarray(code, np.float32)
        if code.shape not in ((self.code_dim,), (self.code_dim + self.motion_dim,)):
            raise AvatarError(
                f"The code has shape {code.shape}, the avatar '{self.name}' takes "
                f"{self.code_dim} numbers: make the track again for this avatar."
            )
        if not (np.abs(code) <= MAX_CODE).all():
            names = (*self.channel_names, *(f"motion_{i:02d}" for i in range(self.motion_dim)))
            channel = names[int(np.argmin(np.abs(code) <= MAX_CODE))]
            raise AvatarError(
                f"The code's channel '{channel}' is not finite or beyond {MAX_CODE:g}: "
                "check its keyframes or make the track again."
            )
        return code
