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
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from ...core.camera import Camera
from ..strands import Strands
from . import ava256_files as files
from .ava256_person import (
    HeadFrame,
    choose_frames,
    eyes_and_neck,
    member_set,
    read_meshes,
    read_poses,
    upright_turn,
)
from .layout import HELD_OUT, NEUTRAL_FRAME, TRAIN, VALIDATE, CaptureError, SubjectInfo, Topology
from .reader import CaptureImage, Subject, resized

# Classes of the segmentation that are the person: all but background and chair.
BACKGROUND, CHAIR = 0, 3
FRAMES_PER_SUBJECT = 200
# The datasheet keeps 20 of 256 persons; of the cameras we keep one in twenty.
VALIDATE_EVERY, HELD_OUT_CAMERA_EVERY = 13, 20


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
        return self.head_frame.place(read_meshes(self.folder, self.numbers[:1], self.topology)[0])

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
        meshes = read_meshes(self.folder, self.numbers, self.topology)
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
        pose = read_poses(self.folder, (number,))[0]
        camera = self.head_frame.camera(self.world_cameras[image.camera], pose)
        return np.dstack([pixels[..., :3], np.asarray(alpha)]), resized(camera, width, height)

    def _number(self, frame: str) -> int:
        if frame not in self.frame_names:
            raise CaptureError(f"'{self.name}' has no frame '{frame}'.")
        return self.numbers[self.frame_names.index(frame)]


def _open_subject(dataset: Ava256Dataset, name: str, split: str) -> AvaSubject:
    folder = dataset.root / name / "decoder"
    frames, numbers = choose_frames(folder, dataset.frames_per_subject)
    world = files.read_calibration(folder / "camera_calibration.json")
    neutral = read_meshes(folder, numbers[:1], dataset.topology)[0]
    pose = read_poses(folder, numbers[:1])[0]
    turn = upright_turn(neutral, world, pose)
    turned = (neutral @ turn.T * files.METRES_PER_MM).astype(np.float32)
    eyes, neck = eyes_and_neck(turned, dataset.topology.landmarks68)
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
