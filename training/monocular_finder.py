"""Trains the network that finds faces in whole pictures.

    python -m gaussian_heads.training.monocular_finder --heads build/monocular/heads \\
        --work build/monocular/finder --out assets/monocular/finder.onnx --minutes 12

Scenes are made up as training goes on: nobody, one or several of the heads of `monocular_renders --mode head`
before backgrounds, through the encoder's cameras and codecs. The loss is the focal loss of Zhou et al. (2019,
"Objects as Points") over cells, and L1 of each face's place and size. Ctrl-C stops it, the same command goes on.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from ..core.monocular.finder import CELL_PX, PORTS, UNIT_PX
from .monocular_scenes import SCENE_PX, HeadPictures, SceneCamera, draw_body, place, put
from .monocular_small import Recipe, export_small, run
from .networks.face_finder import FaceFinderNetwork

# Chances of nobody, one, two and three faces.
COUNTS = (0.22, 0.5, 0.17, 0.11)
SIDES_PX = (9.0, 135.0)
# The middle of a face is a Gaussian of this part of its side, half a cell at least.
SPREAD, LEAST_SPREAD = 0.09, 0.6
# A face of which less is seen, or whose middle is hidden, counts neither as one nor as none.
LEAST_SEEN = 0.6
BOX_WEIGHT = 0.3


@dataclass(frozen=True)
class Scene:
    """A picture `[S, S, 3]` uint8, faces `[F, 3]` (centre, side) and those that are half hidden."""

    pixels: np.ndarray
    faces: np.ndarray
    hidden: np.ndarray


def draw_scene(heads: HeadPictures, camera: SceneCamera) -> Scene:
    """One made-up picture; nearer heads stand before smaller ones."""
    rng, size = camera.rng, SCENE_PX
    canvas = camera.background()
    count = int(rng.choice(len(COUNTS), p=COUNTS))
    sides = np.sort(np.exp(rng.uniform(*np.log(SIDES_PX), count)) / (1 + 0.35 * max(count - 1, 0)))
    faces, covers = [], []
    for side in sides:
        center = rng.uniform(0.08, 0.92, 2) * size
        head = heads.draw(rng)
        for _ in range(4):
            if head.is_whole or side > 0.5 * size:
                break
            head = heads.draw(rng)
        if rng.random() < 0.5:
            canvas = put(canvas, draw_body(rng, camera.backdrop(), tuple(center), float(side)))
        rgba = place(head, size, (float(center[0]), float(center[1])), float(side))
        canvas = put(canvas, rgba)
        covers = [np.maximum(cover, rgba[..., 3]) for cover in covers] + [np.zeros((size, size))]
        faces.append((*center, side))
    seen = [_seen(face, cover) for face, cover in zip(faces, covers, strict=True)]
    faces = np.array(faces, np.float32).reshape(-1, 3)
    is_seen = np.array(seen, bool)
    return Scene(camera.filmed(canvas), faces[is_seen], faces[~is_seen])


def _seen(face: tuple, cover: np.ndarray) -> bool:
    """Whether enough of a face is inside the picture and not behind others."""
    x, y, side = face
    rows = slice(max(int(y - side / 2), 0), max(int(y + side / 2) + 1, 1))
    columns = slice(max(int(x - side / 2), 0), max(int(x + side / 2) + 1, 1))
    free = (cover[rows, columns] < 128).sum()
    return bool(free >= LEAST_SEEN * side * side * 0.95)


def targets(scene: Scene) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Heat `[h, w]` (1 at middles), box `[h, w, 3]`, and how far cells count, `[h, w]`."""
    cells = SCENE_PX // CELL_PX
    y, x = np.mgrid[:cells, :cells] + 0.5
    heat, counts = np.zeros((cells, cells), np.float32), np.ones((cells, cells), np.float32)
    box = np.zeros((cells, cells, 3), np.float32)
    for cx, cy, side in scene.hidden / CELL_PX:
        counts[_near(x - cx, y - cy, side) > 0.3] = 0.0
    for cx, cy, side in scene.faces / CELL_PX:
        near = _near(x - cx, y - cy, side)
        counts[near > 0.3] = 1.0
        row, column = min(int(cy), cells - 1), min(int(cx), cells - 1)
        near[row, column] = 1.0
        place_of = near > heat
        value = np.stack([cx - x, cy - y, np.full_like(x, np.log(side * CELL_PX / UNIT_PX))], 2)
        box[place_of] = value[place_of]
        heat = np.maximum(heat, near).astype(np.float32)
    return heat, box, counts


def _near(dx: np.ndarray, dy: np.ndarray, side: float) -> np.ndarray:
    """How much cells so far away from a face's middle belong to it, 1 at the middle."""
    return np.exp(-0.5 * (dx**2 + dy**2) / max(SPREAD * side, LEAST_SPREAD) ** 2)


def draw_batch(heads: HeadPictures, camera: SceneCamera, count: int) -> tuple[Tensor, ...]:
    """Pictures, heat, boxes and weights of new scenes."""
    scenes = [draw_scene(heads, camera) for _ in range(count)]
    wanted = [targets(scene) for scene in scenes]
    columns = [[scene.pixels for scene in scenes], *zip(*wanted, strict=True)]
    return tuple(torch.from_numpy(np.stack(column)) for column in columns)


def loss_of(network: FaceFinderNetwork, batch: tuple[Tensor, ...]) -> Tensor:
    """Focal loss of the heat, and of the boxes where faces are."""
    pictures, heat, box, counts = batch
    found, found_box = network(pictures)
    is_middle = heat >= 1.0
    chance = torch.sigmoid(found)
    sure = functional.logsigmoid(found) * (1 - chance) ** 2
    unsure = functional.logsigmoid(-found) * chance**2 * (1 - heat) ** 4
    number = is_middle.sum().clamp(min=1)
    focal = -(torch.where(is_middle, sure, unsure) * counts).sum() / number
    near = torch.where(heat > 0.4, heat, 0.0)
    missed = (found_box - box).abs().sum(-1)
    return focal + BOX_WEIGHT * (near * missed).sum() / near.sum().clamp(min=1)


def export(network: FaceFinderNetwork, out: Path) -> int:
    """Write the ONNX file; returns its bytes."""
    names = {"pictures": {0: "batch", 1: "height", 2: "width"}}
    names |= {
        "heat": {0: "batch", 1: "rows", 2: "columns"},
        "box": {0: "batch", 1: "rows", 2: "columns"},
    }
    return export_small(network, PORTS, out, size_px=SCENE_PX, axes=names)


RECIPE = Recipe(FaceFinderNetwork, draw_batch, loss_of, export)


def main(arguments: list[str] | None = None) -> int:
    """Command line; returns the exit code."""
    return run(RECIPE, __doc__, arguments)


if __name__ == "__main__":
    raise SystemExit(main())
