"""The linear model of who people are, from the studio's persons for training.

    python -m gaussian_heads.training.capture.identity_model --prior assets/prior --data build/capture

Shape: principal components of the meshes of seeds that are for training, which are built, not pictured. Colour: those
of the captured training persons' lit neutral textures. The captured validation persons only measure.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import logging
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ...core.errors import GaussianHeadsError
from ...core.files import replace_on_success
from ..dataset import open_capture
from ..dataset.layout import TRAIN, VALIDATE, CaptureError, Topology
from ..dataset.reader import Subject
from ..networks.prior import UniversalParts
from ..prior_file import load_prior, read_record
from ..prior_identity import (
    IDENTITY_FILE,
    NUM_POINTS,
    IdentityModel,
    load_identity,
    save_identity,
    spreading,
)
from ..prior_person import shrunk
from .ict import IctModel, load_model
from .identity import person
from .mesh import build_mesh
from .sources import find_sources

LOG = logging.getLogger(__name__)
# Control vertices lie this many times closer than elsewhere.
CLOSENESS = {"face": 1.0, "back_head": 0.5, "garment": 0.3}
INSIDE_CLOSENESS, FEATURE_CLOSENESS, FEATURE_M = 0.6, 1.7, 0.012
# Points of the face that are features: brows, nose, eyes and lips.
FEATURES = slice(17, 68)
LAST_TRAIN_SEED = 999
COLOR_PX, MEAN_PX = 96, 256


@dataclass(frozen=True)
class Sizes:
    """How large the model is."""

    persons: int = 400
    modes: int = 60
    controls: int = 2400
    colors: int = 12


def build_shapes(model: IctModel, count: int) -> np.ndarray:
    """Vertices, eyeballs and pivot `[P, V + 3, 3]` (m) of the persons of seeds 0 to `count` - 1."""
    shapes = []
    for seed in range(count):
        mesh = build_mesh(model, person(seed))
        shapes.append(np.concatenate([mesh.vertices, mesh.eye_centers, mesh.neck_pivot[None]]))
        if seed % 50 == 49:
            LOG.info("%d of %d persons are built", seed + 1, count)
    return np.stack(shapes)


def components(samples: np.ndarray, count: int) -> tuple[np.ndarray, np.ndarray]:
    """Mean `[N]` and principal components `[count, N]` of `samples` `[P, N]`, per standard deviation."""
    mean = samples.mean(axis=0)
    centered = samples - mean
    values, vectors = np.linalg.eigh(centered @ centered.T)
    chosen = vectors[:, ::-1][:, :count]
    scale = np.sqrt(np.maximum(values[::-1][:count], 1e-20) * (len(samples) - 1))
    # Rows X^T u sqrt(lambda) / sqrt(lambda) / sqrt(P - 1): one standard deviation each.
    rows = chosen.T @ centered
    norm = np.sqrt(np.maximum(values[::-1][:count], 1e-20))
    return mean, rows * (norm / scale)[:, None]


def choose_controls(vertices: np.ndarray, topology: Topology, count: int) -> np.ndarray:
    """Vertices `[count]` spread over the mesh, closer where people look; all landmarks are among them."""
    closeness = np.full(len(vertices), INSIDE_CLOSENESS)
    for name, value in CLOSENESS.items():
        closeness[np.unique(topology.triangles[topology.faces_of(name)])] = value
    marks = vertices[topology.landmarks68[FEATURES]]
    near = np.linalg.norm(vertices[:, None] - marks, axis=2).min(axis=1) < FEATURE_M
    closeness[near & (closeness == CLOSENESS["face"])] = FEATURE_CLOSENESS
    chosen = list(np.unique(topology.landmarks68))
    gap = np.full(len(vertices), np.inf)
    for index in chosen:
        gap = np.minimum(gap, np.linalg.norm(vertices - vertices[index], axis=1))
    while len(chosen) < count:
        chosen.append(int((gap * closeness).argmax()))
        gap = np.minimum(gap, np.linalg.norm(vertices - vertices[chosen[-1]], axis=1))
    return np.sort(np.array(chosen))


def model_shape(
    parts: UniversalParts, shapes: np.ndarray, sizes: Sizes
) -> tuple[np.ndarray, np.ndarray]:
    """Control vertices `[N]` and rows `[1 + K, N + 3, 3]`, as `save_identity` takes them."""
    start = np.concatenate([parts.mean_vertices, np.zeros((NUM_POINTS, 3))])
    offsets = (shapes - start).reshape(len(shapes), -1).astype(np.float64)
    mean, modes = components(offsets, sizes.modes)
    rows = np.concatenate([mean[None], modes]).reshape(1 + sizes.modes, -1, 3)
    control = choose_controls(parts.mean_vertices, parts.topology, sizes.controls)
    points = len(parts.mean_vertices) + np.arange(NUM_POINTS)
    fitted = at_controls(parts, control, rows[:, : len(parts.mean_vertices)])
    return control, np.concatenate([fitted, rows[:, points]], axis=1)


def at_controls(parts: UniversalParts, control: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """Values `[R, N, 3]` at the controls which, spread, come nearest to `rows` `[R, V, 3]`."""
    spread = spreading(parts.mean_vertices, parts.topology, control)
    wanted = rows.transpose(1, 0, 2).reshape(len(parts.mean_vertices), -1)
    values = wanted[control]
    # A few steps of conjugate gradients on the normal equations, from the plain samples.
    residual = spread.T @ (wanted - spread @ values)
    direction, size = residual, (residual**2).sum()
    for _ in range(12):
        image = spread @ direction
        step = size / max((image**2).sum(), 1e-30)
        values, residual = values + step * direction, residual - step * (spread.T @ image)
        before, size = size, (residual**2).sum()
        direction = residual + size / max(before, 1e-30) * direction
    return values.reshape(len(control), len(rows), 3).transpose(1, 0, 2)


def model_colors(
    subjects: list[Subject], topology: Topology, count: int
) -> tuple[np.ndarray, np.ndarray]:
    """Mean `[256, 256, 3]` and components `[count, 96, 96, 3]` of lit neutral textures; clothes have none."""
    textures = [subject.neutral_texture() for subject in subjects]
    mean = np.mean([resampled(texture, MEAN_PX) for texture in textures], axis=0)
    small = np.stack([resampled(texture, COLOR_PX) for texture in textures])
    flat = small * ~garment_box(topology, COLOR_PX)[..., None]
    _, modes = components(flat.reshape(len(flat), -1), count)
    return mean, modes.reshape(count, COLOR_PX, COLOR_PX, 3)


def garment_box(topology: Topology, side_px: int) -> np.ndarray:
    """Mask `[R, R]` of the clothes' tile."""
    uv = topology.uvs[topology.faces_of("garment")].reshape(-1, 2)
    middle = (np.arange(side_px) + 0.5) / side_px
    column = (middle >= uv[:, 0].min()) & (middle <= uv[:, 0].max())
    row = (1 - middle >= uv[:, 1].min()) & (1 - middle <= uv[:, 1].max())
    return row[:, None] & column


