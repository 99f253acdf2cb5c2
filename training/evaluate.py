"""How good a prior is, against path-traced pictures that nothing was trained on.

    python -m gaussian_heads.training.evaluate --prior build/prior --data build/capture \\
        --also "no scan=build/prior_no_scan" --sheet build/evaluation.png --curve build/curves [--json]

Seen persons with unseen expressions from held-out cameras; unseen persons from their neutral scan alone,
nothing fitted. Codes of the frames come from the expression encoder and, a second time, from the frames' ARKit
weights through the learned map. Every prior sees the same pictures. PSNR and SSIM count over the foreground
dilated by 8 px.
"""

from __future__ import annotations

import argparse
import json
import logging
import sys
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from ..core.errors import GaussianHeadsError
from .dataset import open_capture
from .dataset.layout import HELD_OUT, TRAIN, VALIDATE, CaptureError
from .dataset.reader import CaptureImage, Subject
from .evaluate_curve import write_curves
from .evaluate_metrics import REGIONS, Score, region_masks, score
from .evaluate_prior import ARKIT, ENCODER, Speed, TestedPrior, decode, draw, measure_speed
from .evaluate_sheet import Pair, as_bytes, write_sheet

LOG = logging.getLogger(__name__)
GROUPS = {
    TRAIN: "seen persons, unseen expressions, held-out cameras",
    VALIDATE: "unseen persons from the neutral scan alone, held-out cameras",
}
MAIN = "prior"


@dataclass(frozen=True)
class Result:
    """One picture drawn by one prior."""

    prior: str
    split: str  # of the person: "train" is seen, "validate" unseen
    way: str  # how the code was found: "encoder" or "arkit52"
    subject: str
    frame: str
    camera: str
    kind: str
    score: Score


@dataclass(frozen=True)
class Row:
    """Means over the pictures of one prior, split and way."""

    prior: str
    split: str
    way: str
    pictures: int
    persons: int
    psnr_db: float
    lowest_psnr_db: float
    ssim: float
    lowest_ssim: float
    region_psnr_db: dict[str, float]
    region_l1: dict[str, float]
    region_ssim: dict[str, float]


def evaluation_images(subject: Subject) -> list[CaptureImage]:
    """The pictures that count: held-out cameras; of seen persons the unseen expressions only."""
    return [
        image
        for image in subject.images()
        if image.camera_split == HELD_OUT
        and (subject.split != TRAIN or image.frame_split == HELD_OUT)
    ]


def evaluate_subject(
    tested: list[TestedPrior], subject: Subject, images: list[CaptureImage]
) -> Iterator[tuple[Result, Pair | None]]:
    """Draw every picture of one person with every prior."""
    kinds = {frame.name: frame.kind for frame in subject.frames}
    strands = subject.strands()
    wanted = [subject.picture(image) for image in images]
    masks = [
        region_masks(subject.frame_vertices(image.frame), subject.topology, strands, camera)
        for image, (_, camera) in zip(images, wanted, strict=True)
    ]
    for prior in tested:
        head = prior.head(subject)
        for way in (ENCODER, ARKIT):
            codes = prior.codes(subject, way)
            if codes is None:
                continue
            for image, (pixels, camera), regions in zip(images, wanted, masks, strict=True):
                row = subject.frame_names.index(image.frame)
                ours = draw(decode(head, codes[row]), camera)
                found = score(ours, pixels, regions)
                place = (subject.name, image.frame, image.camera)
                result = Result(prior.name, subject.split, way, *place, kinds[image.frame], found)
                is_shown = prior is tested[0] and way == ENCODER
                yield result, Pair(result, as_bytes(ours), pixels) if is_shown else None


def summarise(results: list[Result]) -> list[Row]:
    """One row for each prior, split and way, in the order they were met."""
    groups: dict[tuple[str, str, str], list[Result]] = {}
    for result in results:
        groups.setdefault((result.prior, result.split, result.way), []).append(result)
    return [_row(key, group) for key, group in groups.items()]


def _row(key: tuple[str, str, str], group: list[Result]) -> Row:
    scores = [result.score for result in group]
    psnr, ssim = (np.array([getattr(s, name) for s in scores]) for name in ("psnr_db", "ssim"))
    regions = {
        kind: {
            name: float(
                np.mean([getattr(s, kind)[name] for s in scores if name in getattr(s, kind)])
            )
            for name in REGIONS
            if any(name in getattr(s, kind) for s in scores)
        }
        for kind in ("region_psnr_db", "region_l1", "region_ssim")
    }
    persons = len({result.subject for result in group})
    figures = (float(x) for x in (psnr.mean(), psnr.min(), ssim.mean(), ssim.min()))
    return Row(*key, len(group), persons, *figures, **regions)


