"""Clips of random persons who speak, for the portrait network: a still camera, one light, and what landmarks are true.

    python -m gaussian_heads.training.capture.portrait_clips --prior assets/prior --data build/capture \\
        --persons build/monocular/persons --out build/portrait/clips --clips 1500

Each clip is one file: RGBA `[F, 256, 256, 4]` (straight alpha), frames one after the other and then pictures of
reference. Files come one by one: training may read while this goes on.
"""

from __future__ import annotations

import argparse
import contextlib
import logging
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from ...core.avatar.pose import pose_points
from ...core.camera import Camera
from ...core.files import replace_on_success
from ...core.landmarks import seen_points
from ...core.locks import InUseError, held
from ...core.portrait.window import PORTRAIT_PX, portrait_window
from ..commands import run_command
from ..monocular_labels import seen_labels
from ..monocular_light import Look, draw_look
from ..monocular_persons import RenderPerson, load_person
from ..monocular_renders import (
    FaceRenderer,
    PosedFace,
    Shot,
    camera_of,
    open_renderer,
    seeing,
)
from ..portrait.pool import FRAMES
from ..prior_controls import load_controls
from ..prior_settings import TrainingError
from ..speech_recordings import data_folder
from .portrait_performances import Performances, Performed

logger = logging.getLogger(__name__)
REFERENCES = 4
SEED = 17
# How far the window misses, and what a photo's camera does; people sit for portraits rather frontally.
SCALE, SHIFT = 0.1, 0.04
YAW_DEG, PITCH_DEG, ROLL_DEG = 13.0, 6.0, 4.0
NEAREST_M, FARTHEST_M = 0.4, 2.5


@dataclass(frozen=True)
class Clip:
    """Pictures and what is true of them; points are in [0, 1] of the picture."""

    rgba: np.ndarray  # [F, S, S, 4] uint8
    points: np.ndarray  # [F, 70, 2]
    rest_points: np.ndarray  # [F, 70, 2] with the same head pose and a mouth at rest
    weights: np.ndarray  # [F, 52]
    times_sec: np.ndarray  # [F]
    recording: str
    person: str


