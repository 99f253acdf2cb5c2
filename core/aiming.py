"""Where eyes and a head must turn to look at a point, and how a head follows something that moves.

Turns are degrees to the person's left and downwards, the two parts of a rotation vector without roll
(Listing's law); a pose is a rotation vector (rad) and a translation (m) about the neck pivot.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float32, Float64

from .gaussians import matrix_to_quat
from .spaces import ARKIT_BLENDSHAPES, ARKIT_INDEX
from .speech.gaze import FULL_DOWN_DEG, FULL_SIDE_DEG, FULL_UP_DEG, LID_FALL, LID_RISE

SIDES = ("Left", "Right")
DIRECTIONS = ("Out", "In", "Up", "Down")
# Half of the mean distance between the pupils of adults (Dodgson 2004: 63 mm).
USUAL_EYE_M = 0.0315
# How far eyes and head turn at most for a target, and from which part of that on they hesitate.
EYES_SIDE_DEG, EYES_DOWN_DEG, EYES_UP_DEG = 34.0, 28.0, 22.0
HEAD_SIDE_DEG, HEAD_DOWN_DEG, HEAD_UP_DEG = 65.0, 45.0, 45.0
KNEE = 0.8
# Controls may go this far beyond their full value before eyes lose their shape.
MOST_WEIGHT = 1.6
# Nobody looks at what is behind: from the first angle on the turn eases back to none at the second.
EASE_DEG = (110.0, 165.0)
# Turning the head moves the eyes, and with them the direction to the target.
HEAD_ROUNDS = 4


@dataclass(frozen=True)
class EyeRig:
    """The eyes of a head: centres (m, avatar frame) and what a full control turns, left eye first.

    `full_deg` holds degrees for each of `DIRECTIONS`.
    """

    centers_m: Float64[np.ndarray, "2 3"]
    full_deg: Float64[np.ndarray, "2 4"]

    @classmethod
    def usual(cls) -> EyeRig:
        """Eyes of the usual distance whose controls reach as far as this project's heads."""
        centers = np.array([[USUAL_EYE_M, 0.0, 0.0], [-USUAL_EYE_M, 0.0, 0.0]])
        full = [FULL_SIDE_DEG, FULL_SIDE_DEG, FULL_UP_DEG, FULL_DOWN_DEG]
        return cls(centers, np.array([full, full]))

    @property
    def limits_deg(self) -> tuple[float, float, float]:
        """How far both eyes turn aside, down and up: what is comfortable, and what the controls bear."""
        out, inward, up, down = MOST_WEIGHT * self.full_deg.min(axis=0)
        side = min(EYES_SIDE_DEG, out, inward)
        return float(side), float(min(EYES_DOWN_DEG, down)), float(min(EYES_UP_DEG, up))

    @property
    def middle_m(self) -> Float64[np.ndarray, " 3"]:
        """The point between the eyes."""
        return self.centers_m.mean(axis=0)


def turn_towards(direction: Float64[np.ndarray, " 3"]) -> Float64[np.ndarray, " 2"]:
    """Turn (degrees left, down) that brings +Z onto `direction`, by the shortest way."""
    length = np.linalg.norm(direction)
    sideways = float(np.hypot(direction[0], direction[1]))
    if length == 0.0 or sideways == 0.0:
        return np.zeros(2)
    angle_deg = np.degrees(np.arctan2(sideways, direction[2]))
    return angle_deg * np.array([direction[0], -direction[1]]) / sideways


def eased(turn_deg: Float64[np.ndarray, " 2"]) -> Float64[np.ndarray, " 2"]:
    """The turn, fading to none for what lies behind the head."""
    start, end = EASE_DEG
    part = np.clip((np.linalg.norm(turn_deg) - start) / (end - start), 0.0, 1.0)
    return turn_deg * (1.0 - part * part * (3.0 - 2.0 * part))


