"""Turning a head about its neck: the one place where head pose moves Gaussians and landmarks."""

from __future__ import annotations

import dataclasses

import numpy as np
from jaxtyping import Float, Float32

from ..errors import AvatarError
from ..gaussians import Gaussians, multiply_quats, quat_to_matrix

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
    turns = _weighted_quats(pose[:3], neck_weights)
    return dataclasses.replace(
        gaussians,
        means=_posed_points(gaussians.means, pose, neck_pivot, neck_weights),
        quats=multiply_quats(turns, gaussians.quats).astype(np.float32),
    )


def pose_points(
    points: Float32[np.ndarray, "M 3"],
    head_pose: Float[np.ndarray, " 6"],
    neck_pivot: Float32[np.ndarray, " 3"],
) -> Float32[np.ndarray, "M 3"]:
    """Points that follow the head entirely, such as landmarks (m), in the pose."""
    weights = np.ones(points.shape[0], np.float32)
    return _posed_points(points, checked_pose(head_pose), neck_pivot, weights)


def _weighted_quats(rotation: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Unit wxyz quaternions `[N, 4]` of the turn scaled by each weight."""
    angle = np.linalg.norm(rotation)
    half = 0.5 * angle * weights
    axis = rotation / angle if angle > 0 else np.zeros(3)
    return np.concatenate([np.cos(half)[:, None], np.sin(half)[:, None] * axis], axis=1)


def _posed_points(
    points: np.ndarray, pose: np.ndarray, pivot: np.ndarray, weights: np.ndarray
) -> np.ndarray:
    local = points.astype(np.float64) - pivot
    turned = np.empty_like(local)
    whole = weights == 1
    # Most of a head follows entirely: one matrix for all of it.
    turned[whole] = local[whole] @ quat_to_matrix(_weighted_quats(pose[:3], np.ones(1)))[0].T
    part = ~whole
    if part.any():
        matrices = quat_to_matrix(_weighted_quats(pose[:3], weights[part].astype(np.float64)))
        turned[part] = np.einsum("nij,nj->ni", matrices, local[part])
    turned += pivot + weights[:, None] * pose[3:]
    return turned.astype(np.float32)
