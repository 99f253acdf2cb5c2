"""Reads captures that lie as `layout` says; other layouts give the same interface."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from ...core.camera import Camera
from ..strands import Strands, strands_of
from .layout import (
    FORMAT,
    HELD_OUT,
    STRAND_GROUPS,
    TRAIN,
    VERSION,
    CaptureError,
    Frame,
    SubjectInfo,
    Topology,
    image_path,
    neutral_texture_path,
    subject_folder,
    texture_path,
)
from .stored import read_array, read_arrays, read_image, read_json


class CaptureImage(NamedTuple):
    """One picture of a person and where it belongs."""

    frame: str
    camera: str
    frame_split: str  # "train" or "held_out"
    camera_split: str  # "train" or "held_out"
    path: Path


@dataclass(frozen=True)
class Subject:
    """One person of a capture; arrays are read when they are asked for."""

    root: Path
    info: SubjectInfo
    topology: Topology
    cameras: dict[str, dict[str, Camera]]

    @property
    def name(self) -> str:
        """Name of the person, unique in the capture."""
        return self.info.name

    @property
    def split(self) -> str:
        """Split of the person: "train" or "validate"."""
        return self.info.split

    @property
    def frames(self) -> tuple[Frame, ...]:
        """The tracked frames; the rows of `offsets` and `controls`."""
        return self.info.frames

    @property
    def frame_names(self) -> list[str]:
        """Names of the tracked frames."""
        return [frame.name for frame in self.info.frames]

    @property
    def neck_pivot(self) -> np.ndarray:
        """Point [3] (m) that the head turns about."""
        return np.asarray(self.info.neck_pivot)

    @property
    def eye_centers(self) -> np.ndarray:
        """Centres [2, 3] (m) of the left and the right eyeball."""
        return np.asarray(self.info.eye_centers)

    @cached_property
    def neutral_vertices(self) -> np.ndarray:
        """Vertices [V, 3] (m) of the neutral scan."""
        path = subject_folder(self.root, self.name) / "neutral/vertices.npy"
        vertices = read_array(path)
        if vertices.shape != (self.topology.num_vertices, 3):
            raise CaptureError(
                f"'{path}' has shape {vertices.shape} but the topology has "
                f"{self.topology.num_vertices} vertices: make this person's scan again."
            )
        return vertices.astype(np.float32)

    def neutral_texture(self) -> np.ndarray:
        """Lit texture [R, R, 3] of the neutral scan, sRGB in [0, 1], row 0 at v = 1."""
        return read_image(neutral_texture_path(self.root, self.name))[..., :3] / np.float32(255)

    def strands(self) -> dict[str, Strands]:
        """Groups of strands with lit linear colours; empty where the capture has none."""
        path = subject_folder(self.root, self.name) / "neutral/strands.npz"
        if not path.is_file():
            return {}
        try:
            groups = strands_of(read_arrays(path))
        except KeyError as error:
            raise CaptureError(
                f"'{path}' lacks {error}: write the strands of '{self.name}' again."
            ) from error
        return {name: groups[name] for name in STRAND_GROUPS if name in groups}

    @cached_property
    def _frame_arrays(self) -> dict[str, np.ndarray]:
        path = subject_folder(self.root, self.name) / "frames.npz"
        arrays = read_arrays(path)
        expected = (len(self.frames), self.topology.num_vertices, 3)
        if arrays.get("vertices", np.empty(0)).shape != expected:
            raise CaptureError(
                f"'{path}' does not hold vertices of shape {expected}, one row per frame that "
                "subject.json names: write this person's frames again."
            )
        return arrays

    @property
    def offsets(self) -> np.ndarray:
        """Tracked mesh [T, V, 3] float16 as metres from the neutral."""
        return self._frame_arrays["vertices"]

    @property
    def controls(self) -> np.ndarray | None:
        """ARKit controls [T, 52] of the frames, in the order of ARKIT_BLENDSHAPES, where known."""
        return self._frame_arrays.get("controls")

    def frame_vertices(self, frame: str) -> np.ndarray:
        """Tracked vertices [V, 3] (m) of one frame."""
        if frame not in self.frame_names:
            raise CaptureError(f"'{self.name}' has no frame '{frame}': name one of subject.json.")
        offset = self.offsets[self.frame_names.index(frame)]
        return self.neutral_vertices + offset.astype(np.float32)

    def texture(self, frame: str) -> np.ndarray | None:
        """Lit texture [R, R, 3] of a frame, sRGB in [0, 1], or None where it was not baked."""
        path = texture_path(self.root, self.name, frame)
        return read_image(path)[..., :3] / np.float32(255) if path.is_file() else None

    def images(self) -> list[CaptureImage]:
        """All pictures that are there, in the order of frames and cameras."""
        places = [(n, split) for split, group in self.cameras.items() for n in group]
        candidates = (
            CaptureImage(
                frame.name,
                camera,
                frame.split,
                split,
                image_path(self.root, self.name, frame.name, camera),
            )
            for frame in self.frames
            for camera, split in places
        )
        present = set((subject_folder(self.root, self.name) / "images").glob("*.png"))
        return [image for image in candidates if image.path in present]

    def picture(self, image: CaptureImage) -> tuple[np.ndarray, Camera]:
        """Pixels [H, W, 4] uint8 (straight alpha) and the camera at the picture's own size."""
        pixels = read_image(image.path)
        if pixels.shape[2] != 4:
            raise CaptureError(f"'{image.path}' has no alpha: cut the person out of its picture.")
        camera = self.cameras[image.camera_split][image.camera]
        return pixels, resized(camera, pixels.shape[1], pixels.shape[0])


