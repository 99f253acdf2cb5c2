"""Turning a head about its neck: the one place where head pose moves Gaussians and landmarks."""

from __future__ import annotations

import dataclasses

import numpy as np
from jaxtyping import Float, Float32

from ..errors import AvatarError
from ..gaussians import (
    Gaussians,
    multiply_quats,
    quat_product_matrix,
    quat_to_matrix,
)
from ..rows import matrix_times_rows
from ..spherical_harmonics import rotate_sh

# Far beyond any head: a translation of more than this (m) or a turn of more (rad) is a mistake.
MAX_POSE = 100.0


def checked_pose(head_pose: Float[np.ndarray, " 6"]) -> Float[np.ndarray, " 6"]:
    """The pose as float64; refuses other lengths and numbers that are not finite."""
    pose = np.asarray(head_pose, np.float64)
    if pose.shape != (6,):
        raise AvatarError(
            f"The head pose has shape {pose.shape}: give a rotation vector (rad) and a translation "
            "(m), six numbers."
        )
    if not (np.abs(pose) <= MAX_POSE).all():
        raise AvatarError(
            f"The head pose is not finite or beyond {MAX_POSE:g} rad or m: check its keyframes."
        )
    return pose


def pose_gaussians(
    gaussians: Gaussians,
    head_pose: Float[np.ndarray, " 6"],
    neck_pivot: Float32[np.ndarray, " 3"],
    neck_weights: Float32[np.ndarray, " N"],
) -> Gaussians:
    """Turn every Gaussian by its weight times the rotation about `neck_pivot`, and move it likewise."""
    pose = checked_pose(head_pose)
    if not pose.any():
        return gaussians
    # Most of a head follows entirely: one matrix turns all of it, the rest is set apart.
    whole = _quat_of_turn(pose[:3], np.ones(1))
    means = _moved(gaussians.means, whole, pose[3:], neck_pivot)
    quats = matrix_times_rows(quat_product_matrix(whole[0]), gaussians.quats)
    still = np.flatnonzero(neck_weights == 0.0)
    means[still], quats[still] = gaussians.means[still], gaussians.quats[still]
    part = np.flatnonzero((neck_weights > 0.0) & (neck_weights < 1.0))
    weights = neck_weights[part].astype(np.float64)
    turns = _quat_of_turn(pose[:3], weights)
    means[part] = _moved(gaussians.means[part], turns, weights[:, None] * pose[3:], neck_pivot)
    quats[part] = multiply_quats(turns, gaussians.quats[part])
    sh = None if gaussians.sh is None else rotate_sh(gaussians.sh, quat_to_matrix(whole[0]))
    if sh is not None:
        sh[still] = gaussians.sh[still]
        sh[part] = rotate_sh(gaussians.sh[part], quat_to_matrix(turns))
    return dataclasses.replace(gaussians, means=means, quats=quats, sh=sh)


def pose_points(
    points: Float32[np.ndarray, "M 3"],
    head_pose: Float[np.ndarray, " 6"],
    neck_pivot: Float32[np.ndarray, " 3"],
) -> Float32[np.ndarray, "M 3"]:
    """Points that follow the head entirely, such as landmarks (m), in the pose."""
    pose = checked_pose(head_pose)
    return _moved(points, _quat_of_turn(pose[:3], np.ones(1)), pose[3:], neck_pivot)


def _quat_of_turn(rotation: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Unit wxyz quaternions `[W, 4]` of the rotation vector (rad) scaled by each weight."""
    angle = np.linalg.norm(rotation)
    half = 0.5 * angle * weights
    axis = rotation / angle if angle > 0 else np.zeros(3)
    return np.concatenate([np.cos(half)[:, None], np.sin(half)[:, None] * axis], axis=1)


def _moved(
    points: np.ndarray, turns: np.ndarray, translation: np.ndarray, pivot: np.ndarray
) -> np.ndarray:
    """Points `[M, 3]` turned about `pivot` by one quaternion or one each, then translated."""
    matrices = quat_to_matrix(turns)
    # R (p - pivot) + pivot + t as R p + rest, the rest in double precision.
    rest = (pivot + translation - matrices @ pivot.astype(np.float64)).astype(np.float32)
    matrices = matrices.astype(np.float32)
    if len(matrices) == 1:
        turned = matrix_times_rows(matrices[0], points)
    else:
        turned = np.einsum("nij,nj->ni", matrices, points)
    turned += rest
    return turned
