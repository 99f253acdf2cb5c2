"""What expression codes hold that ARKit-52 controls do not: in codes, and in the mouths of persons never seen.

    python -m gaussian_heads.training.evaluate_codes --prior assets/prior --data build/capture [--json]

The residual (products of mouth controls, a ridge regression) is fitted on the encoder's codes of training
persons. Pictures are path-traced ones of unseen persons; heads come from the neutral scan alone.
"""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from ..core.avatar import Controls
from ..core.errors import GaussianHeadsError
from ..core.gaussians import Gaussians
from ..core.spaces import ARKIT_BLENDSHAPES, ARKIT_INDEX
from .code_targets import MouthMetric, code_metric, mean_identity
from .control_maps import ridge
from .dataset import open_capture
from .dataset.layout import HELD_OUT, TRAIN, VALIDATE, CaptureError
from .dataset.reader import Subject
from .evaluate import evaluation_images
from .evaluate_metrics import region_masks, score
from .evaluate_prior import TestedPrior, decode, draw, gaussians_of
from .networks.prior import BakedHead
from .prior_bake import encode_subject
from .prior_controls import CONTROLS_FILE

# Ridges tried, as shares of the inputs' mean square; chosen on every eighth training person, left out.
RIDGES = (1e-3, 1e-2, 1e-1, 1.0, 10.0)
LEFT_OUT = 8
LINEAR, PRODUCTS, ENCODED, STILL = "linear map", "map and products", "encoder", "colours at rest"
FIGURES = ("L1", "PSNR dB", "SSIM")
DRAWS = 2000
# Around so many frames of the training persons the decoder is differentiated.
METRIC_FRAMES = 48
OPEN_JAW = 0.15
MOUTH_CONTROLS = tuple(n for n in ARKIT_BLENDSHAPES if n.startswith(("jaw", "mouth", "tongue")))


@dataclass(frozen=True)
class Residual:
    """What products of mouth controls add to the linear map's codes."""

    matrix: np.ndarray  # [products, D]

    def __call__(self, weights: np.ndarray) -> np.ndarray:
        """Codes `[F, D]` to add, for ARKit weights `[F, 52]`; none at rest."""
        return products(weights) @ self.matrix

    @classmethod
    def fit(cls, weights: np.ndarray, rest: np.ndarray, share: float) -> Residual:
        """Ridge regression of `rest` `[F, D]` (codes less those of the linear map)."""
        return cls(ridge(products(weights), rest, share))


def products(weights: np.ndarray) -> np.ndarray:
    """Mouth controls `[F, C]`, and the products of all pairs of them, both sides as one."""
    mouth = np.asarray(weights, np.float64)[:, _mouth_columns()]
    first, second = np.triu_indices(mouth.shape[1])
    return np.concatenate([mouth, mouth[:, first] * mouth[:, second]], axis=1)


def _mouth_columns() -> list[int]:
    return [ARKIT_BLENDSHAPES.index(name) for name in MOUTH_CONTROLS]


@dataclass(frozen=True)
class Frames:
    """Frames with known controls, with codes of the encoder."""

    weights: np.ndarray  # [F, 52]
    codes: np.ndarray  # [F, D]
    person: np.ndarray  # [F]

    def take(self, mask: np.ndarray) -> Frames:
        """Some of them."""
        return Frames(self.weights[mask], self.codes[mask], self.person[mask])


def encoded(tested: TestedPrior, subjects: list[Subject], *, textures: bool) -> Frames:
    """Frames of `subjects`: all, from the mesh alone, or those with a texture, from both."""
    rows = []
    for number, subject in enumerate(subjects):
        names = subject.frame_names
        if subject.split == TRAIN:
            names = [f.name for f in subject.frames if f.split != HELD_OUT]
        if textures:
            names = [name for name in names if subject.texture(name) is not None]
        if subject.controls is None or not names:
            continue
        picks = [subject.frame_names.index(name) for name in names]
        codes = encode_subject(tested.prior, subject, names, textures=textures)
        rows.append(
            (subject.controls[picks].astype(np.float32), codes, np.full(len(names), number))
        )
    if not rows:
        raise CaptureError(
            "The capture lacks persons of a split, controls or lit textures: codes cannot be compared."
        )
    return Frames(*(np.concatenate(column) for column in zip(*rows, strict=True)))