@dataclass(frozen=True)
class CaptureDataset:
    """A capture of many people."""

    root: Path
    record: dict[str, Any]
    topology: Topology
    cameras: dict[str, dict[str, Camera]]

    @classmethod
    def open(cls, path: str | Path) -> CaptureDataset:
        """Open the capture in the folder `path`; raises CaptureError where that is none."""
        root = Path(path)
        record = read_json(root / "dataset.json")
        if record.get("format") != FORMAT or record.get("version") != VERSION:
            raise CaptureError(
                f"'{root}' is not a {FORMAT} of version {VERSION}: name a folder that the studio wrote."
            )
        return cls(root, record, _read_topology(root), _read_cameras(root))

    def subjects(self, split: str | None = None) -> list[Subject]:
        """The persons of a split ("train" or "validate"), or all."""
        entries = [e for e in self.record["subjects"] if split in (None, e["split"])]
        return [self.subject(entry["name"]) for entry in entries]

    def subject(self, name: str) -> Subject:
        """One person by name."""
        if name not in [entry["name"] for entry in self.record["subjects"]]:
            raise CaptureError(f"The capture '{self.root}' has no person '{name}'.")
        path = subject_folder(self.root, name) / "subject.json"
        record = read_json(path)
        try:
            frames = tuple(Frame(**frame) for frame in record.pop("frames"))
            info = SubjectInfo(frames=frames, **record)
        except (KeyError, TypeError) as error:
            raise CaptureError(f"'{path}' is not complete ({error}): write it again.") from error
        return Subject(self.root, info, self.topology, self.cameras)


def resized(camera: Camera, width: int, height: int) -> Camera:
    """The same camera with pictures of another size."""
    scale = np.array([width / camera.width, height / camera.height, 1.0])
    return Camera(camera.viewmat, scale[:, None] * camera.K, width, height)


def _read_topology(root: Path) -> Topology:
    arrays = read_arrays(root / "topology.npz")
    try:
        names = tuple(str(name) for name in arrays.pop("part_names"))
        return Topology(part_names=names, **arrays)
    except (KeyError, TypeError) as error:
        raise CaptureError(
            f"'{root / 'topology.npz'}' is not complete ({error}): write it again."
        ) from error


def _read_cameras(root: Path) -> dict[str, dict[str, Camera]]:
    record = read_json(root / "cameras.json")
    try:
        return {
            split: {name: _camera(entry) for name, entry in record[split].items()}
            for split in (TRAIN, HELD_OUT)
        }
    except (KeyError, TypeError) as error:
        raise CaptureError(
            f"'{root / 'cameras.json'}' is not complete ({error}): write it again."
        ) from error


def _camera(entry: dict[str, Any]) -> Camera:
    return Camera(np.array(entry["viewmat"]), np.array(entry["K"]), entry["width"], entry["height"])