def table(rows: list[Row], speed: Speed | None) -> str:
    """The report for people to read."""
    lines = []
    for split, title in GROUPS.items():
        group = [row for row in rows if row.split == split]
        if not group:
            continue
        lines += ["", f"{title} ({group[0].pictures} pictures of {group[0].persons} persons)"]
        names = " ".join(f"{name + ' dB':>8}" for name in REGIONS)
        lines.append(
            f"{'':24} {'PSNR':>6} {'lowest':>6} {'SSIM':>6} {'lowest':>6} {names} {'mouth L1':>8}"
        )
        first = {row.way: row for row in group if row.prior == MAIN}
        for row in group:
            regions = " ".join(f"{row.region_psnr_db.get(n, np.nan):8.2f}" for n in REGIONS)
            mouth = row.region_l1.get("mouth", np.nan)
            lines.append(
                f"{f'{row.prior}, {row.way}':24} {row.psnr_db:6.2f} {row.lowest_psnr_db:6.2f} "
                f"{row.ssim:6.3f} {row.lowest_ssim:6.3f} {regions} {mouth:8.4f}"
                f"{_more(mouth, first.get(row.way)) if row.prior != MAIN else ''}"
            )
            similar = ", ".join(f"{n} {v:.3f}" for n, v in row.region_ssim.items())
            lines.append(f"{'':24} SSIM of {similar}")
    if speed is not None:
        lines += [
            "",
            f"{speed.num_gaussians:,} Gaussians; decode {speed.decode_ms:.1f} ms; decode and draw "
            f"{speed.frames_per_sec:.1f} frames/s at {speed.side_px} x {speed.side_px} (CPU, two threads)",
            f"a frame alone differs from the same frame in a sequence by {speed.alone_difference:g}; "
            f"ONNX from torch by {speed.onnx_means_mm:.4f} mm and {speed.onnx_colors:.4f} of colour",
        ]
    return "\n".join(lines).strip() + "\n"


def _more(mouth_l1: float, first: Row | None) -> str:
    """How much more than the first prior's a loss in the mouth is."""
    before = np.nan if first is None else first.region_l1.get("mouth", np.nan)
    return f" ({100 * (mouth_l1 / before - 1):+.0f} %)" if np.isfinite(mouth_l1 / before) else ""


def run(options: argparse.Namespace) -> tuple[list[Result], list[Row], Speed | None]:
    """Evaluate all priors on all persons."""
    dataset = open_capture(options.data)
    folders = [(MAIN, options.prior)]
    folders += [(name, Path(folder)) for name, _, folder in map(_named, options.also)]
    tested = [TestedPrior(name, folder, options.hair_pieces) for name, folder in folders]
    for prior in tested:
        prior.require_topology(dataset.topology)
    results: list[Result] = []
    pairs: list[Pair] = []
    speed = None
    started = time.monotonic()
    for split in GROUPS:
        chosen = [(s, evaluation_images(s)) for s in dataset.subjects(split)]
        chosen = [(subject, images) for subject, images in chosen if images][: options.persons]
        for number, (subject, images) in enumerate(chosen, start=1):
            for result, pair in evaluate_subject(tested, subject, images[: options.pictures]):
                results.append(result)
                pairs += [] if pair is None else [pair]
            psnr = np.mean([r.score.psnr_db for r in results if r.subject == subject.name])
            LOG.info(
                "%s: %s (%d of %d), %d pictures, %.1f dB, %.0f s",
                *(split, subject.name, number, len(chosen), len(images), psnr),
                time.monotonic() - started,
            )
        if chosen and not options.no_speed:
            speed = _speed(tested[0], *chosen[0])
    if not results:
        raise CaptureError(
            f"'{options.data}' has no pictures from held-out cameras: let the studio render them."
        )
    if options.sheet:
        write_sheet(pairs, options.sheet)
    rows = summarise(results)
    if options.curve:
        write_curves(options.curve, tested, rows)
    return results, rows, speed


def _speed(prior: TestedPrior, subject: Subject, images: list[CaptureImage]) -> Speed:
    _, camera = subject.picture(images[0])
    return measure_speed(prior.head(subject), prior.codes(subject, ENCODER), camera)


def _named(text: str) -> tuple[str, str, str]:
    name, equals, folder = text.partition("=")
    if not (name and equals and folder):
        raise CaptureError(f"'{text}' is no name=folder: write for example no_scan=build/prior_b.")
    return name, equals, folder


def parse(arguments: list[str] | None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--prior", type=Path, required=True, help="folder of the prior")
    parser.add_argument("--data", type=Path, required=True, help="folder of the capture")
    parser.add_argument(
        "--also", nargs="+", default=[], metavar="NAME=FOLDER", help="more priors, side by side"
    )
    parser.add_argument(
        "--hair-pieces", type=int, help="another budget than the prior was trained with"
    )
    parser.add_argument("--persons", type=int, help="at most so many persons of each split")
    parser.add_argument("--pictures", type=int, help="at most so many pictures of a person")
    parser.add_argument("--sheet", type=Path, help="picture: worst, median and best, wanted | ours")
    parser.add_argument("--curve", type=Path, help="folder for curves over steps and persons")
    parser.add_argument("--no-speed", action="store_true", help="leave the timings out")
    parser.add_argument("--json", action="store_true", help="everything, picture by picture")
    return parser.parse_args(arguments)


def main(arguments: list[str] | None = None) -> int:
    """Command line; returns the exit code."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    options = parse(arguments)
    try:
        results, rows, speed = run(options)
    except GaussianHeadsError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    if options.json:
        record = {
            "rows": [asdict(row) for row in rows],
            "speed": None if speed is None else asdict(speed),
            "pictures": [asdict(result) for result in results],
        }
        sys.stdout.write(json.dumps(record, indent=1) + "\n")
    else:
        sys.stdout.write(table(rows, speed))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
