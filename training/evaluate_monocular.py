"""Measure the monocular encoder on persons that nothing was trained on.

    python -m gaussian_heads.training.evaluate_monocular --prior assets/prior --data build/capture \\
        --encoder assets/monocular/encoder.onnx --out build/monocular/evaluation

Pictures: "traced" are the capture's path-traced evaluation pictures; "mesh" are drawn from the tracked mesh under
the neutral scan's texture; "prior" are drawn by the prior itself in random light, plainly and with the training's
randomization, which says most about single frames and least about reality. Writes `evaluation.json` and `sheet.png`.
"""

from __future__ import annotations

import argparse
import json
import logging
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from ..core.camera import Camera, intrinsics
from ..core.errors import GaussianHeadsError
from ..core.files import replace_on_success
from ..core.gaussians import Gaussians
from ..core.monocular.encoder import FaceReadings, MonocularEncoder
from ..core.render.cpu import render
from .code_targets import code_metric
from .dataset import open_capture
from .dataset.layout import VALIDATE, Topology
from .dataset.reader import Subject
from .dataset.targets import draw_target
from .monocular_augment import PLAIN, Augmenter, AugmentSettings, CropTruth
from .monocular_codes import CodeBank
from .monocular_labels import Labels, gaze_angles, mouth_mm, seen_labels
from .monocular_persons import RenderPerson, bake_person
from .monocular_renders import FaceRenderer, draw_shot, window_camera
from .networks.prior import UniversalPrior
from .package_parts import lip_contact_offset_mm
from .prior_bake import encode_subject
from .prior_file import load_prior
from .prior_person import NeutralScan

logger = logging.getLogger(__name__)
SEED, TILE_PX, SHEET_ROWS = 3, 160, 12
MESH_FRAMES, MESH_PX = 10, 256
# Eyes open less than this (mm) do not show where they look.
SEEN_MM = 2.0
MOUTH = ("lip_gap_mm", "mouth_width_mm", "left_lids_mm", "right_lids_mm")


@dataclass(frozen=True)
class Case:
    """One picture (straight alpha) with its truth and who it is of."""

    person: RenderPerson
    pixels: np.ndarray  # [H, W, 4] uint8
    labels: Labels


@dataclass(frozen=True)
class Read:
    """Crops of cases, their truth and what the encoder says."""

    cases: list[Case]
    crops: np.ndarray
    truths: list[CropTruth]
    found: FaceReadings


def mesh_labels(subject: Subject, vertices: np.ndarray, code: np.ndarray, camera: Camera) -> Labels:
    """Labels of a tracked mesh `[V, 3]` before a camera."""
    topology, neutral = subject.topology, subject.neutral_vertices
    landmarks = vertices[topology.landmarks68]
    contact = lip_contact_offset_mm(neutral[topology.landmarks68])
    seen = seen_labels(camera.viewmat, np.zeros(6), subject.neck_pivot, landmarks)
    return seen.through(camera.K).filled(
        code=code,
        identity=np.zeros(0),
        gaze=gaze_angles(vertices, neutral, iris_vertices(topology), subject.eye_centers),
        mouth_mm=mouth_mm(landmarks, contact),
    )


def iris_vertices(topology: Topology) -> list[np.ndarray]:
    """Vertices of the left and the right iris."""
    names = ("iris_left", "iris_right")
    return [np.unique(topology.triangles[topology.faces_of(name)]) for name in names]


def traced_cases(prior: UniversalPrior, subject: Subject, person: RenderPerson) -> list[Case]:
    """The path-traced pictures of a person."""
    cases = []
    for image in subject.images():
        pixels, camera = subject.picture(image)
        code = encode_subject(prior, subject, [image.frame])[0]
        vertices = subject.frame_vertices(image.frame)
        cases.append(Case(person, pixels, mesh_labels(subject, vertices, code, camera)))
    return cases


def mesh_cases(
    prior: UniversalPrior, subject: Subject, person: RenderPerson, rng: np.random.Generator
) -> list[Case]:
    """Some of a person's frames from random cameras, drawn from mesh and strands under the neutral's texture."""
    texture, strands = subject.neutral_texture(), subject.strands()
    triangles = subject.topology.triangles
    cases = []
    rows = np.linspace(0, len(subject.frames) - 1, MESH_FRAMES).astype(int)
    for name in [subject.frame_names[row] for row in rows]:
        vertices = subject.frame_vertices(name)
        code = encode_subject(prior, subject, [name])[0]
        landmarks = vertices[subject.topology.landmarks68]
        camera = window_camera(draw_shot(rng), subject.neck_pivot, landmarks, MESH_PX)
        before, after = subject.neutral_vertices[triangles], vertices[triangles]
        moved = {key: group.carried(before, after) for key, group in strands.items()}
        pixels = draw_target(vertices, subject.topology, texture, camera, moved)
        cases.append(Case(person, pixels, mesh_labels(subject, vertices, code, camera)))
    return cases


