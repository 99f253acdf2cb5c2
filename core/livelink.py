"""ARKit weights as CSV in the column layout of Epic's Live Link Face app."""

from __future__ import annotations

import csv
import math
from fractions import Fraction
from pathlib import Path

import numpy as np
from jaxtyping import Float32

from .errors import CodeSpaceError
from .expression import ExpressionTrack
from .files import replace_on_success
from .spaces import ARKIT_BLENDSHAPES, ARKIT_INDEX, ARKIT_SPACE

HEAD_AND_EYE_COLUMNS = (
    *(f"Head{axis}" for axis in ("Yaw", "Pitch", "Roll")),
    *(f"{side}Eye{axis}" for side in ("Left", "Right") for axis in ("Yaw", "Pitch", "Roll")),
)

# The app swaps the sides of two pairs against ARKit's own list.
_SWAPPED = {
    "jawLeft": "jawRight",
    "jawRight": "jawLeft",
    "mouthLeft": "mouthRight",
    "mouthRight": "mouthLeft",
}
CSV_BLENDSHAPES = tuple(_SWAPPED.get(name, name) for name in ARKIT_BLENDSHAPES)

HEADER = (
    "Timecode",
    "BlendshapeCount",
    *(name[0].upper() + name[1:] for name in CSV_BLENDSHAPES),
    *HEAD_AND_EYE_COLUMNS,
)


def write_livelink_csv(track: ExpressionTrack, path: Path) -> None:
    """Write the sum of `track`'s layers, one row a frame; head angles in radians as the app does."""
    if track.code_space != ARKIT_SPACE:
        raise CodeSpaceError(
            f"The track's codes are '{track.code_space}', a Live Link CSV needs '{ARKIT_SPACE}': save an .npz instead."
        )
    codes = np.clip(track.codes(), 0.0, 1.0)[:, [ARKIT_INDEX[name] for name in CSV_BLENDSHAPES]]
    yaw_pitch_roll = head_yaw_pitch_roll(track.head_pose[:, :3])
    count = str(len(ARKIT_BLENDSHAPES) + len(HEAD_AND_EYE_COLUMNS))
    with (
        replace_on_success(path) as temporary,
        temporary.open("w", newline="", encoding="utf8") as stream,
    ):
        writer = csv.writer(stream)
        writer.writerow(HEADER)
        for frame, (weights, angles) in enumerate(zip(codes, yaw_pitch_roll, strict=True)):
            values = [*weights, *angles, *[0.0] * 6]
            stamp = timecode(Fraction(track.start_sec) + frame / track.fps, track.fps)
            writer.writerow([stamp, count, *(f"{value:.10f}" for value in values)])


def timecode(time_sec: Fraction, fps: Fraction) -> str:
    """`HH:MM:SS:FF.mmm` at `time_sec`: whole frames within the second and thousandths of a frame."""
    whole_sec = math.floor(time_sec)
    frame = float((time_sec - whole_sec) * fps)
    minutes, seconds = divmod(whole_sec, 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours:02d}:{minutes:02d}:{seconds:02d}:{frame:06.3f}"


def head_yaw_pitch_roll(rotation_vectors: Float32[np.ndarray, "T 3"]) -> Float32[np.ndarray, "T 3"]:
    """Yaw (about +Y), pitch (about +X) and roll (about +Z), radians, applied in that order."""
    angle = np.linalg.norm(rotation_vectors, axis=1, keepdims=True)
    axis = rotation_vectors / np.maximum(angle, 1e-12)
    x, y, z = axis.T
    c, s = np.cos(angle[:, 0]), np.sin(angle[:, 0])
    # Rows of R = Ry(yaw) Rx(pitch) Rz(roll) that hold the three angles.
    r02, r12, r22 = x * z * (1 - c) + y * s, y * z * (1 - c) - x * s, c + z * z * (1 - c)
    r10, r11 = x * y * (1 - c) + z * s, c + y * y * (1 - c)
    pitch = np.arcsin(np.clip(-r12, -1, 1))
    return np.stack([np.arctan2(r02, r22), pitch, np.arctan2(r10, r11)], axis=1).astype(np.float32)
