"""Pictures of random persons for the monocular encoder, with what it must read off them.

    python -m gaussian_heads.training.monocular_renders --prior assets/prior --data build/capture \\
        --persons build/monocular/persons --out build/monocular/faces --mode face --shards 80

Random persons, expressions, cameras and light; RGBA with straight alpha, so that training chooses the
background. "face" shows the face's window with a margin (crops can still be moved), "head" head and
shoulders from further away. Shards are numbered and come one by one: training may read while this goes on.
"""

from __future__ import annotations

import argparse
import logging
from dataclasses import dataclass, fields, replace
from pathlib import Path

import numpy as np
import torch

from ..core.avatar.pose import pose_gaussians, pose_points
from ..core.camera import Camera, look_at
from ..core.files import replace_on_success
from ..core.gaussians import Gaussians
from ..core.monocular.crops import CropWindow, window_of_landmarks
from ..core.render.cpu import render
from .commands import run_command
from .dataset import open_capture
from .dataset.layout import TRAIN
from .evaluate_metrics import LIPS_REACH_M
from .monocular_codes import CodeBank, bank_of_codes
from .monocular_labels import Labels, gaze_angles, mouth_mm, seen_labels
from .monocular_light import Groups, Look, draw_look, normals_of, relit
from .monocular_persons import RenderPerson, load_person
from .networks.prior import UniversalParts, UniversalPrior
from .prior_controls import load_controls
from .prior_file import load_prior
from .prior_settings import TrainingError

logger = logging.getLogger(__name__)
SHARD = 256
# Persons of one shard: reading one takes as long as a few pictures.
SHARD_PERSONS = 32
# Side of the picture over that of the face's window, and its pixels.
FACE_MARGIN, FACE_PX = 1.4, 224
HEAD_MARGINS, HEAD_PX = (1.6, 4.5), 192
SEED = 5
# What the camera looks at (m, avatar frame), and how far away it is.
TARGET_M = np.array([0.0, -0.045, 0.0])
NEAREST_M, FARTHEST_M = 0.28, 3.0
# How often the head is turned against the shoulders, and pictures of one expression: it is the dearest part.
TURNED_SHARE, SHOTS_PER_CODE = 0.5, 2


@dataclass(frozen=True)
class Shot:
    """Where the camera stands against the head, and how the head turns on its neck."""

    yaw_rad: float
    pitch_rad: float
    roll_rad: float
    distance_m: float
    aside_rad: np.ndarray  # [2] how far the face is off the camera's axis
    head_pose: np.ndarray  # [6]


@dataclass(frozen=True)
class PosedFace:
    """One expression of a person and what is true of it."""

    code: np.ndarray  # [D]
    gaussians: Gaussians
    landmarks: np.ndarray  # [68, 3] m
    gaze: np.ndarray  # [2, 2] rad
    mouth_mm: np.ndarray  # [4]


def draw_shot(rng: np.random.Generator) -> Shot:
    """Mostly frontal, now and then from anywhere in front."""
    is_wide = rng.random() < 0.3

    def angle(usual_deg: float, most_deg: float) -> float:
        drawn = rng.uniform(-most_deg, most_deg) if is_wide else rng.normal(0.0, usual_deg)
        return float(np.radians(np.clip(drawn, -most_deg, most_deg)))

    turn = rng.normal(0.0, 0.15, 3) * (1.0, 1.5, 0.7) * (rng.random() < TURNED_SHARE)
    return Shot(
        yaw_rad=angle(15.0, 62.0),
        pitch_rad=angle(9.0, 32.0),
        roll_rad=angle(6.0, 26.0),
        distance_m=float(np.exp(rng.uniform(np.log(NEAREST_M), np.log(FARTHEST_M)))),
        aside_rad=np.clip(rng.normal(0.0, np.radians(6.0), 2), -0.4, 0.4),
        head_pose=np.concatenate([turn, np.zeros(3)]),
    )


