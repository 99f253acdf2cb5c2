"""ARKit weights as CSV: as Epic's Live Link Face app writes them, and as others write the same table."""

from __future__ import annotations

import csv
import math
import re
from fractions import Fraction
from pathlib import Path

import numpy as np
from jaxtyping import Float32, Float64, Int64

from .errors import CodeSpaceError, TrackError
from .expression import MAX_FRAMES, ExpressionTrack
from .files import replace_on_success
from .spaces import ARKIT_BLENDSHAPES, ARKIT_INDEX, ARKIT_SPACE
from .spaces.eye_angles import eye_angles, eye_look_weights
from .spaces.shape_names import find_arkit
from .tables import Table, bridge_gaps, read_table
from .timing import frame_rate

HEAD_COLUMNS = ("HeadYaw", "HeadPitch", "HeadRoll")
EYE_COLUMNS = tuple(
    f"{side}Eye{axis}" for side in ("Left", "Right") for axis in ("Yaw", "Pitch", "Roll")
)
HEAD_AND_EYE_COLUMNS = (*HEAD_COLUMNS, *EYE_COLUMNS)

# Frames a second that cameras and the app record with, the likeliest first among those that fit.
USUAL_RATES = (24, 25, 30, 60, 50, 48, 120)
# A table with fewer ARKit columns is some other one.
LEAST_COLUMNS = 3
# A row may come this much early and still be a whole frame late, one that follows a dropped frame.
JITTER_FRAMES = 0.25
# Columns that say when a frame was, by what they count.
TIME_COLUMNS = {"timecode": 1.0, "time": 1.0, "timestamp": 1.0, "timesec": 1.0, "timestampms": 1e3}

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
    """Write the sum of `track`'s layers, one row a frame; angles of head and eyes in radians as the app does."""
    if track.code_space != ARKIT_SPACE:
        raise CodeSpaceError(
            f"The track's codes are '{track.code_space}', a Live Link CSV needs '{ARKIT_SPACE}': "
            "convert the track first."
        )
    weights = np.clip(track.codes(), 0.0, 1.0)
    values = np.hstack(
        [
            weights[:, [ARKIT_INDEX[name] for name in CSV_BLENDSHAPES]],
            head_yaw_pitch_roll(track.head_pose[:, :3]),
            eye_angles(weights),
        ]
    )
    count = str(len(ARKIT_BLENDSHAPES) + len(HEAD_AND_EYE_COLUMNS))
    with (
        replace_on_success(path) as temporary,
        temporary.open("w", newline="", encoding="utf8") as stream,
    ):
        writer = csv.writer(stream)
        writer.writerow(HEADER)
        for frame, row in enumerate(values.tolist()):
            stamp = timecode(Fraction(track.start_sec) + frame / track.fps, track.fps)
            writer.writerow([stamp, count, *(f"{value:.10f}" for value in row)])


def read_livelink_csv(path: Path, fps: Fraction | None = None) -> ExpressionTrack:
    """A table of ARKit weights as a track of one layer, "speech", whose head angles are its pose.

    Columns may be missing (they rest), stand in any order and be spelled in any usual way. Where no
    eyeLook column is, the eyes' angles give the gaze. Missing numbers are interpolated, frames that a
    camera dropped likewise. Without `fps` the times tell the rate.
    """
    table = read_table(path)
    columns = find_arkit(table.header)
    if len(columns) < LEAST_COLUMNS:
        raise TrackError(
            f"'{path}' is not a Live Link Face recording: it has no columns of ARKit's names such as "
            "'JawOpen', record it again."
        )
    weights = np.zeros((len(table.rows), len(ARKIT_BLENDSHAPES)))
    indices = [ARKIT_INDEX[name] for name in columns]
    weights[:, indices] = bridge_gaps(table.numbers(list(columns.values())), path)
    weights = np.clip(weights, -10.0, 10.0).astype(np.float32)
    head, eyes = (_angles(table, names, path) for names in (HEAD_COLUMNS, EYE_COLUMNS))
    if not any(name.startswith("eyeLook") for name in columns):
        weights += eye_look_weights(eyes)
    pose = np.zeros((len(weights), 6), np.float32)
    pose[:, :3] = rotation_vectors(head.astype(np.float32))
    times, rate = _times(table, path, fps)
    frames = _frames(times, rate)
    spread = [_spread(values, frames) for values in (weights, pose)]
    return ExpressionTrack({"speech": spread[0]}, spread[1], ARKIT_SPACE, rate, times[0])


def timecode(time_sec: Fraction, fps: Fraction) -> str:
    """`HH:MM:SS:FF.mmm` at `time_sec`: whole frames within the second and thousandths of a frame."""
    whole_sec = math.floor(time_sec)
    frame = round(float((time_sec - whole_sec) * fps), 3)
    if frame >= round(float(fps), 3):
        # Rounding must not make a frame that the second does not have.
        whole_sec, frame = whole_sec + 1, 0.0
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


