"""Ava-256's public release, read like a capture of the studio.

    <root>/face_topology.obj                       from the release's repository (assets/)
    <root>/landmarks68.txt                         optional: 68 vertex numbers
    <root>/m--20210223--1023--AVW368--GHS/decoder/ one folder per person, as download.py leaves it
        camera_calibration.json, frame_list.csv, head_pose/head_pose.zip,
        image/cam<name>.zip, segmentation_parts/cam<name>.zip,
        kinematic_tracking/registration_vertices.zip, uv_image/color.zip

The release has no strands, no ARKit controls and no neck: strands are empty, controls None, everything follows
the head. Its head frame is turned to +Y up and +Z front by where the cameras stand. Without landmarks68.txt
eyes (and the origin between them) and neck are placed by a head's proportions.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property, lru_cache
from itertools import permutations, product
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from ...core.camera import Camera
from ..head_folder import Strands
from . import ava256_files as files
from .layout import (
    HELD_OUT,
    NEUTRAL_FRAME,
    TRAIN,
    VALIDATE,
    CaptureError,
    Frame,
    SubjectInfo,
    Topology,
)
from .reader import CaptureImage, Subject, resized

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
# Classes of the segmentation that are the person: all but background and chair.
BACKGROUND, CHAIR = 0, 3
FRAMES_PER_SUBJECT = 200
# The datasheet keeps 20 of 256 persons; of the cameras we keep one in twenty.
VALIDATE_EVERY, HELD_OUT_CAMERA_EVERY = 13, 20
# Where eyes and neck lie in the box of a head's mesh, as shares of its sides, without landmarks.
EYE_SHARES, NECK_SHARE = ((0.69, 0.6, 0.78), (0.31, 0.6, 0.78)), (0.5, 0.0, 0.35)
LEFT_EYE, RIGHT_EYE, EYE_DEPTH_M = slice(42, 48), slice(36, 42), 0.012


def is_ava256(root: Path) -> bool:
    """Whether a folder holds persons of the release."""
    return any(root.glob("*/decoder/camera_calibration.json"))


@dataclass(frozen=True)
class Ava256Dataset:
    """The persons of one download; the interface is CaptureDataset's."""

    root: Path
    record: dict[str, Any]
    topology: Topology
    frames_per_subject: int = FRAMES_PER_SUBJECT

    @classmethod
    def open(cls, path: str | Path, frames_per_subject: int = FRAMES_PER_SUBJECT) -> Ava256Dataset:
        """Open a download; of each person `frames_per_subject` frames, evenly over the performance."""
        root = Path(path)
        names = sorted(p.parents[1].name for p in root.glob("*/decoder/camera_calibration.json"))
        if not names:
            raise CaptureError(f"'{root}' has no folders of Ava-256 with a decoder part in them.")
        kept = [name for i, name in enumerate(reversed(names)) if i % VALIDATE_EVERY == 0]
        subjects = [
            {"name": name, "split": VALIDATE if name in kept and len(names) > 1 else TRAIN}
            for name in names
        ]
        record = {
            "name": "Ava-256",
            "created_by": "Codec Avatars Lab, Meta",
            "licence": "CC BY-NC 4.0",
            "credits": "Martinez et al., Codec Avatar Studio, NeurIPS 2024",
            "light": "dome",
            "subjects": subjects,
        }
        return cls(root, record, files.read_topology(root), frames_per_subject)

    @property
    def cameras(self) -> dict[str, dict[str, Camera]]:
        """Cameras around the first person's neutral head; every person has cameras of its own."""
        return self.subject(self.record["subjects"][0]["name"]).cameras

    def subjects(self, split: str | None = None) -> list[Subject]:
        """The persons of a split ("train" or "validate"), or all."""
        entries = [e for e in self.record["subjects"] if split in (None, e["split"])]
        return [self.subject(entry["name"]) for entry in entries]

    def subject(self, name: str) -> Subject:
        """One person by the name of its folder."""
        splits = {entry["name"]: entry["split"] for entry in self.record["subjects"]}
        if name not in splits:
            raise CaptureError(f"The capture '{self.root}' has no person '{name}'.")
        return _open_subject(self, name, splits[name])


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


