"""ARKit weights as CSV in the column layout of Epic's Live Link Face app."""

from __future__ import annotations

import csv
import math
from fractions import Fraction
from pathlib import Path

import numpy as np
from jaxtyping import Float32

from .errors import CodeSpaceError, TrackError
from .expression import ExpressionTrack
from .files import replace_on_success
from .spaces import ARKIT_BLENDSHAPES, ARKIT_INDEX, ARKIT_SPACE

HEAD_AND_EYE_COLUMNS = (
    *(f"Head{axis}" for axis in ("Yaw", "Pitch", "Roll")),
    *(f"{side}Eye{axis}" for side in ("Left", "Right") for axis in ("Yaw", "Pitch", "Roll")),
)

# Frames a second that cameras and the app record with.
USUAL_RATES = (24, 25, 30, 48, 50, 60, 120)

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
            f"The track's codes are '{track.code_space}', a Live Link CSV needs '{ARKIT_SPACE}': "
            "convert the track first."
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


def read_livelink_csv(path: Path, fps: Fraction | None = None) -> ExpressionTrack:
    """A recording of the Live Link Face app as a track of one layer, "speech".

    Without `fps` the rate is the smallest usual one that holds the timecodes' frame numbers. Rows are
    taken as evenly spaced; the head's angles become its pose.
    """
    try:
        with path.open(newline="", encoding="utf-8-sig") as stream:
            rows = [row for row in csv.DictReader(stream) if row.get("Timecode")]
        stamps = [[float(part) for part in row["Timecode"].split(":")] for row in rows]
        codes = [[float(row[n[0].upper() + n[1:]]) for n in ARKIT_BLENDSHAPES] for row in rows]
        angles = [[float(row.get(name) or 0) for name in HEAD_AND_EYE_COLUMNS[:3]] for row in rows]
        if not rows or {len(stamp) for stamp in stamps} != {4}:
            raise ValueError("it has no rows with timecodes HH:MM:SS:FF")
    except FileNotFoundError:
        raise TrackError(f"There is no file '{path}': check the path.") from None
    except (OSError, ValueError, KeyError, TypeError, csv.Error) as error:
        raise TrackError(
            f"'{path}' is not a Live Link Face recording ({error}): record it again."
        ) from None
    if fps is None:
        last = math.floor(max(stamp[3] for stamp in stamps))
        fps = Fraction(next((rate for rate in USUAL_RATES if rate > last), last + 1))
    hours, minutes, seconds, frame = stamps[0]
    start_sec = 3600 * hours + 60 * minutes + seconds + frame / float(fps)
    pose = np.zeros((len(rows), 6), np.float32)
    pose[:, :3] = rotation_vectors(np.array(angles, np.float32))
    layers = {"speech": np.array(codes, np.float32)}
    return ExpressionTrack(layers, pose, ARKIT_SPACE, fps, start_sec)


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


def rotation_vectors(yaw_pitch_roll: Float32[np.ndarray, "T 3"]) -> Float32[np.ndarray, "T 3"]:
    """Rotation vectors (rad) of what `head_yaw_pitch_roll` gives."""
    half = 0.5 * yaw_pitch_roll.astype(np.float64)
    (cy, cx, cz), (sy, sx, sz) = np.cos(half).T, np.sin(half).T
    w = cy * cx * cz + sy * sx * sz
    xyz = np.stack(
        [cy * sx * cz + sy * cx * sz, sy * cx * cz - cy * sx * sz, cy * cx * sz - sy * sx * cz], 1
    )
    length = np.linalg.norm(xyz, axis=1)
    angle = 2.0 * np.arctan2(length, w)
    return (xyz * (angle / np.maximum(length, 1e-12))[:, None]).astype(np.float32)
