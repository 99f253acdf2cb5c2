"""Where a photo's landmarks go when an avatar's codes and head poses are played on them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Float32, Float64

from ..avatar import Avatar
from ..avatar.eyes import measure_eyes
from ..avatar.known_spaces import shipped_controls
from ..avatar.pose import pose_points
from ..errors import CodeSpaceError
from ..landmarks import NUM_LANDMARKS, without_landmarks
from ..measure import (
    INNER_LOWER,
    INNER_UPPER,
    LEFT_CORNER,
    LEFT_EYE_OUTSIDE,
    LOWER_LIDS,
    RIGHT_CORNER,
    RIGHT_EYE_OUTSIDE,
    UPPER_LIDS,
    up_axes,
)
from ..spaces.eye_angles import FULL_DOWN_DEG, FULL_SIDE_DEG, FULL_UP_DEG, eye_angles
from .photo import PortraitPhoto

# How far from a photo's camera people sit; what is nearer grows as it does from there.
CAMERA_M = 1.0
# Heads that are moved through the camera stop before it.
NEAREST_M = 0.1
# Points that scale and place of a head are taken from: all but the outline, which differs most between people.
PLACING = slice(17, NUM_LANDMARKS)
# Corners of the right and the left eye, the outer one first.
EYE_CORNERS = ((36, 39), (45, 42))
# How far irises stand before the eyes' centres, and where those lie from the middle between the corners: outwards,
# upwards and behind (means of the studio's people).
EYE_RADIUS_M = 0.0115
EYE_ASIDE_M, EYE_UP_M, EYE_BEHIND_M = 0.0017, 0.0022, 0.008
# A photo's lids may be further open than the avatar's by these factors; eyes less open than this tell nothing.
LID_FACTORS, LEAST_LIDS_M = (0.6, 1.6), 0.003


@dataclass(frozen=True)
class _Pairs:
    """Pairs of points that may touch, and the two between which they lie."""

    upper: tuple[int, ...]
    lower: tuple[int, ...]
    ends: tuple[int, int]


LIPS = _Pairs(INNER_UPPER, INNER_LOWER, (RIGHT_CORNER, LEFT_CORNER))
LIDS = _Pairs(UPPER_LIDS, LOWER_LIDS, (RIGHT_EYE_OUTSIDE, LEFT_EYE_OUTSIDE))


class PortraitRig:
    """A photo's landmarks and irises, moved as an avatar of any code space with landmarks moves.

    What the photo's person has of their own (their landmarks less the avatar's with the photo's expression) stays
    on the head and turns with it. Codes count absolutely: at rest the avatar's mouth is shut, whatever the photo's
    does. Raises `AvatarError` for heads without landmarks, `CodeSpaceError` where the photo's expression cannot be said
    in the avatar's codes.
    """

    def __init__(self, photo: PortraitPhoto, avatar: Avatar) -> None:
        self.photo, self.avatar = photo, avatar
        code = code_for(photo, avatar)
        if avatar.landmarks(code) is None:
            raise without_landmarks(avatar.name)
        self._eyes = measure_eyes(avatar)
        rest = self._points(code, photo.gaze_rad)
        self._rotation, self._focal, self._center = _placed(rest, photo)
        shown = np.concatenate([photo.landmarks, photo_irises(photo)])
        self._own_m = self._lifted(rest, shown - self._seen(rest))
        self._lid_factors = self._lids_of_their_own(rest)
        self.reference: Float32[np.ndarray, "70 2"] = shown.astype(np.float32)

    def points(
        self, code: Float[np.ndarray, " D"], head_pose: Float[np.ndarray, " 6"] | None = None
    ) -> Float32[np.ndarray, "70 2"]:
        """Landmarks and irises in [0, 1] of the photo's window for a code (its audio vector may follow) and a pose.

        The pose turns and moves the head from where it is in the photo, about the avatar's neck.
        """
        code = np.asarray(code, np.float32)
        rest = self._points(code, self._gaze(code))
        own = rest + self._own_m
        seen = self._seen(own, head_pose)
        up = self._up_seen(own, head_pose, LIPS)
        _set_apart(seen, LIPS, self._lip_gaps(rest), up, lower_share=0.5)
        lids_m = self._lid_factors * np.maximum(_gaps(rest, LIDS), 0.0)
        _set_apart(seen, LIDS, lids_m, self._up_seen(own, head_pose, LIDS), lower_share=0.0)
        return seen.astype(np.float32)

    def _points(self, code: np.ndarray, gaze_rad: np.ndarray) -> Float64[np.ndarray, "70 3"]:
        """The avatar's landmarks and irises (m, avatar frame), eyes looking by `gaze_rad` (left, right)."""
        irises = self._eyes.centers_m + EYE_RADIUS_M * _ahead(gaze_rad)
        return np.concatenate([self.avatar.landmarks(code), irises[::-1]]).astype(np.float64)

    def _gaze(self, code: np.ndarray) -> Float64[np.ndarray, "2 2"]:
        """Yaw and pitch (rad) of the left and the right eye that a code means."""
        angles = eye_angles(self.avatar.readout(code)[None])[0].reshape(2, 3)[:, :2]
        out, inward, up, down = self._eyes.full_deg.T
        left = np.array([True, False])
        outwards = (angles[:, 0] > 0) == left
        sideways = np.where(outwards, out, inward) / FULL_SIDE_DEG
        upright = np.where(angles[:, 1] > 0, down / FULL_DOWN_DEG, up / FULL_UP_DEG)
        return angles * np.stack([sideways, upright], axis=1)

    def _seen(
        self, points_m: np.ndarray, head_pose: np.ndarray | None = None
    ) -> Float64[np.ndarray, "P 2"]:
        """Where in [0, 1] of the window points (m, avatar frame) of the posed head are seen."""
        if head_pose is not None:
            still = points_m.astype(np.float32)
            points_m = pose_points(still, head_pose, self.avatar.neck_pivot).astype(np.float64)
        before = points_m @ self._rotation.T
        depths = np.maximum(CAMERA_M + before[:, 2:], NEAREST_M)
        return self._center + self._focal * before[:, :2] / depths

    def _lifted(self, points_m: np.ndarray, moves: np.ndarray) -> Float64[np.ndarray, "P 3"]:
        """Moves across the picture, at the depths of points, as moves (m) of the head at rest."""
        depths = CAMERA_M + points_m @ self._rotation[2]
        return (moves * (depths / self._focal)[:, None]) @ self._rotation[:2]

    def _lids_of_their_own(self, rest: np.ndarray) -> Float64[np.ndarray, " 4"]:
        """How much further the lids of the photo's person are open than the avatar's, pair by pair."""
        theirs = np.maximum(_gaps(rest, LIDS), 0.0).reshape(2, 2).mean(1)
        up = self._up_seen(rest, None, LIDS)
        apart = self.photo.landmarks[list(LIDS.upper)] - self.photo.landmarks[list(LIDS.lower)]
        own = (apart @ up / (up @ up)).reshape(2, 2).mean(1)
        factors = np.where(theirs > LEAST_LIDS_M, own / np.maximum(theirs, LEAST_LIDS_M), 1.0)
        return np.repeat(np.clip(factors, *LID_FACTORS), 2)

    def _lip_gaps(self, rest: np.ndarray) -> Float64[np.ndarray, " 3"]:
        """How far each pair of the inner lips is apart (m); all touch where the measured lip gap is 0."""
        gaps = _gaps(rest, LIPS)
        open_m = max(gaps.mean() - 1e-3 * self.avatar.lip_contact_offset_mm, 0.0)
        above = np.maximum(gaps, 0.0)
        return above * (open_m / above.mean()) if open_m > 0.0 else np.zeros(3)

    def _up_seen(
        self, own: np.ndarray, head_pose: np.ndarray | None, pairs: _Pairs
    ) -> Float64[np.ndarray, " 2"]:
        """What a metre upwards on the head at the pairs is in the window."""
        right, left = pairs.ends
        up = up_axes((own[left] - own[right])[None])[0]
        middle = own[[right, left]].mean(0)
        step_m = 1e-3
        ends = self._seen(np.stack([middle, middle + step_m * up]), head_pose)
        return (ends[1] - ends[0]) / step_m


