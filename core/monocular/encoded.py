"""What a video tells of a face: codes, pose, gaze and landmarks by frame, and the tracks made of them."""

from __future__ import annotations

import json
from dataclasses import dataclass, fields
from fractions import Fraction
from pathlib import Path

import numpy as np
from jaxtyping import Bool, Float32, Float64, Int32

from ..array_files import read_arrays, write_arrays
from ..avatar.known_spaces import shipped_controls
from ..avatar.members import Controls
from ..errors import CodeSpaceError, TrackError
from ..expression import ExpressionTrack
from ..json_text import parse_json
from ..spaces import ARKIT_SPACE
from .action_units import action_units_of
from .pose import FACING, VideoCamera, rotation_matrices, track_poses
from .rest import resting_code

FORMAT, VERSION = "gaussian_heads.encoded_video", 1
# The layer of a track that holds the whole face, as a recorded performance does.
FACE_LAYER = "speech"
# Where the head turns on the neck, in the mean of the studio's persons (m, avatar frame).
USUAL_NECK_PIVOT = (0.0, -0.097, -0.088)


@dataclass(frozen=True, eq=False)
class EncodedVideo:
    """A face over T frames at `fps`; `times_sec` count on the video's clock.

    `codes` live in `code_space` and are smoothed; `confidence` in [0, 1] is 0 where no face was seen
    (`is_present`) and the values were bridged. `shot` counts cuts. `landmarks_px` are pixels of the upright
    frame. `head_rotation` (rotation vector, rad) is zero where the head faces the camera straight, about axes
    of which +Y is up and +Z towards the camera; `head_position_m` is where the avatar's origin is before the
    camera (OpenCV axes); `head_matrices` has both as the camera needs them. `gaze_rad`: yaw and pitch of the left, then the right
    eye, relative to the head. `mouth_mm`: lip gap, mouth width, left and right eyelid gap. `notes` are
    sentences for the user.
    """

    fps: Fraction
    times_sec: Float64[np.ndarray, " T"]
    codes: Float32[np.ndarray, "T D"]
    code_space: str
    confidence: Float32[np.ndarray, " T"]
    is_present: Bool[np.ndarray, " T"]
    shot: Int32[np.ndarray, " T"]
    landmarks_px: Float32[np.ndarray, "T 68 2"]
    camera: VideoCamera
    head_rotation: Float32[np.ndarray, "T 3"]
    head_position_m: Float32[np.ndarray, "T 3"]
    gaze_rad: Float32[np.ndarray, "T 2 2"]
    mouth_mm: Float32[np.ndarray, "T 4"]
    notes: tuple[str, ...] = ()

    @property
    def num_frames(self) -> int:
        """Number of frames T."""
        return len(self.codes)

    def track(
        self,
        *,
        neck_pivot: Float32[np.ndarray, " 3"] | None = None,
        use_rest: bool = False,
        start_sec: float | int | None = None,
    ) -> ExpressionTrack:
        """The performance as a track of one layer, the head's motion counted from its mean pose.

        With `use_rest` the face at rest in this video, as far as it shows one, counts as neutral: a person
        whose mouth hangs open or smiles at rest is not what the prior calls neutral. `start_sec` is the first
        frame's time (default: on the video's clock).
        """
        pivot = USUAL_NECK_PIVOT if neck_pivot is None else neck_pivot
        poses = track_poses(
            self.head_matrices()[:, :3, :3],
            self.head_position_m.astype(np.float64),
            weights=np.maximum(self.confidence, 1e-3).astype(np.float64),
            neck_pivot=np.asarray(pivot, np.float64),
        )
        codes = self.codes - self.rest() if use_rest else self.codes
        first_sec = float(self.times_sec[0]) if start_sec is None else float(start_sec)
        return ExpressionTrack({FACE_LAYER: codes}, poses, self.code_space, self.fps, first_sec)

    def head_matrices(self) -> Float64[np.ndarray, "T 4 4"]:
        """The avatar frame to the camera's (OpenCV axes, m), frame by frame."""
        matrices = np.tile(np.eye(4), (self.num_frames, 1, 1))
        matrices[:, :3, :3] = FACING @ rotation_matrices(self.head_rotation)
        matrices[:, :3, 3] = self.head_position_m
        return matrices

    def rest(self) -> Float32[np.ndarray, " D"]:
        """The code of the face at rest: lips closed or nearly, eyes open, nothing moving."""
        return resting_code(self.codes, self.mouth_mm, self.confidence)

    def arkit(self) -> Float32[np.ndarray, "T 52"]:
        """ARKit weights in [0, 1] that come closest to the codes."""
        if self.code_space == ARKIT_SPACE:
            return np.clip(self.codes, 0.0, 1.0)
        controls = self._controls()
        weights = self.codes @ controls.readout_weights.T + controls.readout_bias
        return np.clip(weights, 0.0, 1.0).astype(np.float32)

    def action_units(self) -> Float32[np.ndarray, "T 18"]:
        """Intensities (0 to 5) of the Action Units that the weights amount to, in the order of `ACTION_UNITS`."""
        return action_units_of(self.arkit())

    def save(self, path: Path) -> None:
        """Write everything as `.npz` (arrays only, no pickles)."""
        header = {
            "format": FORMAT,
            "version": VERSION,
            "fps": [self.fps.numerator, self.fps.denominator],
            "code_space": self.code_space,
            "camera": vars(self.camera),
            "notes": list(self.notes),
        }
        arrays = {name: getattr(self, name) for name in _array_names()}
        write_arrays(Path(path), arrays | {"header": np.array(json.dumps(header))})

    @classmethod
    def load(cls, path: Path | str) -> EncodedVideo:
        """Read what `save` wrote; raises `TrackError` with the reason when it is not that."""
        try:
            arrays = read_arrays(Path(path))
            header = parse_json(str(arrays["header"]))
            if (header["format"], header["version"]) != (FORMAT, VERSION):
                raise ValueError("it is of another version")
            found = {name: arrays[name] for name in _array_names()}
            encoded = cls(
                fps=Fraction(*header["fps"]),
                code_space=str(header["code_space"]),
                camera=VideoCamera(**header["camera"]),
                notes=tuple(str(note) for note in header["notes"]),
                **found,
            )
            encoded._check()
            return encoded
        except FileNotFoundError:
            raise TrackError(f"There is no file '{path}': check the path.") from None
        except (OSError, ValueError, KeyError, TypeError, ArithmeticError) as error:
            raise TrackError(
                f"'{path}' is not an encoded video ({error}): encode the video again."
            ) from None

    def _check(self) -> None:
        count = self.num_frames
        shapes = {"landmarks_px": (68, 2), "head_rotation": (3,), "head_position_m": (3,)}
        shapes |= {"gaze_rad": (2, 2), "mouth_mm": (4,), "codes": self.codes.shape[1:]}
        for name in _array_names():
            values = getattr(self, name)
            if values.shape != (count, *shapes.get(name, ())) or not np.isfinite(values).all():
                raise ValueError(f"its '{name}' has shape {values.shape} or is not finite")

    def _controls(self) -> Controls:
        controls = shipped_controls(self.code_space)
        if controls is None:
            raise CodeSpaceError(
                f"The codes live in '{self.code_space}', which no avatar at hand can read as ARKit "
                "weights: update the extension."
            )
        return controls


def _array_names() -> list[str]:
    others = {"fps", "code_space", "camera", "notes"}
    return [field.name for field in fields(EncodedVideo) if field.name not in others]