def _angles(table: Table, names: tuple[str, ...], path: Path) -> Float64[np.ndarray, "T C"]:
    """Columns of angles (rad); 0 where one is missing."""
    spelled = {name.lower(): name for name in table.header}
    values = np.zeros((len(table.rows), len(names)))
    there = [i for i, name in enumerate(names) if name.lower() in spelled]
    found = table.numbers([spelled[names[i].lower()] for i in there])
    # A column without any number is as good as none.
    is_filled = ~np.isnan(found).all(axis=0)
    values[:, [i for i, ok in zip(there, is_filled, strict=True) if ok]] = bridge_gaps(
        found[:, is_filled], path
    )
    return values


def _times(
    table: Table, path: Path, fps: Fraction | None
) -> tuple[Float64[np.ndarray, " T"], Fraction]:
    """Seconds of every row, and the frame rate."""
    spelled = {re.sub("[^a-z]", "", name.lower()): name for name in table.header}
    kind = next((kind for kind in TIME_COLUMNS if kind in spelled), None)
    if kind is not None:
        stamps = [re.split("[:;]", cell.strip()) for cell in table.column(spelled[kind])]
        if {len(stamp) for stamp in stamps} == {4}:
            return _timecodes(stamps, path, fps)
        values = table.numbers([spelled[kind]])
        if not np.isnan(values).all():
            times = bridge_gaps(values, path)[:, 0] / TIME_COLUMNS[kind]
            rate = fps or rate_of(times)
            if rate is not None:
                return times, rate
    if fps is None:
        raise TrackError(
            f"'{path}' does not say when its frames were: give the frame rate it was recorded with."
        )
    return np.arange(len(table.rows)) / float(fps), fps


def _timecodes(
    stamps: list[list[str]], path: Path, fps: Fraction | None
) -> tuple[Float64[np.ndarray, " T"], Fraction]:
    try:
        parts = np.array([[float(part or "nan") for part in stamp] for stamp in stamps])
        if not np.isfinite(parts).all() or parts[:, 3].max() >= 10_000:
            raise ValueError("its timecodes are not HH:MM:SS:FF")
    except ValueError as error:
        raise TrackError(
            f"'{path}' is not a Live Link Face recording ({error}): record it again."
        ) from None
    last = math.floor(parts[:, 3].max())
    seconds = parts[:, :3] @ (3600.0, 60.0, 1.0)
    rate = fps or _rate_of_timecodes(seconds, parts[:, 3])
    if last >= math.ceil(rate):
        # The clock ran at another rate than the frames were said to have.
        return seconds[0] + np.arange(len(parts)) / float(rate), rate
    return seconds + parts[:, 3] / float(rate), rate


def _rate_of_timecodes(
    seconds: Float64[np.ndarray, " T"], frames: Float64[np.ndarray, " T"]
) -> Fraction:
    """The rate that holds the frame numbers and makes the steps of time even; the likeliest one of several."""
    last = math.floor(frames.max())
    usual = [rate for rate in USUAL_RATES if rate > last] or [last + 1]
    rates = [frame_rate(rate * slower) for rate in usual for slower in (1.0, 1000 / 1001)]

    def unevenness(rate: Fraction) -> float:
        steps = np.diff(seconds + frames / float(rate)) * float(rate)
        return round(float(np.abs(steps - 1.0).sum()), 2)

    return min(rates, key=unevenness)


def rate_of(times_sec: Float64[np.ndarray, " T"]) -> Fraction | None:
    """The frame rate of rows at `times_sec`: the usual step between them; None where there is none."""
    steps = np.diff(times_sec)
    steps = steps[steps > 1e-6]
    if not len(steps):
        return None
    measured = 1.0 / float(np.median(steps))
    near = [rate for rate in USUAL_RATES if abs(rate - measured) < 0.02 * rate]
    exact = frame_rate(measured)
    return exact if exact.denominator == 1001 or not near else Fraction(near[0])


def _frames(times_sec: Float64[np.ndarray, " T"], fps: Fraction) -> Int64[np.ndarray, " T"]:
    """The frame of each row: one after the other, but for those that a camera dropped between two."""
    steps = np.diff(times_sec) * float(fps)
    # A clock that runs back, at midnight or where recordings were joined, says nothing about frames.
    late = np.concatenate([[0.0], np.cumsum(np.where(steps < 0, 1.0, steps) - 1.0)])
    dropped = np.maximum.accumulate(np.floor(late + JITTER_FRAMES)).astype(np.int64)
    frames = np.arange(len(times_sec)) + np.maximum(dropped, 0)
    if frames[-1] >= MAX_FRAMES:
        raise TrackError(
            f"The recording's times span {frames[-1]:,} frames, at most {MAX_FRAMES:,} are read: "
            "cut it into parts."
        )
    return frames


def _spread(values: np.ndarray, frames: np.ndarray) -> np.ndarray:
    """Rows `values` [T, D] that lie at `frames`, as one row for every frame."""
    if frames[-1] == len(values) - 1:
        return values
    every = np.arange(frames[-1] + 1)
    # Column by column: in double precision all of them would take gigabytes.
    spread = np.empty((len(every), values.shape[1]), np.float32)
    for out, column in zip(spread.T, values.T, strict=True):
        out[:] = np.interp(every, frames, column)
    return spread