def code_for(photo: PortraitPhoto, avatar: Avatar) -> Float32[np.ndarray, " D"]:
    """The photo's expression in the avatar's codes.

    It goes through ARKit-52 even where the spaces are the same: weights within 0 to 1 leave out much of what one
    photo's code is off by.
    """
    controls, offsets = shipped_controls(photo.code_space), avatar.control_offsets("arkit52")
    if controls is not None and offsets.any():
        weights = np.clip(controls.readout_weights @ photo.code + controls.readout_bias, 0.0, 1.0)
        return (weights @ offsets).astype(np.float32)
    if photo.code_space == avatar.code_space:
        return photo.code
    raise CodeSpaceError(
        f"The photo's expression is read in codes of '{photo.code_space}', which the avatar '{avatar.name}' of "
        f"the space '{avatar.code_space}' cannot take: choose another avatar."
    )


def photo_irises(photo: PortraitPhoto) -> Float64[np.ndarray, "2 2"]:
    """Where in [0, 1] of its window a photo's irises are, the right one first, as far as corners and gaze tell."""
    places = []
    for (outer, inner), side, ahead in zip(
        EYE_CORNERS, (-1.0, 1.0), _ahead(photo.gaze_rad)[::-1], strict=True
    ):
        offset = np.array([side * EYE_ASIDE_M, EYE_UP_M, -EYE_BEHIND_M]) + EYE_RADIUS_M * ahead
        middle = photo.landmarks[[outer, inner]].mean(0)
        places.append(middle + photo.rotation[:2] @ offset / photo.metres)
    return np.stack(places)


