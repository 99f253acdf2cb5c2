"""The 68 landmarks of a head that performs a track, and where a camera sees them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol, runtime_checkable

import numpy as np
from jaxtyping import Bool, Float32, Float64

from .avatar.motion import SpeechMotion, track_motion
from .camera import Camera
from .errors import AvatarError
from .expression import ExpressionTrack
from .spaces.conversion import Driven, convert_track

# The points of iBUG's 300-W markup, counted from 0.
NUM_LANDMARKS = 68


@runtime_checkable
class MarkedHead(Driven, Protocol):
    """The part of an avatar that places landmarks."""

    @property
    def code_dim(self) -> int: ...

    @property
    def motion(self) -> SpeechMotion | None: ...

    def landmarks(
        self, code: np.ndarray, head_pose: np.ndarray | None = None
    ) -> np.ndarray | None: ...


def track_landmarks(
    track: ExpressionTrack,
    avatar: MarkedHead,
    strengths: Mapping[str, float] | None = None,
    *,
    is_posed: bool = False,
) -> Float32[np.ndarray, "T 68 3"]:
    """Landmarks (m, avatar frame) of `avatar` on every frame of `track` (of any space that fits).

    Layers count times their `strengths`. Heard speech moves an avatar with personal motion in its own way, times the
    strength "motion". The track's head pose counts where `is_posed`. Raises `AvatarError` for heads without landmarks.
    """
    motion = track_motion(track, avatar.motion)
    track = convert_track(track, avatar)
    if avatar.landmarks(np.zeros(avatar.code_dim, np.float32)) is None:
        raise without_landmarks(avatar.name)
    codes = track.codes(strengths)
    if motion is not None:
        strength = np.float32((strengths or {}).get("motion", 1.0))
        codes = np.concatenate([codes, strength * motion], axis=1)
    poses = track.head_pose if is_posed else [None] * len(codes)
    points = [avatar.landmarks(code, pose) for code, pose in zip(codes, poses, strict=True)]
    return np.stack(points)


def without_landmarks(name: str) -> AvatarError:
    """The refusal of the head called `name`."""
    return AvatarError(
        f"The avatar '{name}' has no landmarks: choose another avatar (the built-in ones have landmarks)."
    )


def seen_points(
    points_m: Float64[np.ndarray, "N 3"], camera: Camera
) -> tuple[Float32[np.ndarray, "N 2"], Bool[np.ndarray, " N"]]:
    """Pixels from the top left of the picture, whose first pixel's centre is (0.5, 0.5), of points (m, world).

    Also whether a point lies before the camera; the pixels of others are NaN. Points outside the picture count on.
    """
    local = points_m @ camera.viewmat[:3, :3].T + camera.viewmat[:3, 3]
    is_before = local[:, 2] > 0
    depths = np.where(is_before, local[:, 2], np.nan)[:, None]
    plane = local[:, :2] + 0 * depths if camera.is_orthographic else local[:, :2] / depths
    pixels = plane * np.diag(camera.K)[:2] + camera.K[:2, 2]
    return pixels.astype(np.float32), is_before
