"""The training persons as the prior is fitted to them; what is slow to make is kept in the work folder."""

from __future__ import annotations

import hashlib
import logging
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from ..core.camera import Camera
from ..core.files import replace_on_success
from .dataset.layout import HELD_OUT, Topology, texture_path
from .dataset.reader import CaptureImage, Subject
from .head_light import sample_atlas
from .networks.person_head import PersonHead
from .networks.prior import Scan, UniversalPrior
from .prior_person import NeutralScan, PersonMaker, person_tensors, shrunk

logger = logging.getLogger(__name__)
MOUTH, EYES = slice(48, 68), (slice(36, 42), slice(42, 48))
# How far around landmarks lips and lids reach.
REGION_M = 0.012


@dataclass(frozen=True)
class TrainingPicture:
    """One picture and its frame's row in the person's arrays."""

    frame: int
    image: CaptureImage


@dataclass
class PersonData:
    """One training person, as tensors."""

    subject: Subject
    head: PersonHead
    scan: Scan
    coefficients: Tensor  # [T, G] whitened
    offsets: Tensor  # [T, M * 3] float16, m
    textured: list[int]  # frames with a texture
    light: Tensor  # [B, N, 3] float16, what each texture changes at the anchors
    change: Tensor  # [B, 3, R, R] float16, the same in the atlas
    pictures: list[TrainingPicture]
    train_frames: list[int]


class PersonLoader:
    """Makes `PersonData` of subjects, through a cache of arrays per person."""

    def __init__(self, prior: UniversalPrior, work: Path) -> None:
        self.prior, self.work = prior, work
        settings = prior.settings
        self.maker = PersonMaker(prior.parts, settings.gaussians, settings.network.image_px)
        digest = hashlib.sha256()
        for array in (prior.parts.anchors.triangle, prior.parts.anchors.barycentric):
            digest.update(np.ascontiguousarray(array).tobytes())
        self.key = digest.hexdigest()[:12]

    def load(self, subject: Subject) -> PersonData:
        """Everything of one person that training needs."""
        prior, maker = self.prior, self.maker
        scan = NeutralScan.of(subject)
        arrays = self._cached(subject, scan)
        head, tensors = person_tensors(prior, maker.person(scan), arrays["colors"])
        moved = subject.offsets[:, prior.parts.moving].reshape(len(subject.frames), -1)
        offsets = torch.from_numpy(np.ascontiguousarray(moved))
        device = prior.basis.device
        coefficients = prior.coefficients(offsets.float().to(device))
        names = subject.frame_names
        train = [i for i, frame in enumerate(subject.frames) if frame.split != HELD_OUT]
        return PersonData(
            subject=subject,
            head=head,
            scan=tensors,
            coefficients=coefficients,
            offsets=offsets.to(device),
            textured=[names.index(name) for name in arrays["frames"]],
            light=torch.from_numpy(arrays["light"]).to(device),
            change=torch.from_numpy(arrays["change"]).to(device),
            pictures=training_pictures(subject),
            train_frames=train,
        )

    def _cached(self, subject: Subject, scan: NeutralScan) -> dict[str, np.ndarray]:
        names = [f.name for f in subject.frames if f.split != HELD_OUT]
        files = [texture_path(subject.root, subject.name, name) for name in names]
        stamps = [file.stat().st_mtime_ns if file.is_file() else 0 for file in files]
        key = hashlib.sha256(repr((self.key, names, stamps)).encode()).hexdigest()[:16]
        path = self.work / "persons" / f"{subject.name}.npz"
        if path.is_file():
            with np.load(path) as stored:
                arrays = dict(stored)
            if str(arrays["key"]) == key:
                return arrays
        arrays = {"key": np.array(key), **self._prepared(subject, scan, names)}
        with replace_on_success(path) as temporary:
            np.savez(temporary, **arrays)
        return arrays

    def _prepared(
        self, subject: Subject, scan: NeutralScan, names: list[str]
    ) -> dict[str, np.ndarray]:
        maker, side = self.maker, self.prior.settings.network.change_px
        frames, light, change = [], [], []
        for name in names:
            texture = subject.texture(name)
            if texture is None:
                continue
            frames.append(name)
            neutral = shrunk(scan.texture, len(texture))
            at_anchors = [sample_atlas(image, maker.uv) for image in (texture, neutral)]
            light.append((at_anchors[0] - at_anchors[1]).astype(np.float16))
            change.append(texture_change(scan.texture, texture, side))
        count = len(maker.uv)
        return {
            "frames": np.array(frames, dtype=str),
            "colors": maker.scan_colors(scan.texture).astype(np.float32),
            "light": np.reshape(light, (-1, count, 3)).astype(np.float16),
            "change": np.reshape(change, (-1, 3, side, side)).astype(np.float16),
        }


def texture_change(scan_texture: np.ndarray, texture: np.ndarray, side_px: int) -> np.ndarray:
    """What a frame's texture changes of the neutral's, as the expression encoder takes it `[3, R, R]`."""
    change = shrunk(texture, side_px) - shrunk(shrunk(scan_texture, len(texture)), side_px)
    return np.ascontiguousarray(np.moveaxis(change, 2, 0), np.float32)


def training_pictures(subject: Subject) -> list[TrainingPicture]:
    """The pictures that may be trained on: neither frame nor camera is held out."""
    names = subject.frame_names
    return [
        TrainingPicture(names.index(image.frame), image)
        for image in subject.images()
        if HELD_OUT not in (image.frame_split, image.camera_split)
    ]


def vertex_weights(topology: Topology, mean: np.ndarray, moving: np.ndarray, more: float) -> Tensor:
    """How much each moving vertex counts `[M, 1]`: lips and lids `more` than the rest."""
    landmarks = mean[topology.landmarks68]
    weights = np.ones(len(moving))
    for region in _regions(landmarks):
        distance = np.linalg.norm(mean[moving, None] - landmarks[region], axis=2).min(axis=1)
        weights = np.maximum(weights, 1 + (more - 1) * np.clip(2 - distance / REGION_M, 0, 1))
    return torch.from_numpy(weights[:, None].astype(np.float32))


def region_weights(landmarks: np.ndarray, camera: Camera, more: float) -> Tensor:
    """How much each pixel counts `[H, W, 1]`: mouth and eyes `more`, from landmarks `[68, 3]` (m)."""
    local = landmarks @ camera.viewmat[:3, :3].T + camera.viewmat[:3, 3]
    pixels = local @ camera.K.T
    pixels = pixels[:, :2] / pixels[:, 2:]
    y, x = np.mgrid[: camera.height, : camera.width].astype(np.float32) + 0.5
    weights = np.ones((camera.height, camera.width), np.float32)
    margin = 0.007 * camera.K[0, 0] / local[:, 2].mean() if len(local) else 0.0
    for region in _regions(landmarks):
        low, high = pixels[region].min(axis=0) - margin, pixels[region].max(axis=0) + margin
        center, radius = 0.5 * (low + high), np.maximum(0.5 * (high - low), 1.0)
        inside = ((x - center[0]) / radius[0]) ** 2 + ((y - center[1]) / radius[1]) ** 2
        weights = np.maximum(weights, 1 + (more - 1) * np.clip(3 - 2 * inside, 0, 1))
    return torch.from_numpy(weights[..., None])


def _regions(landmarks: np.ndarray) -> tuple[slice, ...]:
    """Rows of lips and lids; none in a capture whose topology has no landmarks."""
    return (MOUTH, *EYES) if len(landmarks) else ()