def camera_of(shot: Shot, neck_pivot: np.ndarray) -> np.ndarray:
    """World-to-camera matrix `[4, 4]`; the angles of a shot are against the turned head."""
    pitch, yaw = shot.pitch_rad, shot.yaw_rad
    towards = np.array([np.sin(yaw) * np.cos(pitch), np.sin(pitch), np.cos(yaw) * np.cos(pitch)])
    points = np.stack([TARGET_M, TARGET_M + shot.distance_m * towards, TARGET_M + [0, 1.0, 0]])
    target, eye, above = pose_points(
        points.astype(np.float32), shot.head_pose, neck_pivot.astype(np.float32)
    ).astype(np.float64)
    viewmat = look_at(eye, target, above - target)
    aside = _turn(1, shot.aside_rad[0]) @ _turn(0, shot.aside_rad[1]) @ _turn(2, shot.roll_rad)
    viewmat[:3] = aside @ viewmat[:3]
    return viewmat


def window_camera(
    shot: Shot, neck_pivot: np.ndarray, landmarks_m: np.ndarray, size_px: int
) -> Camera:
    """A camera whose picture is the face's window with its margin, for landmarks `[68, 3]` of a head at rest."""
    still = replace(shot, head_pose=np.zeros(6))
    viewmat = camera_of(still, neck_pivot)
    seen = seen_labels(viewmat, still.head_pose, neck_pivot, landmarks_m).landmarks
    return seeing(window_of_landmarks(seen).scaled(FACE_MARGIN), viewmat, size_px)


class FaceRenderer:
    """Draws persons of one prior; what all share is computed once."""

    def __init__(self, prior: UniversalPrior, codes: CodeBank) -> None:
        self.codes = codes
        self.groups = groups_of(prior.parts)
        topology, anchors = prior.parts.topology, prior.parts.anchors
        self.irises = [
            np.flatnonzero(topology.faces_of(f"iris_{side}")[anchors.triangle])
            for side in ("left", "right")
        ]

    def draw(
        self, person: RenderPerson, rng: np.random.Generator, mode: str = "face", shots: int = 1
    ) -> list[tuple[np.ndarray, Labels]]:
        """Pictures `[S, S, 4]` uint8 (straight alpha) of one expression, and labels; mode "face" or "head"."""
        face = self.pose(person, self.codes.draw(rng))
        return [self.shoot(person, face, draw_shot(rng), rng, mode) for _ in range(shots)]

    def pose(self, person: RenderPerson, code: np.ndarray) -> PosedFace:
        """One expression `[D]` of a person, decoded."""
        gaussians, landmarks, neutral = self._decoded(person, code)
        gaze = gaze_angles(gaussians.means, neutral, self.irises, person.eye_centers)
        return PosedFace(code, gaussians, landmarks, gaze, mouth_mm(landmarks, person.contact_mm))

    def shoot(
        self,
        person: RenderPerson,
        face: PosedFace,
        shot: Shot,
        rng: np.random.Generator,
        mode: str = "face",
    ) -> tuple[np.ndarray, Labels]:
        """One picture under a random light."""
        viewmat = camera_of(shot, person.neck_pivot)
        labels = seen_labels(viewmat, shot.head_pose, person.neck_pivot, face.landmarks)
        camera = _zoomed(labels.landmarks, viewmat, mode, rng)
        picture = self.lit(person, face, shot.head_pose, camera, draw_look(rng))
        return picture, labels.through(camera.K).filled(
            code=face.code,
            identity=person.identity,
            gaze=face.gaze,
            mouth_mm=face.mouth_mm,
        )

    def lit(
        self,
        person: RenderPerson,
        face: PosedFace,
        head_pose: np.ndarray,
        camera: Camera,
        look: Look,
    ) -> np.ndarray:
        """What a camera sees of one expression with the head turned by `head_pose [6]`, `[S, S, 4]` uint8."""
        pivot = person.neck_pivot.astype(np.float32)
        weights = np.asarray(person.head.neck_weights, np.float32)
        posed = pose_gaussians(face.gaussians, head_pose, pivot, weights)
        eye = -camera.viewmat[:3, :3].T @ camera.viewmat[:3, 3]
        colors = relit(
            posed.seen_from(eye).colors,
            normals_of(posed.quats, posed.means, person.num_surface),
            posed.means,
            eye,
            look=look,
            groups=self.groups,
            num_bound=person.num_bound,
        )
        lit = Gaussians(posed.means, posed.quats, posed.scales, posed.opacities, colors)
        drawn = render(lit, camera, num_threads=1)
        return straight_rgba(drawn.colors, drawn.alphas)

    def _decoded(
        self, person: RenderPerson, code: np.ndarray
    ) -> tuple[Gaussians, np.ndarray, np.ndarray]:
        """The head in one expression, its landmarks, and the means of the neutral's surface."""
        with torch.no_grad():
            arrays = [a.numpy() for a in person.head(torch.from_numpy(code))]
            still = np.zeros_like(code)
            if not hasattr(person.head, "neutral_means"):
                person.head.neutral_means = person.head(torch.from_numpy(still))[0].numpy()
        *shown, landmarks, sh = arrays
        return Gaussians(*shown, sh=sh), landmarks, person.head.neutral_means