def resampled(texture: np.ndarray, side_px: int) -> np.ndarray:
    """A square texture at another side, averaged over whole texels where the sides allow it."""
    size = len(texture)
    if size % side_px == 0:
        return shrunk(texture, side_px)
    # Averages over boxes that share their border texels.
    edges = np.arange(side_px + 1) * size / side_px
    share = np.clip(
        np.minimum(edges[1:, None], np.arange(size) + 1)
        - np.maximum(edges[:-1, None], np.arange(size)),
        0,
        1,
    )
    share /= share.sum(axis=1, keepdims=True)
    return np.einsum("ri,ijc,sj->rsc", share, texture, share, optimize=True)


def measure(model: IdentityModel, subjects: list[Subject]) -> dict[str, Any]:
    """Errors of persons that the model was not made of: mm of skin vertices, and levels of 255 of the texture."""
    rows = []
    for subject in subjects:
        vertices = subject.neutral_vertices
        error_mm = 1e3 * np.linalg.norm(
            model.points(model.coefficients(vertices))[: len(vertices)] - vertices, axis=1
        )
        mean_mm = 1e3 * np.linalg.norm(model.mean[: len(vertices)] - vertices, axis=1)
        skin = np.unique(subject.topology.triangles[subject.topology.faces_of("face")])
        side = model.color_modes.shape[1]
        outside = ~garment_box(subject.topology, side)
        system = (model.color_modes * outside[..., None]).reshape(len(model.color_modes), -1).T
        wanted = (
            resampled(subject.neutral_texture(), side) - resampled(model.color_mean, side)
        ) * outside[..., None]
        weights = np.linalg.lstsq(system, wanted.ravel(), rcond=None)[0]
        left = (wanted.ravel() - system @ weights).reshape(side, side, 3)[outside]
        rows.append(
            (
                error_mm[skin].mean(),
                np.percentile(error_mm[skin], 95),
                mean_mm[skin].mean(),
                255 * np.sqrt((left**2).mean()),
                255 * np.sqrt((wanted[outside] ** 2).mean()),
            )
        )
    names = ("skin_mm", "skin_p95_mm", "skin_of_mean_mm", "texture_rms", "texture_rms_of_mean")
    return {name: round(float(v), 4) for name, v in zip(names, np.mean(rows, axis=0), strict=True)}