def prior_cases(
    renderer: FaceRenderer, codes: np.ndarray, person: RenderPerson, rng: np.random.Generator
) -> list[Case]:
    """All codes of a person drawn by the prior, each from one camera in one light."""
    cases = []
    for code in codes:
        face = renderer.pose(person, code.astype(np.float32))
        cases.append(Case(person, *renderer.shoot(person, face, draw_shot(rng), rng)))
    return cases


def read_cases(encoder: MonocularEncoder, cases: list[Case], augmenter: Augmenter) -> Read:
    """Cut crops with the augmenter and read them."""
    crops, truths = [], []
    for case in cases:
        crop, truth = augmenter.faces(case.pixels[None], [case.labels])
        crops.append(crop[0])
        truths.append(truth[0])
    pixels = np.stack(crops)
    return Read(cases, pixels, truths, encoder.read(pixels))


def measure(read: Read, metric: np.ndarray, spread_mm: float) -> dict[str, float]:
    """Mean errors: of what is said outright and, where named "through the code", of the person's decoded head."""
    found, cases = read.found, read.cases
    truth_mouth = np.stack([case.labels.mouth_mm for case in cases])
    decoded = np.stack(
        [_decoded_mouth(c.person, code) for c, code in zip(cases, found.code, strict=True)]
    )
    looks = np.stack([case.labels.gaze for case in cases])
    gaze = np.degrees(found.gaze - looks)
    is_open = truth_mouth[:, 2:] > SEEN_MM
    wrong = found.code - np.stack([case.labels.code for case in cases])
    code_mm = np.sqrt(np.einsum("bd,de,be->b", wrong, metric, wrong))
    turns = np.stack([t.rotation for t in read.truths]).transpose(0, 2, 1) @ found.rotation
    cosine = np.clip((np.trace(turns, axis1=1, axis2=2) - 1) / 2, -1, 1)
    wanted = np.stack([t.landmarks for t in read.truths])
    apart = np.linalg.norm(found.landmarks - wanted, axis=2).mean(1)
    eyes = np.linalg.norm(wanted[:, 45] - wanted[:, 36], axis=1)
    result = {"pictures": len(cases)}
    for i, name in enumerate(MOUTH):
        result[name] = np.abs(found.mouth_mm[:, i] - truth_mouth[:, i]).mean()
        result[f"{name} through the code"] = np.abs(decoded[:, i] - truth_mouth[:, i]).mean()
    result |= {
        "gaze_deg": np.abs(gaze)[is_open].mean(),
        "gaze_deg of looking straight ahead": np.degrees(np.abs(looks))[is_open].mean(),
        "gaze_correlation sideways": _correlation(found.gaze[..., 0], looks[..., 0], is_open),
        "gaze_correlation up and down": _correlation(found.gaze[..., 1], looks[..., 1], is_open),
        "lip_gap_correlation": _correlation(found.mouth_mm[:, 0], truth_mouth[:, 0]),
        "lids_correlation": _correlation(found.mouth_mm[:, 2:], truth_mouth[:, 2:]),
        "rotation_deg": np.degrees(np.arccos(cosine)).mean(),
        "landmarks_percent_of_eyes": 100 * (apart / eyes).mean(),
        "code_mm": code_mm.mean(),
        "code_share_of_spread": code_mm.mean() / spread_mm,
        "confidence_rank_correlation": _rank_correlation(-found.confidence, code_mm),
    }
    return {name: round(float(value), 4) for name, value in result.items()}


def _decoded_mouth(person: RenderPerson, code: np.ndarray) -> np.ndarray:
    with torch.no_grad():
        landmarks = person.head(torch.from_numpy(code.astype(np.float32)))[5].numpy()
    return mouth_mm(landmarks, person.contact_mm)


def _correlation(found: np.ndarray, wanted: np.ndarray, kept: np.ndarray | None = None) -> float:
    """Pearson's, over what is kept."""
    kept = np.ones(wanted.shape, bool) if kept is None else kept
    spreads = found[kept].std(), wanted[kept].std()
    return float(np.corrcoef(found[kept], wanted[kept])[0, 1]) if min(spreads) > 1e-9 else 0.0


