"""One person of Ava-256: which frames are taken, their meshes and poses, and the turn into the avatar frame."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from itertools import permutations, product
from pathlib import Path

import numpy as np

from ...core.camera import Camera
from . import ava256_files as files
from .layout import HELD_OUT, NEUTRAL_FRAME, TRAIN, CaptureError, Frame, Topology

NEUTRAL_SEGMENT = "EXP_neutral_peak"
# The datasheet keeps this one for the validation of a person's own avatar.
HELD_OUT_SEGMENT = "EXP_free_face"
# Hands, colour charts and hair in motion teach no expression.
LEFT_OUT_SEGMENTS = (
    "EXP_Neutral_color_checker",
    "EXP_hair_dynamics_no_hand_interaction",
    "EXP_hair_dynamics_hand_interaction",
    "EXP_neutral_hairline",
    "EXP_ear",
)
# Where eyes and neck lie in the box of a head's mesh, as shares of its sides, without landmarks.
EYE_SHARES, NECK_SHARE = ((0.69, 0.6, 0.78), (0.31, 0.6, 0.78)), (0.5, 0.0, 0.35)
LEFT_EYE, RIGHT_EYE, EYE_DEPTH_M = slice(42, 48), slice(36, 42), 0.012


@dataclass(frozen=True)
class HeadFrame:
    """How a person's head frame (mm) becomes the avatar frame (m): x' = scale turn (x - origin)."""

    turn: np.ndarray  # [3, 3], a signed permutation
    origin_mm: np.ndarray  # [3]

    def place(self, vertices_mm: np.ndarray) -> np.ndarray:
        """Points [..., 3] in the avatar frame."""
        placed = (vertices_mm - self.origin_mm) @ self.turn.T * files.METRES_PER_MM
        return placed.astype(np.float32)

    def camera(self, world: Camera, head_to_world_mm: np.ndarray) -> Camera:
        """The camera as the head sees it, avatar frame, metres."""
        back = np.eye(4)
        back[:3, :3] = self.turn.T / files.METRES_PER_MM
        back[:3, 3] = self.origin_mm
        viewmat = world.viewmat @ head_to_world_mm @ back
        # Distances in metres: depth and place scale alike, so that pictures stay the same.
        viewmat[:3] *= files.METRES_PER_MM
        return Camera(viewmat, world.K, world.width, world.height)


@lru_cache(maxsize=4096)
def member_set(path: Path) -> frozenset[str]:
    """Names in an archive, read once."""
    return frozenset(files.member_names(path))


def choose_frames(folder: Path, count: int) -> tuple[tuple[Frame, ...], tuple[int, ...]]:
    """The neutral first, then frames evenly over the rest of the performance."""
    registered = member_set(folder / "kinematic_tracking/registration_vertices.zip")
    listed = [
        (segment, number)
        for segment, number in files.read_frame_list(folder / "frame_list.csv")
        if segment not in LEFT_OUT_SEGMENTS and f"{number:06d}.ply" in registered
    ]
    neutral = [number for segment, number in listed if segment == NEUTRAL_SEGMENT]
    if not neutral:
        raise CaptureError(
            f"'{folder}' has no registered frame of {NEUTRAL_SEGMENT}, which the neutral scan is taken "
            "from: download kinematic_tracking and frame_list.csv of this person again."
        )
    rest = [entry for entry in listed if entry[1] != neutral[0]]
    picks = np.unique(np.linspace(0, len(rest) - 1, min(count - 1, len(rest))).round().astype(int))
    frames, numbers = [Frame(NEUTRAL_FRAME, "neutral", TRAIN)], [neutral[0]]
    for segment, number in (rest[i] for i in picks):
        split = HELD_OUT if segment == HELD_OUT_SEGMENT else TRAIN
        frames.append(Frame(f"f{number:06d}", segment, split))
        numbers.append(number)
    return tuple(frames), tuple(numbers)


def read_meshes(folder: Path, numbers: tuple[int, ...], topology: Topology) -> np.ndarray:
    """Registered meshes [T, V, 3] (mm, head frame)."""
    path = folder / "kinematic_tracking/registration_vertices.zip"
    members = [f"{number:06d}.ply" for number in numbers]
    meshes = [
        files.decode_vertices(data, f"{path}/{member}")
        for member, data in zip(members, files.read_members(path, members), strict=True)
    ]
    for member, mesh in zip(members, meshes, strict=True):
        if len(mesh) != topology.num_vertices:
            raise CaptureError(
                f"'{path}/{member}' has {len(mesh)} vertices and face_topology.obj "
                f"{topology.num_vertices}: take the topology of the same release."
            )
    return np.stack(meshes)


def read_poses(folder: Path, numbers: tuple[int, ...]) -> list[np.ndarray]:
    """Head to world [4, 4] (mm) of each frame."""
    path = folder / "head_pose/head_pose.zip"
    members = [f"{number:06d}.txt" for number in numbers]
    contents = files.read_members(path, members)
    return [
        files.decode_pose(data, f"{path}/{member}")
        for member, data in zip(members, contents, strict=True)
    ]


def upright_turn(
    neutral_mm: np.ndarray, cameras: dict[str, Camera], pose: np.ndarray
) -> np.ndarray:
    """The right-angled turn [3, 3] of the head frame that puts the cameras' up on +Y, their side on +Z."""
    middle = (neutral_mm.max(0) + neutral_mm.min(0)) / 2
    up, front = np.zeros(3), np.zeros(3)
    for camera in cameras.values():
        viewmat = camera.viewmat @ pose
        up -= viewmat[1, :3]
        toward = -viewmat[:3, :3].T @ viewmat[:3, 3] - middle
        front += toward / np.linalg.norm(toward)
    turns = [
        np.diag(signs)[list(order)]
        for order in permutations(range(3))
        for signs in product((1.0, -1.0), repeat=3)
    ]
    proper = [turn for turn in turns if np.linalg.det(turn) > 0]
    return max(proper, key=lambda turn: float(turn[1] @ up + turn[2] @ front))


def eyes_and_neck(vertices: np.ndarray, landmarks68: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Eyeball centres [2, 3] (left, right) and neck pivot [3] in the frame of `vertices` [V, 3] (m)."""
    low, high = vertices.min(0), vertices.max(0)
    neck = low + np.array(NECK_SHARE) * (high - low)
    if len(landmarks68):
        lids = [vertices[landmarks68[side]].mean(0) for side in (LEFT_EYE, RIGHT_EYE)]
        return np.stack(lids) - np.array([0.0, 0.0, EYE_DEPTH_M]), neck
    return low + np.array(EYE_SHARES) * (high - low), neck