def soft_clip(value: float, limit: float) -> float:
    """`value` within `limit`: unchanged up to `KNEE` of it, then ever slower, without a corner."""
    knee = KNEE * limit
    beyond = abs(value) - knee
    if beyond <= 0.0:
        return value
    room = limit - knee
    return float(np.copysign(knee + room * np.tanh(beyond / room), value))


def eye_turns(
    target_m: Float64[np.ndarray, " 3"],
    pose: Float64[np.ndarray, " 6"],
    pivot_m: Float64[np.ndarray, " 3"],
    rig: EyeRig,
) -> Float64[np.ndarray, "2 2"]:
    """Turns (degrees left, down) of the left and the right eye to `target_m` of the avatar frame."""
    target = unposed(target_m, pose, pivot_m)
    turns = [eased(turn_towards(target - center)) for center in rig.centers_m]
    most_side, most_down, most_up = rig.limits_deg
    return np.array(
        [
            [
                soft_clip(left, most_side),
                soft_clip(down, most_down if down > 0 else most_up),
            ]
            for left, down in turns
        ]
    )


def eye_weights(
    turns_deg: Float64[np.ndarray, "2 2"], rig: EyeRig, lids_closed: float | int = 0.0
) -> Float32[np.ndarray, " 52"]:
    """ARKit weights that turn each eye (degrees left, down); lids follow up and down as in a bake."""
    weights = np.zeros(len(ARKIT_BLENDSHAPES), np.float32)
    closed = min(max(lids_closed, 0.0), 1.0)
    for eye, (side, (left, down)) in enumerate(zip(SIDES, turns_deg, strict=True)):
        outwards = left if side == "Left" else -left
        wanted = np.maximum([outwards, -outwards, -down, down], 0.0) / rig.full_deg[eye]
        for direction, weight in zip(DIRECTIONS, wanted, strict=True):
            weights[ARKIT_INDEX[f"eyeLook{direction}{side}"]] = weight
        weights[ARKIT_INDEX[f"eyeBlink{side}"]] = LID_FALL * wanted[3] * (1.0 - closed)
        weights[ARKIT_INDEX[f"eyeWide{side}"]] = LID_RISE * wanted[2] * (1.0 - closed)
    return weights


def turned_head(
    target_m: Float64[np.ndarray, " 3"],
    pose: Float64[np.ndarray, " 6"],
    pivot_m: Float64[np.ndarray, " 3"],
    middle_m: Float64[np.ndarray, " 3"],
    share: float | int,
) -> Float64[np.ndarray, " 6"]:
    """`pose` with the head turned by `share` of what would make it face the target, on top of what it does."""
    if share == 0.0:
        return pose
    turn, turned = np.zeros(2), pose
    for _ in range(HEAD_ROUNDS):
        turn = turn + turn_towards(unposed(target_m, turned, pivot_m) - middle_m)
        turned = _with_turn(pose, turn)
    left, down = eased(turn)
    left = soft_clip(left, HEAD_SIDE_DEG)
    down = soft_clip(down, HEAD_DOWN_DEG if down > 0 else HEAD_UP_DEG)
    return _with_turn(pose, share * np.array([left, down]))


def unposed(
    point_m: Float64[np.ndarray, " 3"],
    pose: Float64[np.ndarray, " 6"],
    pivot_m: Float64[np.ndarray, " 3"],
) -> Float64[np.ndarray, " 3"]:
    """A point of the avatar frame as the posed head sees it."""
    return turn_matrix(pose[:3]).T @ (point_m - pivot_m - pose[3:]) + pivot_m


def posed(
    point_m: Float64[np.ndarray, " 3"],
    pose: Float64[np.ndarray, " 6"],
    pivot_m: Float64[np.ndarray, " 3"],
) -> Float64[np.ndarray, " 3"]:
    """Where the pose brings a point of the head, in the avatar frame."""
    return turn_matrix(pose[:3]) @ (point_m - pivot_m) + pivot_m + pose[3:]