def groups_of(parts: UniversalParts) -> Groups:
    """Skin, lips, irises and garment among the surface's Gaussians."""
    topology, anchors = parts.topology, parts.anchors
    places = parts.mean_vertices[topology.triangles[anchors.triangle]].mean(1)
    outline = parts.mean_vertices[topology.landmarks68[48:60]]
    is_face = topology.faces_of("face")[anchors.triangle]
    near = np.linalg.norm(places - outline.mean(0), axis=1) < 2 * LIPS_REACH_M
    lips = is_face & near & _inside(places[:, :2], outline[:, :2])
    skin = topology.faces_of("face", "back_head")[anchors.triangle]
    return Groups(
        skin=skin,
        lips=lips,
        irises=topology.faces_of("iris_left", "iris_right")[anchors.triangle],
        garment=topology.faces_of("garment")[anchors.triangle],
    )


def straight_rgba(colors: np.ndarray, alphas: np.ndarray) -> np.ndarray:
    """uint8 `[H, W, 4]` of premultiplied colours."""
    straight = colors / np.maximum(alphas, 1e-4)[..., None]
    rgba = np.concatenate([straight, alphas[..., None]], axis=2)
    return (np.clip(rgba, 0.0, 1.0) * 255 + 0.5).astype(np.uint8)


def _zoomed(
    landmarks: np.ndarray, viewmat: np.ndarray, mode: str, rng: np.random.Generator
) -> Camera:
    """A camera that sees the window of landmarks `[68, 2]` (tangents of angles)."""
    window = window_of_landmarks(landmarks)
    size = FACE_PX
    if mode == "face":
        window = window.scaled(FACE_MARGIN)
    else:
        size = HEAD_PX
        moved = rng.uniform(-0.25, 0.25, 2) * window.side_px
        margin = np.exp(rng.uniform(*np.log(HEAD_MARGINS)))
        center = (
            window.center_px[0] + margin * moved[0],
            window.center_px[1] + margin * (moved[1] + 0.08 * window.side_px),
        )
        window = CropWindow(center, margin * window.side_px)
    return seeing(window, viewmat, size)


def seeing(window: CropWindow, viewmat: np.ndarray, size: int) -> Camera:
    """The camera whose picture is a window of tangents of angles."""
    focal = size / window.side_px
    x, y = (size / 2 - focal * center for center in window.center_px)
    return Camera(viewmat, np.array([[focal, 0, x], [0, focal, y], [0, 0, 1.0]]), size, size)


def _inside(points: np.ndarray, outline: np.ndarray) -> np.ndarray:
    """Whether points `[N, 2]` lie in a polygon `[P, 2]`."""
    following = np.roll(outline, -1, axis=0)
    crossings = np.zeros(len(points), int)
    for (x0, y0), (x1, y1) in zip(outline, following, strict=True):
        spans = (points[:, 1] < y0) != (points[:, 1] < y1)
        x = x0 + (points[:, 1] - y0) * (x1 - x0) / (y1 - y0 if y1 != y0 else 1.0)
        crossings += spans & (points[:, 0] < x)
    return crossings % 2 == 1


