"""How good the diffusion portrait is on persons that no network has seen, in clips that the prior draws.

    python -m gaussian_heads.training.evaluate_portrait --clips build/portrait/unseen \\
        --runs seen=build/portrait/seen/checkpoint.pt --steps 1 2 4 8

Every clip's first reference is the photo, its frames are the film; landmarks are the true ones. PSNR and SSIM count over
head and shoulders dilated by 8 px (`evaluate_metrics`), "mouth" over a box about the lips; flicker is the mean difference
of the frames' changes from the true changes (of 255). "warp" is the photo where the landmarks put it, "photo" the photo itself.
"""

from __future__ import annotations

import argparse
import json
import logging
import sys
import time
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from ..core.files import replace_on_success
from .commands import run_command
from .networks.portrait import PortraitNetwork, warp
from .portrait.fit import load_portrait
from .portrait.flow import sampled
from .portrait.measures import Likeness, TrueFilm, likeness
from .portrait.photographs import PLAIN, Photographer
from .portrait.pool import FRAMES, Sample, collate, make_sample, with_still_mouth
from .portrait.sheet import bytes_of
from .portrait.sounds import sound_features
from .prior_settings import TrainingError

LOG = logging.getLogger(__name__)
SEED = 7


@dataclass(frozen=True)
class ShownClip:
    """A clip as the networks are shown it, and as it was."""

    sample: Sample  # a batch of one clip
    heard: Sample | None
    true: TrueFilm


@dataclass(frozen=True)
class Figures:
    """Of all clips."""

    likeness: Likeness
    frame_sec: float


def open_clip(path: Path, sounds: Path | None) -> ShownClip:
    """Read one clip; over an even room."""
    rgba = np.load(path)
    with np.load(path.with_suffix(".npz")) as stored:
        truth = dict(stored)
    rows = [FRAMES, *range(FRAMES)]
    pictures, photo = Photographer(SEED, PLAIN).take(rgba[rows])
    points = truth["points"][rows]
    heard = None
    if sounds is not None:
        posteriors = np.load(sounds / f"{truth['recording']}.npy")
        sound = sound_features(posteriors, truth["times_sec"][rows[1:]])
        still = with_still_mouth(points, truth["rest_points"][rows])
        heard = collate([make_sample(photo, points[0], pictures[1:], still[1:], sound)])
    return ShownClip(
        sample=collate([make_sample(photo, points[0], pictures[1:], points[1:])]),
        heard=heard,
        true=TrueFilm.of(pictures[1:], rgba[rows[1:], ..., 3] / 255, points[1:]),
    )


def drawn_by(
    network: PortraitNetwork, films: list[ShownClip], steps: int, guidance: float
) -> tuple[list[np.ndarray], float]:
    """The pictures of all films, and seconds a frame."""
    began, frames, drawn = time.perf_counter(), 0, []
    for film in films:
        given = film.heard if network.settings.sound_dim else film.sample
        if given is None:
            raise TrainingError("This network hears: give the folder of sounds with --sounds.")
        pictures = sampled(network, given, steps=steps, guidance=guidance)[0]
        drawn.append(bytes_of(pictures))
        frames += len(pictures)
    return drawn, (time.perf_counter() - began) / frames


def evaluate(options: argparse.Namespace) -> None:
    """Print a row for each way, and write them."""
    paths = sorted(options.clips.glob("clip-*.npy"))[: options.most]
    if not paths:
        raise TrainingError(
            f"There are no clips in '{options.clips}': run capture.portrait_clips first."
        )
    films = [open_clip(path, options.sounds) for path in paths]
    true = [film.true for film in films]
    found = {
        name: Figures(likeness(true, [draw(film) for film in films]), 0.0)
        for name, draw in (("photo", _repeated), ("warp", _warped))
    }
    for name, checkpoint in (run.split("=", 1) for run in options.runs):
        network, _ = load_portrait(Path(checkpoint))
        for guidance in options.guidance:
            for steps in options.steps:
                key = f"{name}, {steps} steps" + (
                    f", guidance {guidance:g}" if guidance != 1 else ""
                )
                drawn, frame_sec = drawn_by(network, films, steps, guidance)
                found[key] = Figures(likeness(true, drawn), frame_sec)
    sys.stdout.write(
        "| way | PSNR | SSIM | mouth PSNR | flicker | s/frame |\n|---|---|---|---|---|---|\n"
    )
    for key, figures in found.items():
        like = figures.likeness
        sys.stdout.write(
            f"| {key} | {like.psnr_db:.2f} | {like.ssim:.4f} | {like.mouth_psnr_db:.2f} | {like.flicker:.2f} "
            f"| {figures.frame_sec:.3f} |\n"
        )
    if options.json:
        text = json.dumps({key: asdict(f) for key, f in found.items()}, indent=1)
        with replace_on_success(options.json) as temporary:
            temporary.write_text(text + "\n", "utf8")


def _repeated(film: ShownClip) -> np.ndarray:
    return np.repeat(bytes_of(film.sample.photo), len(film.true.wanted), axis=0)


def _warped(film: ShownClip) -> np.ndarray:
    count = len(film.true.wanted)
    pictures = warp(film.sample.photo.expand(count, -1, -1, -1), film.sample.field[0])
    return bytes_of(pictures)


def main(arguments: list[str] | None = None) -> int:
    """Command line; returns the exit code."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--clips", type=Path, required=True, help="of persons that were never seen")
    parser.add_argument("--runs", nargs="+", default=[], help="NAME=CHECKPOINT")
    parser.add_argument(
        "--sounds", type=Path, help="what portrait.sounds made, for networks that hear"
    )
    parser.add_argument("--steps", type=int, nargs="+", default=[4])
    parser.add_argument("--guidance", type=float, nargs="+", default=[1.0])
    parser.add_argument("--most", type=int, help="so many clips at most")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args(arguments)
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    return run_command(lambda: evaluate(options))


if __name__ == "__main__":
    raise SystemExit(main())