def followed_pose(
    pose: Float64[np.ndarray, " 6"], delta: Float64[np.ndarray, " 6"]
) -> Float64[np.ndarray, " 6"]:
    """`pose`, carried along by `delta` about the same pivot."""
    translation = turn_matrix(delta[:3]) @ pose[3:] + delta[3:]
    return np.r_[combined_turn(delta[:3], pose[:3]), translation]


def motion_about(
    rest: Float64[np.ndarray, "4 4"],
    now: Float64[np.ndarray, "4 4"],
    pivot_m: Float64[np.ndarray, " 3"],
) -> Float64[np.ndarray, " 6"]:
    """What moves `rest` to `now` (avatar frame) as a pose about the pivot; scale is left out."""
    moved, rested = rigid(now), rigid(rest)
    delta = moved @ np.linalg.inv(rested)
    translation = delta[:3, :3] @ pivot_m + delta[:3, 3] - pivot_m
    return np.r_[turn_vector(delta[:3, :3]), translation]


def rigid(matrix: Float64[np.ndarray, "4 4"]) -> Float64[np.ndarray, "4 4"]:
    """The matrix with the nearest rotation in place of its scale and shear; none where it is flat."""
    u, sizes, v = np.linalg.svd(matrix[:3, :3])
    result = np.eye(4)
    if sizes[-1] > 1e-9:
        result[:3, :3] = u @ np.diag([1.0, 1.0, np.linalg.det(u @ v)]) @ v
    result[:3, 3] = matrix[:3, 3]
    return result


def turn_matrix(turn: Float64[np.ndarray, " 3"]) -> Float64[np.ndarray, "3 3"]:
    """Rotation matrix of a rotation vector (rad)."""
    w, x, y, z = _quat(turn)
    return np.array(
        [
            [1 - 2 * (y * y + z * z), 2 * (x * y - w * z), 2 * (x * z + w * y)],
            [2 * (x * y + w * z), 1 - 2 * (x * x + z * z), 2 * (y * z - w * x)],
            [2 * (x * z - w * y), 2 * (y * z + w * x), 1 - 2 * (x * x + y * y)],
        ]
    )


def combined_turn(
    last: Float64[np.ndarray, " 3"], first: Float64[np.ndarray, " 3"]
) -> Float64[np.ndarray, " 3"]:
    """Rotation vector (rad) of `first` followed by `last`."""
    aw, ax, ay, az = _quat(last)
    bw, bx, by, bz = _quat(first)
    return _vector(
        aw * bw - ax * bx - ay * by - az * bz,
        aw * bx + ax * bw + ay * bz - az * by,
        aw * by - ax * bz + ay * bw + az * bx,
        aw * bz + ax * by - ay * bx + az * bw,
    )


def turn_vector(matrix: Float64[np.ndarray, "3 3"]) -> Float64[np.ndarray, " 3"]:
    """Rotation vector (rad, at most half a turn) of a rotation matrix."""
    return _vector(*matrix_to_quat(matrix).tolist())


def _with_turn(pose: np.ndarray, turn_deg: np.ndarray) -> np.ndarray:
    """The pose whose head is turned by `turn_deg` (left, down) in its own frame first."""
    local = np.radians([turn_deg[1], turn_deg[0], 0.0])
    return np.r_[combined_turn(pose[:3], local), pose[3:]]


# Single quaternions (wxyz) as plain numbers: numpy takes ten times as long for so few.


def _quat(turn: np.ndarray) -> tuple[float, float, float, float]:
    x, y, z = (float(part) for part in turn)
    angle = math.sqrt(x * x + y * y + z * z)
    factor = math.sin(0.5 * angle) / angle if angle > 0.0 else 0.5
    return math.cos(0.5 * angle), factor * x, factor * y, factor * z


def _vector(w: float, x: float, y: float, z: float) -> np.ndarray:
    """Rotation vector (rad, at most half a turn) of a unit quaternion."""
    sine = math.sqrt(x * x + y * y + z * z)
    sign = 1.0 if w >= 0.0 else -1.0
    factor = 2.0 * math.atan2(sine, sign * w) / sine if sine > 0.0 else 2.0
    return sign * factor * np.array([x, y, z])