def explained(rest: np.ndarray, predicted: np.ndarray, metric: np.ndarray) -> float:
    """Share of `rest` `[F, D]` that is predicted, in a metric `[D, D]`."""
    left = rest - predicted
    return 1 - float(_squares(left, metric).sum() / _squares(rest, metric).sum())


def fit_residual(frames: Frames, matrix: np.ndarray, metric: np.ndarray) -> tuple[Residual, float]:
    """The residual with the ridge that explains most of persons left out, and that share."""
    rest = frames.codes - frames.weights @ matrix
    out = frames.person % LEFT_OUT == 0
    shares = {
        share: explained(
            rest[out],
            Residual.fit(frames.weights[~out], rest[~out], share)(frames.weights[out]),
            metric,
        )
        for share in RIDGES
    }
    best = max(shares, key=shares.get)
    return Residual.fit(frames.weights, rest, best), shares[best]


def code_report(
    tested: TestedPrior, controls: Controls, subjects: list[Subject]
) -> tuple[Residual, dict[str, dict[str, float]]]:
    """The residual of codes from meshes, and what it explains: of meshes, and of lit textures."""
    prior, matrix = tested.prior, controls.arkit52
    known = [s for s in subjects if s.split == TRAIN]
    frames = encoded(tested, known, textures=False)
    unseen = encoded(tested, [s for s in subjects if s.split == VALIDATE], textures=False)
    picks = np.linspace(0, len(frames.weights) - 1, METRIC_FRAMES).astype(int)
    metric = code_metric(prior, frames.weights[picks] @ matrix)
    shades = MouthMetric(prior).shades(mean_identity(prior))
    residual, left_out = fit_residual(frames, matrix, metric)
    lit = encoded(tested, known, textures=True)
    _, lit_left_out = fit_residual(lit, matrix, shades)
    report = {}
    for name, group, share in (
        ("meshes of unseen persons", unseen, left_out),
        ("lit textures of training persons", lit, lit_left_out),
    ):
        mapped = group.weights @ matrix
        rest = group.codes - mapped
        report[name] = {
            "frames": len(rest),
            "code_mm": _rms(group.codes, metric),
            "rest_mm": _rms(rest, metric),
            "code_shade": _rms(group.codes, shades),
            "rest_shade": _rms(rest, shades),
            "explained_of_left_out": share,
        }
    rest = unseen.codes - unseen.weights @ matrix
    predicted = residual(unseen.weights)
    report["meshes of unseen persons"] |= {
        "explained": explained(rest, predicted, metric),
        "explained_shade": explained(rest, predicted, shades),
    }
    return residual, report


def decode_still(head: BakedHead, code: np.ndarray) -> Gaussians:
    """Gaussians of one code `[D]` with the neutral's colours."""
    with torch.no_grad():
        value = torch.from_numpy(np.asarray(code, np.float32))
        return gaussians_of(head.head(head.shape_map(value), 0.0 * head.color_map(value)))


@dataclass(frozen=True)
class Mouth:
    """One picture's mouth drawn in every way: figures `[ways, 3]`."""

    person: int
    is_open: bool
    figures: np.ndarray