@dataclass(frozen=True)
class AvaSubject(Subject):
    """One person of Ava-256."""

    numbers: tuple[int, ...]  # the release's frame number of each frame
    world_cameras: dict[str, Camera]
    head_frame: HeadFrame

    @property
    def folder(self) -> Path:
        """The decoder part."""
        return self.root / self.name / "decoder"

    @cached_property
    def neutral_vertices(self) -> np.ndarray:
        """Vertices [V, 3] (m) of the neutral."""
        return self.head_frame.place(_meshes(self.folder, self.numbers[:1], self.topology)[0])

    def neutral_texture(self) -> np.ndarray:
        """Texture [R, R, 3] of the neutral, sRGB in [0, 1], row 0 at v = 1."""
        texture = self.texture(NEUTRAL_FRAME)
        if texture is None:
            raise CaptureError(
                f"'{self.folder / 'uv_image/color.zip'}' has no texture of the neutral frame "
                f"{self.numbers[0]:06d}: download the textures of this person."
            )
        return texture

    def strands(self) -> dict[str, Strands]:
        """None: the release has no strands."""
        return {}

    @cached_property
    def _frame_arrays(self) -> dict[str, np.ndarray]:
        meshes = _meshes(self.folder, self.numbers, self.topology)
        offsets = self.head_frame.place(meshes) - self.neutral_vertices
        return {"vertices": offsets.astype(np.float16)}

    def texture(self, frame: str) -> np.ndarray | None:
        """Texture [R, R, 3] of a frame, sRGB in [0, 1], or None where the release has none."""
        path = self.folder / "uv_image/color.zip"
        member = f"color/{self._number(frame):06d}.avif"
        if member not in member_set(path):
            return None
        pixels = files.decode_image(files.read_members(path, [member])[0], f"{path}/{member}")
        return pixels[..., :3] / np.float32(255)

    def images(self) -> list[CaptureImage]:
        """All pictures of the chosen frames, in the order of frames and cameras."""
        found = []
        archives = {
            camera: (split, self.folder / f"image/cam{camera}.zip")
            for split, group in self.cameras.items()
            for camera in group
        }
        for frame in self.frames:
            for camera, (split, archive) in archives.items():
                member = f"cam{camera}/{self._number(frame.name):06d}.avif"
                if member in member_set(archive):
                    place = archive / member
                    found.append(CaptureImage(frame.name, camera, frame.split, split, place))
        return found

    def picture(self, image: CaptureImage) -> tuple[np.ndarray, Camera]:
        """Pixels [H, W, 4] uint8, alpha from the segmentation, and the camera as this frame's head sees it."""
        archive, number = image.path.parents[1], self._number(image.frame)
        member = f"{image.path.parent.name}/{image.path.name}"
        pixels = files.decode_image(files.read_members(archive, [member])[0], str(image.path))
        height, width = pixels.shape[:2]
        parts_path = self.folder / "segmentation_parts" / archive.name
        parts_member = member.replace(".avif", ".png")
        parts = files.decode_image(
            files.read_members(parts_path, [parts_member])[0], f"{parts_path}/{parts_member}"
        )
        is_person = ~np.isin(parts, (BACKGROUND, CHAIR))
        alpha = Image.fromarray(is_person.astype(np.uint8) * 255).resize(
            (width, height), Image.Resampling.BOX
        )
        pose = _poses(self.folder, (number,))[0]
        camera = self.head_frame.camera(self.world_cameras[image.camera], pose)
        return np.dstack([pixels[..., :3], np.asarray(alpha)]), resized(camera, width, height)

    def _number(self, frame: str) -> int:
        if frame not in self.frame_names:
            raise CaptureError(f"'{self.name}' has no frame '{frame}'.")
        return self.numbers[self.frame_names.index(frame)]


@lru_cache(maxsize=4096)
def member_set(path: Path) -> frozenset[str]:
    """Names in an archive, read once."""
    return frozenset(files.member_names(path))


def _open_subject(dataset: Ava256Dataset, name: str, split: str) -> AvaSubject:
    folder = dataset.root / name / "decoder"
    frames, numbers = _choose_frames(folder, dataset.frames_per_subject)
    world = files.read_calibration(folder / "camera_calibration.json")
    neutral = _meshes(folder, numbers[:1], dataset.topology)[0]
    pose = _poses(folder, numbers[:1])[0]
    turn = _turn(neutral, world, pose)
    turned = (neutral @ turn.T * files.METRES_PER_MM).astype(np.float32)
    eyes, neck = _eyes_and_neck(turned, dataset.topology.landmarks68)
    head_frame = HeadFrame(turn, turn.T @ eyes.mean(0) / files.METRES_PER_MM)
    cameras: dict[str, dict[str, Camera]] = {TRAIN: {}, HELD_OUT: {}}
    for index, camera in enumerate(sorted(world)):
        # The last of every twenty, and of few cameras the very last.
        is_held_out = (len(world) - 1 - index) % HELD_OUT_CAMERA_EVERY == 0 and len(world) > 1
        cameras[HELD_OUT if is_held_out else TRAIN][camera] = head_frame.camera(world[camera], pose)
    info = SubjectInfo(
        name=name,
        seed=-1,
        split=split,
        neck_pivot=tuple(float(x) for x in neck - eyes.mean(0)),
        eye_centers=tuple(tuple(float(x) for x in eye - eyes.mean(0)) for eye in eyes),
        frames=frames,
    )
    return AvaSubject(dataset.root, info, dataset.topology, cameras, numbers, world, head_frame)


def _choose_frames(folder: Path, count: int) -> tuple[tuple[Frame, ...], tuple[int, ...]]:
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


def _meshes(folder: Path, numbers: tuple[int, ...], topology: Topology) -> np.ndarray:
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


def _poses(folder: Path, numbers: tuple[int, ...]) -> list[np.ndarray]:
    path = folder / "head_pose/head_pose.zip"
    members = [f"{number:06d}.txt" for number in numbers]
    contents = files.read_members(path, members)
    return [
        files.decode_pose(data, f"{path}/{member}")
        for member, data in zip(members, contents, strict=True)
    ]


def _turn(neutral_mm: np.ndarray, cameras: dict[str, Camera], pose: np.ndarray) -> np.ndarray:
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


def _eyes_and_neck(vertices: np.ndarray, landmarks68: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Eyeball centres [2, 3] (left, right) and neck pivot [3] in the frame of `vertices` [V, 3] (m)."""
    low, high = vertices.min(0), vertices.max(0)
    neck = low + np.array(NECK_SHARE) * (high - low)
    if len(landmarks68):
        lids = [vertices[landmarks68[side]].mean(0) for side in (LEFT_EYE, RIGHT_EYE)]
        return np.stack(lids) - np.array([0.0, 0.0, EYE_DEPTH_M]), neck
    return low + np.array(EYE_SHARES) * (high - low), neck
