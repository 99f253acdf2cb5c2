"""What an avatar object looks at and follows at the frame it is evaluated at.

A shared avatar that is instanced looks from where its original stands: one decoded head serves them all.
"""

from __future__ import annotations

import weakref
from dataclasses import dataclass

import numpy as np

from ...core.aiming import (
    EyeRig,
    eye_turns,
    eye_weights,
    followed_pose,
    motion_about,
    posed,
    turned_head,
)
from ...core.avatar import Avatar
from ...core.avatar.eyes import measure_eyes
from ...core.errors import RenderError
from ..avatars import object_avatar
from ..axes import AVATAR_TO_OBJECT, world_to_avatar
from .head import baked_motion, own_pose

_rigs: weakref.WeakKeyDictionary[Avatar, EyeRig] = weakref.WeakKeyDictionary()
_STILL = np.zeros(6)


def eye_rig(avatar: Avatar) -> EyeRig:
    """The avatar's eyes, measured once."""
    if avatar not in _rigs:
        _rigs[avatar] = measure_eyes(avatar)
    return _rigs[avatar]


def target_matrix(target: object, bone: str) -> np.ndarray:
    """World matrix `[4, 4]` of an evaluated object, or of its bone where it has such a one."""
    matrix = np.array(target.matrix_world, np.float64)
    if not np.isfinite(matrix).all():
        raise RenderError(f"'{target.name}' has no place to look at: set its location again.")
    pose = target.pose if bone else None
    found = pose.bones.get(bone) if pose is not None else None
    return matrix if found is None else matrix @ np.array(found.matrix, np.float64)


def followed(obj: object, avatar: Avatar, pose: np.ndarray) -> np.ndarray:
    """`pose` (rotation vector rad, translation m), carried along by what the head follows."""
    settings = obj.gaussian_head
    target, share = settings.head_target, settings.head_follow
    if target is None or not share:
        return pose
    to_avatar = world_to_avatar(obj)
    now = to_avatar @ target_matrix(target, settings.head_bone)
    rest = np.array(settings.head_rest, np.float64).reshape(4, 4)
    if not np.isfinite(rest).all() or np.linalg.matrix_rank(rest) < 4:
        raise RenderError(f"'{obj.name}' follows no place: let its head follow the target again.")
    delta = share * motion_about(rest, now, avatar.neck_pivot.astype(np.float64))
    if not settings.head_use_location:
        delta[3:] = 0.0
    return followed_pose(pose.astype(np.float64), delta)


def facing(obj: object, avatar: Avatar, pose: np.ndarray) -> np.ndarray:
    """`pose` with the head turned by its share of the way to what it looks at."""
    settings = obj.gaussian_head
    share = settings.gaze_follow * settings.gaze_head_share
    if settings.gaze_target is None or not share:
        return pose
    pivot = avatar.neck_pivot.astype(np.float64)
    middle = eye_rig(avatar).middle_m
    return turned_head(_gaze_point(obj), pose.astype(np.float64), pivot, middle, share)


@dataclass(frozen=True)
class BakedEyes:
    """What the bake does with the eyes at a frame: whether it turns them, and how far it shuts the lids."""

    has_gaze: bool = False
    lids_closed: float = 0.0


def gaze_weights(
    obj: object, avatar: Avatar, pose: np.ndarray | None, baked: BakedEyes
) -> np.ndarray | None:
    """ARKit weights `[52]` that turn the eyes from where the baked gaze leaves them; None without target.

    `pose` is the whole of the head's pose. Baked eyes already make up for the baked motion of the head;
    a look at a target does so by itself, so that this part is taken back and the small movements stay.
    """
    settings = obj.gaussian_head
    follow = settings.gaze_follow
    if settings.gaze_target is None or not follow:
        return None
    rig = eye_rig(avatar)
    pivot = avatar.neck_pivot.astype(np.float64)
    whole = _STILL if pose is None else pose.astype(np.float64)
    turns = eye_turns(_gaze_point(obj), whole, pivot, rig)
    if baked.has_gaze:
        turns = turns + _made_up_for(obj)
    return eye_weights(follow * turns, rig, baked.lids_closed)


def _gaze_point(obj: object) -> np.ndarray:
    """What `obj` looks at, in metres of its avatar frame; of another head the point between its eyes."""
    settings = obj.gaussian_head
    target, bone = settings.gaze_target, settings.gaze_bone
    matrix = target_matrix(target, bone)
    point = matrix[:3, 3]
    if not bone and target.type == "MESH" and target.gaussian_head.avatar:
        pivot = object_avatar(target).avatar.neck_pivot
        seen = posed(np.zeros(3), own_pose(target).astype(np.float64), pivot.astype(np.float64))
        point = (matrix @ AVATAR_TO_OBJECT @ np.r_[seen, 1.0])[:3]
    to_avatar = world_to_avatar(obj)
    return (to_avatar @ np.r_[point, 1.0])[:3]


def _made_up_for(obj: object) -> np.ndarray:
    """Turn (degrees left, down) that the baked gaze makes to hold its direction while the head moves."""
    settings = obj.gaussian_head
    motion = baked_motion(obj).astype(np.float64)
    return settings.strength_gaze * min(settings.style_gaze, 1.0) * np.degrees(motion[[1, 0]])