def _rank_correlation(first: np.ndarray, second: np.ndarray) -> float:
    """Spearman's."""
    ranks = [np.argsort(np.argsort(values)) for values in (first, second)]
    return float(np.corrcoef(*ranks)[0, 1])


def draw_read(person: RenderPerson, found: FaceReadings, row: int) -> np.ndarray:
    """The person's head driven by what was read, in the pose that was read, `[S, S, 3]` uint8."""
    with torch.no_grad():
        *arrays, _, sh = (a.numpy() for a in person.head(torch.from_numpy(found.code[row])))
    # A crop that spans so many metres at a metre's distance.
    side_m = float(np.exp(found.log_size[row]))
    viewmat = np.eye(4)
    viewmat[:3, :3] = found.rotation[row]
    viewmat[:3, 3] = (*((found.origin[row] - 0.5) * side_m), 1.0)
    camera = Camera(viewmat, intrinsics(TILE_PX / side_m, TILE_PX, TILE_PX), TILE_PX, TILE_PX)
    drawn = render(Gaussians(*arrays, sh=sh).seen_by(camera), camera, np.full(3, 0.45))
    return (np.clip(drawn.colors, 0, 1) * 255 + 0.5).astype(np.uint8)


def write_sheet(path: Path, reads: dict[str, Read]) -> None:
    """Pairs of input and driven head, one kind of picture after the other."""
    tiles = []
    for read in reads.values():
        for row in np.linspace(0, len(read.cases) - 1, SHEET_ROWS).astype(int):
            driven = draw_read(read.cases[row].person, read.found, int(row))
            tiles.append(np.concatenate([read.crops[row], driven], axis=1))
    per_row = SHEET_ROWS // 2
    rows = [np.concatenate(tiles[i : i + per_row], axis=1) for i in range(0, len(tiles), per_row)]
    with replace_on_success(path) as temporary:
        Image.fromarray(np.concatenate(rows)).save(temporary, "PNG")


def evaluate(prior_folder: Path, data: Path, encoder_path: Path, persons: int) -> dict[str, Read]:
    """Everything read, by the kind of picture."""
    prior, encoder = load_prior(prior_folder), MonocularEncoder.open(encoder_path, num_threads=1)
    rng = np.random.default_rng(SEED)
    cases: dict[str, list[Case]] = {"traced": [], "mesh": [], "prior": []}
    for subject in open_capture(data).subjects(VALIDATE)[:persons]:
        person = bake_person(prior, subject.name, NeutralScan.of(subject))
        codes = encode_subject(prior, subject, subject.frame_names)
        renderer = FaceRenderer(prior, CodeBank(codes, np.zeros_like(codes)))
        cases["traced"] += traced_cases(prior, subject, person)
        cases["mesh"] += mesh_cases(prior, subject, person, rng)
        cases["prior"] += prior_cases(renderer, codes, person, rng)
        logger.info("%s drawn", subject.name)
    reads = {}
    for kind, found in cases.items():
        if found:
            reads[kind] = read_cases(encoder, found, Augmenter(PLAIN, SEED))
            hard = Augmenter(AugmentSettings(), SEED)
            reads[f"{kind}, randomized"] = read_cases(encoder, found, hard)
    return reads


def main(arguments: list[str] | None = None) -> int:
    """Command line; returns the exit code."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--prior", type=Path, required=True, help="folder of the trained prior")
    parser.add_argument("--data", type=Path, required=True, help="capture with validation persons")
    parser.add_argument("--encoder", type=Path, required=True, help="encoder.onnx")
    parser.add_argument("--out", type=Path, required=True, help="folder for figures and sheet")
    parser.add_argument("--persons", type=int, default=8, help="no more than so many persons")
    options = parser.parse_args(arguments)
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    torch.set_num_threads(1)
    try:
        reads = evaluate(options.prior, options.data, options.encoder, options.persons)
        prior = load_prior(options.prior)
    except GaussianHeadsError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    metric = code_metric(prior)
    codes = np.stack([case.labels.code for case in reads["traced"].cases])
    spread_mm = float(np.sqrt(np.einsum("bd,de,be->b", codes, metric, codes).mean()))
    figures = {kind: measure(read, metric, spread_mm) for kind, read in reads.items()}
    options.out.mkdir(parents=True, exist_ok=True)
    write_sheet(options.out / "sheet.png", reads)
    with replace_on_success(options.out / "evaluation.json") as temporary:
        temporary.write_text(json.dumps(figures, indent=1) + "\n", "utf8")
    for kind, values in figures.items():
        logger.info("%s: %s", kind, ", ".join(f"{k} {v:g}" for k, v in values.items()))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
