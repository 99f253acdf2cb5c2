"""How a capture of many people lies on disk, and how it is written (docs/TRAINING.md has the tree)."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from ...core.camera import Camera
from ...core.errors import GaussianHeadsError
from ...core.files import replace_on_success
from ..strands import Strands, save_strands

FORMAT, VERSION = "gaussian-heads-capture", 1
TRAIN, VALIDATE, HELD_OUT = "train", "validate", "held_out"
STRAND_GROUPS = ("hair", "brows", "lashes", "beard")
NEUTRAL_FRAME = "f000"


class CaptureError(GaussianHeadsError):
    """A capture that is missing, incomplete or broken."""


@dataclass(frozen=True)
class Topology:
    """What all persons of a capture share."""

    triangles: np.ndarray  # [F, 3] int32
    uvs: np.ndarray  # [F, 3, 2] float32, one atlas, v up
    part: np.ndarray  # [F] int8, index into part_names
    part_names: tuple[str, ...]
    landmarks68: np.ndarray  # [68] int32
    neck_weights: np.ndarray  # [V] float32, 1 follows the head

    @property
    def num_vertices(self) -> int:
        """V."""
        return len(self.neck_weights)

    def faces_of(self, *names: str) -> np.ndarray:
        """Mask [F] of the triangles of the named parts; names that no triangle has count as empty."""
        return np.isin(self.part, [i for i, n in enumerate(self.part_names) if n in names])


@dataclass(frozen=True)
class Frame:
    """One tracked frame of a person."""

    name: str
    kind: str
    split: str  # "train" or "held_out": an expression that nothing is trained on


@dataclass(frozen=True)
class SubjectInfo:
    """What is known of one person beside arrays and pictures."""

    name: str
    seed: int
    split: str  # "train" or "validate"
    neck_pivot: tuple[float, float, float]
    eye_centers: tuple[tuple[float, float, float], ...]  # left, right
    frames: tuple[Frame, ...]
    person: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class DatasetInfo:
    """The head of dataset.json."""

    name: str
    created_by: str
    licence: str
    credits: str
    light: str


def subject_folder(root: Path, subject: str) -> Path:
    """Where one person lies."""
    return root / "subjects" / subject


def texture_path(root: Path, subject: str, frame: str) -> Path:
    """The lit texture of one frame."""
    return subject_folder(root, subject) / f"textures/{frame}.png"


def image_path(root: Path, subject: str, frame: str, camera: str) -> Path:
    """The picture of one frame from one camera."""
    return subject_folder(root, subject) / f"images/{frame}_{camera}.png"


def write_dataset(root: Path, info: DatasetInfo, subjects: dict[str, str]) -> None:
    """Write dataset.json; `subjects` gives the split of each person by name."""
    entries = [{"name": name, "split": split} for name, split in sorted(subjects.items())]
    record = {"format": FORMAT, "version": VERSION, **asdict(info), "subjects": entries}
    _write_json(root / "dataset.json", record)


def write_topology(root: Path, topology: Topology) -> None:
    """Write topology.npz."""
    with replace_on_success(root / "topology.npz") as temporary:
        np.savez_compressed(
            temporary,
            triangles=topology.triangles.astype(np.int32),
            uvs=topology.uvs.astype(np.float32),
            part=topology.part.astype(np.int8),
            part_names=np.array(topology.part_names),
            landmarks68=topology.landmarks68.astype(np.int32),
            neck_weights=topology.neck_weights.astype(np.float32),
        )


def write_cameras(root: Path, cameras: dict[str, dict[str, Camera]]) -> None:
    """Write cameras.json: cameras by name under "train" and "held_out"."""
    record = {
        split: {name: _camera_record(camera) for name, camera in group.items()}
        for split, group in cameras.items()
    }
    _write_json(root / "cameras.json", record)


def _camera_record(camera: Camera) -> dict[str, Any]:
    return {
        "viewmat": camera.viewmat.tolist(),
        "K": camera.K.tolist(),
        "width": camera.width,
        "height": camera.height,
    }


def write_subject(root: Path, info: SubjectInfo) -> None:
    """Write subject.json."""
    _write_json(subject_folder(root, info.name) / "subject.json", asdict(info))


def write_neutral(
    root: Path, subject: str, vertices: np.ndarray, strands: dict[str, Strands]
) -> None:
    """Write the neutral scan's vertices [V, 3] (m) and its strands, lit in linear colours."""
    folder = subject_folder(root, subject) / "neutral"
    if strands:
        save_strands(folder / "strands.npz", strands)
    with replace_on_success(folder / "vertices.npy") as temporary:
        np.save(temporary, vertices.astype(np.float32))


def neutral_texture_path(root: Path, subject: str) -> Path:
    """The neutral scan's lit texture."""
    return subject_folder(root, subject) / "neutral/texture.png"


def write_frames(
    root: Path, subject: str, offsets: np.ndarray, controls: np.ndarray | None
) -> None:
    """Write the tracked mesh as offsets [T, V, 3] (m) from the neutral, and ARKit controls [T, 52]."""
    arrays = {"vertices": offsets.astype(np.float16)}
    if controls is not None:
        arrays["controls"] = controls.astype(np.float16)
    with replace_on_success(subject_folder(root, subject) / "frames.npz") as temporary:
        np.savez_compressed(temporary, **arrays)


def write_png(path: Path, pixels: np.ndarray) -> None:
    """Write uint8 pixels [H, W, 3 or 4] (sRGB, straight alpha)."""
    with replace_on_success(path) as temporary:
        Image.fromarray(pixels).save(temporary)


def _write_json(path: Path, record: dict[str, Any]) -> None:
    with replace_on_success(path) as temporary:
        temporary.write_text(json.dumps(record, indent=1) + "\n", encoding="utf8")
