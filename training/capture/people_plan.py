"""Who of a capture is photographed when and from where: cameras, baked frames and pictures per person.

Persons differ in frames and cameras, so that all together meet every kind of frame from every side; any
beginning of the work is well spread.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from ...core.camera import Camera
from ..dataset import layout, stored
from ..dataset.layout import HELD_OUT, NEUTRAL_FRAME, TRAIN, Frame
from .cameras import EYES_M, FACE_M, MOUTH_M, ReferenceQuality, View, camera_around
from .sources import Sources

FIRST_TRAIN_SEED, FIRST_VALIDATE_SEED, FIRST_RESERVED_SEED = 0, 1000, 9000
TRAIN_VIEWS = (
    View(0.0, -2.0), View(-45.0, -4.0), View(32.0, 1.0), View(-14.0, 12.0), View(75.0, 5.0),
    View(7.0, -4.0, 3.3, MOUTH_M), View(-60.0, 14.0), View(20.0, -10.0), View(-9.0, 2.0, 2.1, FACE_M),
    View(52.0, -12.0), View(-34.0, 28.0), View(23.0, 24.0), View(-75.0, 0.0),
    View(29.0, 3.0, 2.1, FACE_M), View(-19.0, -15.0), View(62.0, 23.0), View(-26.0, 6.0, 3.1, MOUTH_M),
    View(2.0, 39.0), View(3.0, 16.0, 2.9, EYES_M), View(-3.0, -20.0),
)  # fmt: skip
HELD_OUT_VIEWS = (View(11.0, 7.0), View(-27.0, -5.0), View(43.0, 11.0), View(-62.0, -1.0))
# Without common factor with the number of training cameras.
CAMERA_STRIDE = 7
# The mouth changes the picture most: kinds of frames that move it come first.
KIND_ORDER = ("speech", "range", "combination", "emotion", "captured", "gaze")


@dataclass(frozen=True)
class Quality:
    """Sizes and samples of a capture."""

    picture_px: int = 384
    picture_samples: int = 12
    evaluation_px: int = 512
    evaluation_samples: int = 20
    neutral_samples: int = 16
    frame_samples: int = 6
    neutral_texture_px: int = 1024
    frame_texture_px: int = 512
    light_px: int = 256


QUALITIES = {
    "final": Quality(),
    "draft": replace(
        Quality(),
        picture_px=192,
        picture_samples=6,
        evaluation_px=256,
        evaluation_samples=8,
        neutral_samples=8,
        frame_samples=4,
    ),
}


@dataclass(frozen=True)
class Amounts:
    """How much is made of each person."""

    frames: int = 40
    baked: int = 6
    pictures: int = 3
    evaluation: int = 4  # pictures of held-out frames from held-out cameras
    seen: int = 4  # training persons who are evaluated too


@dataclass(frozen=True)
class Shot:
    """One picture to take."""

    frame: str
    camera: str
    camera_split: str
    samples: int


@dataclass(frozen=True)
class Person:
    """One person of the capture and its place in its group."""

    seed: int
    split: str
    index: int

    @property
    def name(self) -> str:
        """Name of the person's folder."""
        return f"s{self.seed:04d}"


@dataclass(frozen=True)
class Plan:
    """What is made of one person beside the neutral scan."""

    baked: tuple[str, ...]
    shots: tuple[Shot, ...]


@dataclass(frozen=True)
class Settings:
    """What all persons of a capture share."""

    root: Path
    sources: Sources
    rig: str
    quality: Quality
    amounts: Amounts
    threads: int  # for Cycles, 0 for all processors


def make_cameras(quality: Quality) -> dict[str, dict[str, Camera]]:
    """Calibrated cameras by name, those for training and those held out."""
    return {
        TRAIN: _cameras("cam", TRAIN_VIEWS, quality.picture_px),
        HELD_OUT: _cameras("held", HELD_OUT_VIEWS, quality.evaluation_px),
    }