def _ahead(gaze_rad: np.ndarray) -> Float64[np.ndarray, "2 3"]:
    """Where eyes with these yaws and pitches look (unit vectors of the avatar frame)."""
    yaw, pitch = gaze_rad.T
    return np.stack([np.sin(yaw) * np.cos(pitch), -np.sin(pitch), np.cos(yaw) * np.cos(pitch)], 1)


def _placed(
    rest_m: np.ndarray, photo: PortraitPhoto
) -> tuple[Float64[np.ndarray, "3 3"], float, Float64[np.ndarray, " 2"]]:
    """Rotation (head's axes to the camera's), focal length and centre (parts of the window) that place a head.

    The photo's rotation counts but for its roll, which like scale and place is what fits the landmarks best.
    """
    before = rest_m[PLACING] @ photo.rotation.T
    plane = before[:, :2] / (CAMERA_M + before[:, 2:])
    wanted = photo.landmarks[PLACING.start :]
    middle, middle_wanted = plane.mean(0), wanted.mean(0)
    around, around_wanted = plane - middle, wanted - middle_wanted
    along = float((around * around_wanted).sum())
    across = float((around[:, 0] * around_wanted[:, 1] - around[:, 1] * around_wanted[:, 0]).sum())
    focal = float(np.hypot(along, across) / np.square(around).sum())
    cos, sin = np.array([along, across]) / np.hypot(along, across)
    roll = np.array([[cos, -sin, 0.0], [sin, cos, 0.0], [0.0, 0.0, 1.0]])
    center = middle_wanted - focal * roll[:2, :2] @ middle
    return roll @ photo.rotation, focal, center


def _gaps(points_m: np.ndarray, pairs: _Pairs) -> Float64[np.ndarray, " P"]:
    """How high upper points stand over lower ones (m), negative where they overlap."""
    right, left = pairs.ends
    up = up_axes((points_m[left] - points_m[right])[None])[0]
    return (points_m[list(pairs.upper)] - points_m[list(pairs.lower)]) @ up


def _set_apart(
    seen: np.ndarray, pairs: _Pairs, gaps_m: np.ndarray, up: np.ndarray, *, lower_share: float
) -> None:
    """Move points in the window until the pairs are so far apart along `up` (a metre upwards as it is seen).

    `lower_share` of it the lower points take.
    """
    length = float(np.linalg.norm(up))
    axis = up / max(length, 1e-9)
    upper, lower = list(pairs.upper), list(pairs.lower)
    missing = length * gaps_m - (seen[upper] - seen[lower]) @ axis
    seen[upper] += (1.0 - lower_share) * missing[:, None] * axis
    seen[lower] -= lower_share * missing[:, None] * axis