def _turn(axis: int, angle_rad: float) -> np.ndarray:
    """Rotation matrix about one axis."""
    matrix = np.eye(3)
    a, b = [i for i in range(3) if i != axis]
    cos, sin = np.cos(angle_rad), np.sin(angle_rad)
    matrix[[a, a, b, b], [a, b, a, b]] = cos, -sin, sin, cos
    return matrix


def write_shard(folder: Path, name: str, pixels: np.ndarray, labels: list[Labels]) -> None:
    """Write `<name>.npz` with the labels, then `<name>.npy` with the pixels: readers look for the second."""
    arrays = {f.name: np.stack([getattr(one, f.name) for one in labels]) for f in fields(Labels)}
    with replace_on_success(folder / f"{name}.npz") as temporary:
        np.savez(temporary, **{k: v.astype(np.float32) for k, v in arrays.items()})
    with replace_on_success(folder / f"{name}.npy") as temporary:
        np.save(temporary, pixels)


def make_shards(
    renderer: FaceRenderer, persons: Path, out: Path, mode: str, numbers: range, seed: int
) -> None:
    """Draw the shards of these numbers that are not there yet."""
    out.mkdir(parents=True, exist_ok=True)
    for number in numbers:
        name = f"{mode}-{number:05d}"
        if (out / f"{name}.npy").is_file():
            continue
        rng = np.random.default_rng([seed, number, mode == "head"])
        paths = sorted(persons.glob("*.pt"))
        if not paths:
            raise TrainingError(f"There is nobody in '{persons}': run monocular_persons first.")
        pictures, labels = [], []
        for index in rng.integers(len(paths), size=SHARD_PERSONS):
            person = load_person(paths[index])
            for _ in range(SHARD // SHARD_PERSONS // SHOTS_PER_CODE):
                for picture, label in renderer.draw(person, rng, mode, SHOTS_PER_CODE):
                    pictures.append(picture)
                    labels.append(label)
        write_shard(out, name, np.stack(pictures), labels)
        logger.info("%s", name)


def open_renderer(prior_folder: Path, data: Path, work: Path) -> FaceRenderer:
    """A renderer for a prior; its codes are made once of `expressions.npz` and kept in the folder `work`."""
    prior, cache = load_prior(prior_folder), work / "codes.npz"
    if not cache.is_file():
        subjects = open_capture(data).subjects(TRAIN)
        controls = load_controls(prior_folder)
        bank = bank_of_codes(prior, controls, subjects, work / "expressions.npz", SEED)
        with replace_on_success(cache) as temporary:
            np.savez_compressed(temporary, codes=bank.codes, additions=bank.additions)
    with np.load(cache) as stored:
        return FaceRenderer(prior, CodeBank(stored["codes"], stored["additions"]))


def main(arguments: list[str] | None = None) -> int:
    """Command line; returns the exit code."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--prior", type=Path, required=True, help="folder of the trained prior")
    parser.add_argument("--data", type=Path, required=True, help="capture with the persons' frames")
    parser.add_argument("--persons", type=Path, required=True, help="what monocular_persons made")
    parser.add_argument("--out", type=Path, required=True, help="folder for the shards")
    parser.add_argument("--mode", choices=("face", "head"), default="face")
    parser.add_argument("--first", type=int, default=0, help="number of the first shard")
    parser.add_argument("--shards", type=int, default=80, help=f"shards of {SHARD} pictures")
    parser.add_argument("--seed", type=int, default=SEED)
    options = parser.parse_args(arguments)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    torch.set_num_threads(1)
    numbers = range(options.first, options.first + options.shards)

    def draw() -> None:
        renderer = open_renderer(options.prior, options.data, options.out.parent)
        make_shards(renderer, options.persons, options.out, options.mode, numbers, options.seed)

    return run_command(draw)


if __name__ == "__main__":
    raise SystemExit(main())