def mouths(tested: TestedPrior, residual: Residual, subjects: list[Subject]) -> list[Mouth]:
    """Score the mouths of all pictures of `subjects`, which no training has seen."""
    found = []
    for number, subject in enumerate(subjects):
        images = evaluation_images(subject)
        if subject.controls is None or not images:
            continue
        head, weights = tested.head(subject), subject.controls.astype(np.float32)
        mapped = weights @ tested.controls.arkit52
        coded = encode_subject(tested.prior, subject, subject.frame_names, textures=False)
        ways = ((mapped, decode), (mapped + residual(weights), decode))
        ways += ((coded, decode), (mapped, decode_still))
        for image in images:
            pixels, camera = subject.picture(image)
            vertices = subject.frame_vertices(image.frame)
            regions = region_masks(vertices, subject.topology, subject.strands(), camera)
            row = subject.frame_names.index(image.frame)
            scores = [
                score(draw(way(head, codes[row]), camera), pixels, regions) for codes, way in ways
            ]
            if "mouth" not in scores[0].region_l1:
                continue
            figures = [
                (s.region_l1["mouth"], s.region_psnr_db["mouth"], s.region_ssim["mouth"])
                for s in scores
            ]
            is_open = weights[row, ARKIT_INDEX["jawOpen"]] > OPEN_JAW
            found.append(Mouth(number, bool(is_open), np.array(figures)))
    return found


def picture_report(found: list[Mouth]) -> dict[str, dict[str, list[float]]]:
    """Means over persons of every way, and differences to the linear map with 95 % intervals."""
    persons = sorted({m.person for m in found})
    means = np.array(
        [np.mean([m.figures for m in found if m.person == p], axis=0) for p in persons]
    )
    draws = np.random.default_rng(0).integers(0, len(persons), (DRAWS, len(persons)))
    report = {}
    for way, name in enumerate((LINEAR, PRODUCTS, ENCODED, STILL)):
        change = means[:, way] - means[:, 0]
        low, high = np.percentile(change[draws].mean(1), (2.5, 97.5), axis=0)
        report[name] = {
            figure: [float(v[k]) for v in (means[:, way].mean(0), change.mean(0), low, high)]
            for k, figure in enumerate(FIGURES)
        }
    return report


def table(record: dict) -> str:
    """The report for people."""
    lines = []
    for name, row in record["codes"].items():
        lines.append(f"{name}: " + ", ".join(f"{k} {v:.4g}" for k, v in row.items()))
    for group, (count, persons, report) in record["pictures"].items():
        lines += ["", f"{group}: {count} pictures of {persons} persons, mouth; less the linear map"]
        for way, row in report.items():
            cells = (
                f"{k} {v[0]:.4f} ({v[1]:+.4f}, {v[2]:+.4f} to {v[3]:+.4f})" for k, v in row.items()
            )
            lines.append(f"  {way:16} " + "  ".join(cells))
    return "\n".join(lines) + "\n"


def run(prior: Path, data: Path) -> dict:
    """All figures."""
    tested, dataset = TestedPrior("prior", prior), open_capture(data)
    tested.require_topology(dataset.topology)
    if tested.controls is None:
        raise CaptureError(
            f"'{prior}' has no '{CONTROLS_FILE}': run training.prior_controls first."
        )
    subjects = dataset.subjects()
    residual, codes = code_report(tested, tested.controls, subjects)
    pictures = {}
    for split, name in ((VALIDATE, "unseen persons"), (TRAIN, "seen persons, unseen frames")):
        found = mouths(tested, residual, [s for s in subjects if s.split == split])
        groups = {name: found, f"{name}, open jaw": [m for m in found if m.is_open]}
        for title, group in groups.items():
            if group:
                count = len({m.person for m in group})
                pictures[title] = (len(group), count, picture_report(group))
    return {"codes": codes, "pictures": pictures}


def main(arguments: list[str] | None = None) -> int:
    """Command line; returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--prior", type=Path, required=True, help="folder of the prior")
    parser.add_argument("--data", type=Path, required=True, help="folder of the capture")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args(arguments)
    try:
        record = run(options.prior, options.data)
    except GaussianHeadsError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    sys.stdout.write(json.dumps(record, indent=1) + "\n" if options.json else table(record))
    return 0


def _squares(values: np.ndarray, metric: np.ndarray) -> np.ndarray:
    return np.maximum(np.einsum("fd,de,fe->f", values, metric, values), 0)


def _rms(values: np.ndarray, metric: np.ndarray) -> float:
    return float(np.sqrt(_squares(values, metric).mean()))


if __name__ == "__main__":
    raise SystemExit(main())