class ClipMaker:
    """Films persons of one prior."""

    def __init__(
        self, renderer: FaceRenderer, arkit52: np.ndarray, size_px: int = PORTRAIT_PX
    ) -> None:
        self.renderer, self.arkit52, self.size_px = renderer, arkit52, size_px

    def film(self, person: RenderPerson, performed: Performed, rng: np.random.Generator) -> Clip:
        """One clip of what is performed, under one light and by one camera."""
        shot, look = draw_portrait_shot(rng), draw_look(rng)
        camera = self._camera(person, performed, camera_of(shot, person.neck_pivot), rng)
        still = self._face(person, np.zeros(len(self.arkit52)))
        taken = [
            self._shoot(person, (self._face(person, weights), still), pose, camera, look)
            for weights, pose in zip(performed.weights, performed.head_pose, strict=True)
        ]
        rgba, points, rest = (np.stack(column) for column in zip(*taken, strict=True))
        return Clip(
            rgba,
            points,
            rest,
            performed.weights,
            performed.times_sec,
            performed.recording,
            person.name,
        )

    def _camera(
        self,
        person: RenderPerson,
        performed: Performed,
        viewmat: np.ndarray,
        rng: np.random.Generator,
    ) -> Camera:
        """It stands still and is set up for one of the pictures, as a photo's would be."""
        row = int(rng.integers(len(performed.weights)))
        landmarks = self._face(person, performed.weights[row]).landmarks
        seen = seen_labels(viewmat, performed.head_pose[row], person.neck_pivot, landmarks)
        window = portrait_window(seen.landmarks)
        x, y = np.array(window.center_px) + window.side_px * SHIFT * np.clip(
            rng.normal(size=2), -2, 2
        )
        window = type(window)((float(x), float(y)), window.side_px)
        return seeing(
            window.scaled(float(np.exp(SCALE * np.clip(rng.normal(), -2, 2)))),
            viewmat,
            self.size_px,
        )

    def _face(self, person: RenderPerson, weights: np.ndarray) -> PosedFace:
        return self.renderer.pose(person, (weights @ self.arkit52).astype(np.float32))

    def _shoot(
        self,
        person: RenderPerson,
        faces: tuple[PosedFace, PosedFace],
        head_pose: np.ndarray,
        camera: Camera,
        look: Look,
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """A picture of the first face; its points, and those with the landmarks of the second, which is at rest."""
        face, still = faces
        picture = self.renderer.lit(person, face, head_pose, camera, look)
        means, pivot = face.gaussians.means, person.neck_pivot.astype(np.float32)
        irises = [means[rows].mean(0) for rows in self.renderer.irises[::-1]]

        def seen(landmarks: np.ndarray) -> np.ndarray:
            points = np.concatenate([landmarks, irises]).astype(np.float32)
            posed = pose_points(points, head_pose, pivot).astype(np.float64)
            return seen_points(posed, camera)[0] / np.float32(self.size_px)

        return picture, seen(face.landmarks), seen(still.landmarks)


def draw_portrait_shot(rng: np.random.Generator) -> Shot:
    """Where the camera stands."""

    def angle(usual_deg: float) -> float:
        return float(np.radians(usual_deg * np.clip(rng.normal(), -2.5, 2.5)))

    return Shot(
        yaw_rad=angle(YAW_DEG),
        pitch_rad=angle(PITCH_DEG),
        roll_rad=angle(ROLL_DEG),
        distance_m=float(np.exp(rng.uniform(np.log(NEAREST_M), np.log(FARTHEST_M)))),
        aside_rad=np.clip(rng.normal(0.0, np.radians(3.0), 2), -0.2, 0.2),
        head_pose=np.zeros(6),
    )


def save_clip(path: Path, clip: Clip) -> None:
    """Write the truth as `<name>.npz`, then the pixels as `<name>.npy`: readers look for the second."""
    with replace_on_success(path.with_suffix(".npz")) as temporary:
        truth = {name: value for name, value in vars(clip).items() if name != "rgba"}
        np.savez(temporary, **truth)
    with replace_on_success(path.with_suffix(".npy")) as temporary:
        np.save(temporary, clip.rgba)


def make_clips(
    maker: ClipMaker,
    performances: Performances,
    persons: Path,
    out: Path,
    numbers: range,
    seed: int,
) -> None:
    """Film the clips of these numbers that are not there yet."""
    out.mkdir(parents=True, exist_ok=True)
    for number in numbers:
        path = out / f"clip-{number:05d}.npy"
        # What another process is at work on, it makes; a lock ends with its process, however that ends.
        with contextlib.suppress(InUseError), held(path.with_suffix(".lock")):
            if path.is_file():
                continue
            rng = np.random.default_rng([seed, number])
            names = sorted(persons.glob("*.pt"))
            if not names:
                raise TrainingError(f"There is nobody in '{persons}': run monocular_persons first.")
            person = load_person(names[rng.integers(len(names))])
            save_clip(path, maker.film(person, performances.draw(rng, FRAMES, REFERENCES), rng))
            if number % 50 == 0:
                logger.info("%s", path.name)


def main(arguments: list[str] | None = None) -> int:
    """Command line; returns the exit code."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--prior", type=Path, required=True, help="folder of the trained prior")
    parser.add_argument("--data", type=Path, required=True, help="capture with the persons' frames")
    parser.add_argument("--persons", type=Path, required=True, help="what monocular_persons made")
    parser.add_argument("--out", type=Path, required=True, help="folder for the clips")
    parser.add_argument("--recordings", type=Path, help="data folder, else GAUSSIAN_HEADS_DATA")
    parser.add_argument("--clips", type=int, default=1500)
    parser.add_argument("--first", type=int, default=0, help="number of the first clip")
    parser.add_argument("--test", action="store_true", help="speech that is not trained on")
    parser.add_argument("--seed", type=int, default=SEED)
    options = parser.parse_args(arguments)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    torch.set_num_threads(1)

    def draw() -> None:
        renderer = open_renderer(options.prior, options.data, options.persons.parent)
        maker = ClipMaker(renderer, load_controls(options.prior).arkit52)
        heard = options.out.parent / "heard"
        heard.mkdir(parents=True, exist_ok=True)
        spoken = Performances(data_folder(options.recordings), heard, is_test=options.test)
        numbers = range(options.first, options.first + options.clips)
        make_clips(maker, spoken, options.persons, options.out, numbers, options.seed)

    return run_command(draw)


if __name__ == "__main__":
    raise SystemExit(main())
