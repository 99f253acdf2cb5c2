"""What is known of a person before anything is fitted: frames with camera, pose, code and matte, and a first scan."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ...core.camera import Camera
from ..prior_person import NeutralScan


@dataclass(frozen=True)
class SubjectFrame:
    """One picture of the person.

    `camera` sees the avatar frame of the resting shoulders (m); `head_pose` turns and moves the head about the
    scan's neck pivot (rotation vector in rad, translation in m), as `core.avatar.pose` does.
    """

    name: str
    time_sec: float
    rgba: np.ndarray  # [H, W, 4] uint8, straight alpha: the matte
    camera: Camera
    code: np.ndarray  # [D] float32 in the prior's space
    head_pose: np.ndarray  # [6] float32
    confidence: float  # of code and pose, in [0, 1]
    is_held_out: bool = False


@dataclass(frozen=True)
class VideoSubject:
    """A person as seen by one or more cameras, with a first guess of the neutral head."""

    frames: tuple[SubjectFrame, ...]
    scan: NeutralScan
    # How well each texel of the scan's texture was seen, 0 (guessed from the prior) to 1.
    seen: np.ndarray  # [R, R] float32

    @property
    def fitted_frames(self) -> tuple[SubjectFrame, ...]:
        """The frames that may be fitted to."""
        return tuple(frame for frame in self.frames if not frame.is_held_out)

    @property
    def held_out_frames(self) -> tuple[SubjectFrame, ...]:
        """The frames that only measure."""
        return tuple(frame for frame in self.frames if frame.is_held_out)
