"""How like personalized heads are, on frames and from cameras that nothing was fitted to.

    python -m gaussian_heads.training.evaluate_personal --video build/videos/s1003 \\
        --runs full=build/me.uhap no_prior=build/no_prior.uhap --sheet sheet.jpg --json figures.json

The film is one of `training/capture/video.py`; the pictures are its held-out ones: from the camera that filmed, and
from two at 45 degrees to either side. PSNR and SSIM count over the foreground dilated by 8 px, over middle grey
(`evaluate_metrics`). Every run is measured in two ways:

* **read**: codes and head poses as the encoder reads them from the held-out film, which is all that a user has. The head
  stands before the filming camera as it was read. Before the side cameras it is put by one similarity for the whole
  clip, fitted to the 68 landmarks as they really were; a single video tells neither scale nor focal length.
* **true**: codes from the true mesh, and the true head poses; one similarity takes the neutral head's 68 landmarks to
  the true ones. What then is missing is missing in the head.
"""

from __future__ import annotations

import argparse
import json
import logging
import sys
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch

from ..core.avatar import Avatar
from ..core.errors import GaussianHeadsError
from ..core.files import replace_on_success
from .evaluate_metrics import REGIONS, Score, jitter, score
from .evaluate_personal_film import FRONT, Film
from .evaluate_personal_sheet import write_sheet
from .evaluate_personal_ways import READ, TRUE, ReadWay, TrueWay, Way
from .prior_file import load_prior
from .prior_settings import TrainingError

LOG = logging.getLogger(__name__)
SIDES = "sides"
# The best that is published, on real captures of many cameras (UHAP, monocular fine-tuning): for orientation.
PAPER_PSNR_DB = 27.37


@dataclass(frozen=True)
class Result:
    """One picture of one run."""

    run: str
    way: str
    frame: str
    camera: str
    score: Score


@dataclass(frozen=True)
class Motion:
    """How steadily the landmarks move, in millimetres per frame squared (RMS), and how they truly do."""

    jitter_mm: float
    true_jitter_mm: float


@dataclass(frozen=True)
class Evaluated:
    """All that was measured of one run in one way."""

    run: str
    way: str
    num_gaussians: int
    results: tuple[Result, ...]
    motion: Motion

    def mean(self, group: str, what: str) -> float:
        """Mean of psnr_db, ssim or a region's PSNR over the pictures of "front" or "sides"; NaN where none."""
        values = [
            _value(result.score, what)
            for result in self.results
            if (result.camera == FRONT) == (group == FRONT)
        ]
        values = [value for value in values if np.isfinite(value)]
        return float(np.mean(values)) if values else float("nan")


def _value(found: Score, what: str) -> float:
    if what in ("psnr_db", "ssim"):
        return getattr(found, what)
    return found.region_psnr_db.get(what, float("nan"))


def evaluate(run: str, avatar: Avatar, way: Way, film: Film) -> Evaluated:
    """Draw every held-out picture with an avatar, in one way of knowing codes and poses."""
    results, marks, wanted = [], [], []
    for frame in film.frames:
        placed = way.placed(avatar, frame)
        if placed is None:
            continue
        marks.append(placed.landmarks)
        wanted.append(film.true_landmarks(frame))
        for camera, reference in frame.pictures.items():
            ours = placed.draw(camera)
            found = score(ours, reference, film.regions(frame, camera))
            results.append(Result(run, way.name, frame.name, camera, found))
    if not results:
        raise TrainingError(
            f"No held-out frame could be drawn for '{run}': the face was not found."
        )
    motion = Motion(1e3 * jitter(np.stack(marks)), 1e3 * jitter(np.stack(wanted)))
    return Evaluated(run, way.name, way.num_gaussians(avatar), tuple(results), motion)


def table(evaluated: list[Evaluated]) -> str:
    """The figures as a table in Markdown."""
    columns = ["PSNR", "SSIM", *REGIONS]
    keys = ["psnr_db", "ssim", *REGIONS]
    heads = ["run", "codes and poses", "Gaussians"]
    heads += [f"front {name}" for name in columns] + [f"±45° {name}" for name in columns]
    heads += ["jitter (true) mm"]
    lines = ["| " + " | ".join(heads) + " |", "|" + "---|" * len(heads)]
    for item in evaluated:
        cells = [item.run, item.way, f"{item.num_gaussians:,}"]
        for group in (FRONT, SIDES):
            for key in keys:
                cells.append(f"{item.mean(group, key):.{3 if key == 'ssim' else 1}f}")
        cells.append(f"{item.motion.jitter_mm:.2f} ({item.motion.true_jitter_mm:.2f})")
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)


def record(evaluated: list[Evaluated], video: Path) -> dict:
    """The figures for a program."""
    rows = []
    for item in evaluated:
        means = {
            group: {key: round(item.mean(group, key), 4) for key in ("psnr_db", "ssim", *REGIONS)}
            for group in (FRONT, SIDES)
        }
        pictures = [
            {"frame": r.frame, "camera": r.camera, "psnr_db": r.score.psnr_db, "ssim": r.score.ssim}
            for r in item.results
        ]
        rows.append(
            {
                "run": item.run,
                "way": item.way,
                "gaussians": item.num_gaussians,
                "means": means,
                "motion": asdict(item.motion),
                "pictures": pictures,
            }
        )
    return {"video": video.name, "paper_psnr_db": PAPER_PSNR_DB, "runs": rows}


def parse(arguments: list[str] | None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--video", type=Path, required=True, help="folder of a studio film")
    parser.add_argument("--runs", nargs="+", required=True, help="name=ME.uhap, one or more")
    parser.add_argument("--ways", nargs="+", choices=(READ, TRUE), default=[READ, TRUE])
    parser.add_argument("--prior", type=Path, default=Path("assets/prior"))
    parser.add_argument("--every", type=int, default=1, help="one held-out frame in so many")
    parser.add_argument("--sheet", type=Path, help="reference and runs side by side, .jpg or .png")
    parser.add_argument("--json", type=Path, help="all figures")
    return parser.parse_args(arguments)


def run(options: argparse.Namespace) -> list[Evaluated]:
    """Evaluate every run in every way."""
    torch.set_num_threads(1)
    prior = load_prior(options.prior)
    film = Film.open(options.video, prior, every=options.every)
    runs = {name: Path(path) for name, _, path in (item.partition("=") for item in options.runs)}
    evaluated, drawn = [], {}
    for name, path in runs.items():
        avatar = Avatar.open(path)
        for kind in options.ways:
            way = TrueWay(film) if kind == TRUE else ReadWay.open(film, prior, options.prior, path)
            evaluated.append(evaluate(name, avatar, way, film))
            LOG.info("%s, %s: %.2f dB", name, kind, evaluated[-1].mean(FRONT, "psnr_db"))
            if kind == options.ways[0]:
                drawn[name] = {f.name: way.placed(avatar, f) for f in film.shown_frames()}
    if options.sheet:
        write_sheet(options.sheet, film, drawn)
    if options.json:
        with replace_on_success(options.json) as temporary:
            temporary.write_text(
                json.dumps(record(evaluated, options.video), indent=1) + "\n", "utf8"
            )
    return evaluated


def main(arguments: list[str] | None = None) -> int:
    """Command line; returns the exit code."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    try:
        evaluated = run(parse(arguments))
    except GaussianHeadsError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    sys.stdout.write(table(evaluated) + "\n")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
