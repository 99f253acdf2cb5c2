"""The eyes of an avatar, measured on what it decodes: where they are and how far its controls turn them."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float64

from ..aiming import DIRECTIONS, SIDES, EyeRig, turn_towards, turn_vector
from ..spaces import ARKIT_INDEX
from .avatar import Avatar

# Gaussians this near to where an eye should be whose way from side to side is at least this part of the
# longest are its front; skin and lids move far less.
REACH_M, LEAST_PART = 0.022, 0.5
# A front of fewer Gaussians, or one that moves less, is none.
LEAST_GAUSSIANS, LEAST_WAY_M = 8, 1e-3
# Gaussians that do not turn with the rest count little: residuals (m) against this.
SHARP_M, ROUNDS = 5e-4, 15
# A control that turns the eye less or more than this was not measured.
LEAST_DEG, MOST_DEG = 8.0, 60.0
# Controls are read here, where most looks are.
READ_AT = 0.6
# The centre is where all turns leave the least motion; a direction that no turn tells apart is not moved.
LEAST_SINGULAR = 0.15


def measure_eyes(avatar: Avatar) -> EyeRig:
    """The eye rig of `avatar`; what cannot be measured is as usual."""
    usual = EyeRig.usual()
    offsets = avatar.control_offsets("arkit52")
    if not offsets.any():
        return usual
    rest = _means(avatar, np.zeros(avatar.code_dim))
    centers, full_deg = usual.centers_m.copy(), usual.full_deg.copy()
    for eye, side in enumerate(SIDES):
        names = [f"eyeLook{direction}{side}" for direction in DIRECTIONS]
        looks = [_means(avatar, READ_AT * offsets[ARKIT_INDEX[name]]) for name in names]
        front = _front(rest, looks, centers[eye])
        if front is None:
            continue
        turns = [_rigid_turn(rest[front], look[front]) for look in looks]
        for index, (matrix, _) in enumerate(turns):
            degrees = _degrees(matrix, DIRECTIONS[index], side) / READ_AT
            if LEAST_DEG < degrees < MOST_DEG:
                full_deg[eye, index] = degrees
        centers[eye] = _center(turns, centers[eye])
    return EyeRig(centers, full_deg)


def _means(avatar: Avatar, code: np.ndarray) -> Float64[np.ndarray, "N 3"]:
    return avatar.decode(code.astype(np.float32)).means.astype(np.float64)


def _front(rest: np.ndarray, looks: list[np.ndarray], expected_m: np.ndarray) -> np.ndarray | None:
    """Indices of the Gaussians of the eyeball that are seen; None where nothing turns."""
    near = np.flatnonzero(np.linalg.norm(rest - expected_m, axis=1) < REACH_M)
    way = np.linalg.norm(looks[0][near] - looks[1][near], axis=1)
    if len(near) < LEAST_GAUSSIANS or way.max() < LEAST_WAY_M:
        return None
    front = near[way > LEAST_PART * way.max()]
    return front if len(front) >= LEAST_GAUSSIANS else None


def _rigid_turn(before: np.ndarray, after: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Rotation matrix and translation (m) that bring most points over (Kabsch 1976, reweighted)."""
    weights = np.ones(len(before))
    for _ in range(ROUNDS):
        mean_before = np.average(before, axis=0, weights=weights)
        mean_after = np.average(after, axis=0, weights=weights)
        product = (weights[:, None] * (after - mean_after)).T @ (before - mean_before)
        u, _, v = np.linalg.svd(product)
        matrix = u @ np.diag([1.0, 1.0, np.linalg.det(u @ v)]) @ v
        shift = mean_after - matrix @ mean_before
        residuals = np.linalg.norm(before @ matrix.T + shift - after, axis=1)
        weights = 1.0 / (1.0 + (residuals / SHARP_M) ** 2) ** 2
    return matrix, shift


def _degrees(matrix: np.ndarray, direction: str, side: str) -> float:
    """How far a rotation looks in a direction (degrees)."""
    left, down = turn_towards(matrix[:, 2])
    outwards = left if side == "Left" else -left
    return {"Out": outwards, "In": -outwards, "Up": -down, "Down": down}[direction]


def _center(turns: list[tuple[np.ndarray, np.ndarray]], expected_m: np.ndarray) -> np.ndarray:
    """The point (m) that stays where it is in all turns."""
    turning = [(m, t) for m, t in turns if np.linalg.norm(turn_vector(m)) > np.radians(3.0)]
    if not turning:
        return expected_m
    left = np.concatenate([np.eye(3) - matrix for matrix, _ in turning])
    moved = np.concatenate([(np.eye(3) - m) @ expected_m - t for m, t in turning])
    offset = -np.linalg.lstsq(left, moved, rcond=LEAST_SINGULAR)[0]
    return expected_m + offset if np.linalg.norm(offset) < REACH_M else expected_m