def _cameras(prefix: str, views: tuple[View, ...], side_px: int) -> dict[str, Camera]:
    size = ReferenceQuality(size_px=side_px)
    return {
        f"{prefix}{index:02d}": Camera(
            *camera_around(view.turn_deg, size, view.rise_deg, view.zoom, view.target_m),
            side_px,
            side_px,
        )
        for index, view in enumerate(views)
    }


def make_persons(num_train: int, num_validate: int, first_seed: int) -> list[Person]:
    """All persons, those for validation spread evenly among the others."""
    train = [Person(FIRST_TRAIN_SEED + first_seed + i, TRAIN, i) for i in range(num_train)]
    first = FIRST_VALIDATE_SEED + first_seed
    validate = [Person(first + i, "validate", i) for i in range(num_validate)]
    counts = {TRAIN: num_train, "validate": num_validate}
    return sorted(train + validate, key=lambda p: ((p.index + 0.5) / counts[p.split], p.seed))


def plan_person(
    person: Person, frames: tuple[Frame, ...], amounts: Amounts, quality: Quality
) -> Plan:
    """Frames to bake and pictures to take of one person."""
    order = _spread(
        person.seed, [f for f in frames if f.split == TRAIN and f.name != NEUTRAL_FRAME]
    )
    is_trained_on = person.split == TRAIN
    baked = order[: amounts.baked] if is_trained_on else []
    shots: list[Shot] = []
    if is_trained_on:
        # Pictures show what was not baked: those frames can be drawn from any side already.
        seen = [NEUTRAL_FRAME, *order[amounts.baked :], *baked][: amounts.pictures]
        start = person.seed * amounts.pictures
        cameras = list(_cameras("cam", TRAIN_VIEWS, 8))
        shots = [
            Shot(
                frame,
                cameras[(start + i) * CAMERA_STRIDE % len(cameras)],
                TRAIN,
                quality.picture_samples,
            )
            for i, frame in enumerate(seen)
        ]
    if not is_trained_on or person.index < amounts.seen:
        shots += _evaluation(person, frames, amounts, quality)
    return Plan(tuple(baked), tuple(shots))


def _evaluation(
    person: Person, frames: tuple[Frame, ...], amounts: Amounts, quality: Quality
) -> list[Shot]:
    unseen = _spread(person.seed, [frame for frame in frames if frame.split == HELD_OUT])
    cameras = list(_cameras("held", HELD_OUT_VIEWS, 8))
    return [
        Shot(
            frame, cameras[(person.index + i) % len(cameras)], HELD_OUT, quality.evaluation_samples
        )
        for i, frame in enumerate(unseen[: amounts.evaluation])
    ]


def _spread(seed: int, frames: list[Frame]) -> list[str]:
    """Names of frames in an order of which every beginning holds all kinds; persons begin differently."""
    rng = np.random.default_rng([seed, 4])
    kinds = [kind for kind in KIND_ORDER if any(frame.kind == kind for frame in frames)]
    kinds += sorted({frame.kind for frame in frames} - set(kinds))
    rows = []
    for place, kind in enumerate(kinds):
        names = [frame.name for frame in frames if frame.kind == kind]
        turn = (place + seed) % len(kinds)
        rows += [((round_, turn), names[i]) for round_, i in enumerate(rng.permutation(len(names)))]
    return [name for _, name in sorted(rows)]


def missing_work(root: Path, person: Person, amounts: Amounts, quality: Quality) -> int:
    """How many pieces the folder lacks of a person who has been tracked already; -1 if it was not."""
    path = layout.subject_folder(root, person.name) / "subject.json"
    if not path.is_file():
        return -1
    frames = tuple(Frame(**frame) for frame in stored.read_json(path)["frames"])
    plan = plan_person(person, frames, amounts, quality)
    paths = [layout.neutral_texture_path(root, person.name), path.parent / "neutral/strands.npz"]
    paths += [layout.texture_path(root, person.name, name) for name in plan.baked]
    paths += [layout.image_path(root, person.name, s.frame, s.camera) for s in plan.shots]
    return sum(not path.is_file() for path in paths)