def main(arguments: list[str] | None = None) -> int:
    """Command line; returns the exit code."""
    options = _parse(arguments)
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    sizes = Sizes(options.persons, options.modes, options.controls, options.colors)
    try:
        record = make(options, sizes)
    except GaussianHeadsError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    sys.stdout.write(json.dumps(record, indent=1) + "\n")
    return 0


def make(options: argparse.Namespace, sizes: Sizes) -> dict[str, Any]:
    """Build, write and measure the model; returns its record."""
    if not sizes.modes < sizes.persons <= LAST_TRAIN_SEED + 1:
        raise CaptureError(
            f"Seeds 0 to {LAST_TRAIN_SEED} are for training, and there must be more persons than modes: "
            "choose --persons within that."
        )
    prior, capture = load_prior(options.prior), open_capture(options.data)
    shapes = build_shapes(load_model(find_sources(options.sources)), sizes.persons)
    if shapes.shape[1] != len(prior.parts.mean_vertices) + NUM_POINTS:
        raise CaptureError("The studio's mesh is not the prior's: train the prior again.")
    control, rows = model_shape(prior.parts, shapes, sizes)
    color_mean, color_modes = model_colors(
        capture.subjects(TRAIN), prior.parts.topology, sizes.colors
    )
    path = options.prior / IDENTITY_FILE
    save_identity(path, control, rows, color_mean, color_modes)
    model = load_identity(options.prior, prior.parts)
    record = {
        "made_by": "python -m gaussian_heads.training.capture.identity_model",
        "code_space": read_record(options.prior)["code_space"],
        "seeds": [0, sizes.persons - 1],
        **vars(sizes),
        "sha256": hashlib.sha256(path.read_bytes()).hexdigest(),
        "bytes": path.stat().st_size,
        "stored_mm": stored_error_mm(model, shapes),
        "unseen_persons": measure(model, capture.subjects(VALIDATE)),
    }
    with replace_on_success(path.with_suffix(".json")) as temporary:
        temporary.write_text(json.dumps(record, indent=1) + "\n", "utf8")
    return record


def stored_error_mm(model: IdentityModel, shapes: np.ndarray) -> float:
    """Mean distance (mm) that few controls and whole numbers cost the mean head's vertices."""
    exact = shapes.mean(axis=0)
    return round(float(1e3 * np.linalg.norm(model.mean - exact, axis=1).mean()), 4)


def _parse(arguments: list[str] | None) -> argparse.Namespace:
    sizes = Sizes()
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--prior", type=Path, required=True, help="folder of the trained prior")
    parser.add_argument("--data", type=Path, required=True, help="capture with lit textures")
    parser.add_argument("--sources", help="data folder, else GAUSSIAN_HEADS_DATA")
    for name, value in vars(sizes).items():
        parser.add_argument(f"--{name}", type=int, default=value)
    return parser.parse_args(arguments)


if __name__ == "__main__":
    raise SystemExit(main())
