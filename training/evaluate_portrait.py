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
from .evaluate_metrics import foreground, psnr_db, ssim_map
from .networks.portrait import PortraitNetwork, warp
from .portrait.fit import load_portrait
from .portrait.flow import sampled
from .portrait.photographs import PLAIN, Photographer
from .portrait.pool import FRAMES, Sample, collate, make_sample, with_still_mouth
from .portrait.sheet import colors_of
from .portrait.sounds import sound_features
from .prior_settings import TrainingError

LOG = logging.getLogger(__name__)
# The box about the lips' landmarks is so much larger than they are.
MOUTH_MARGIN = 0.3
SEED = 7


@dataclass(frozen=True)
class ShownClip:
    """A clip as the networks are shown it, and which pixels count."""

    sample: Sample  # a batch of one clip
    heard: Sample | None
    wanted: np.ndarray  # [N, S, S, 3] in [0, 1]
    mask: np.ndarray  # [N, S, S]
    mouth: np.ndarray  # [N, S, S]


@dataclass(frozen=True)
class Figures:
    """Means over the frames of all clips."""

    psnr_db: float
    ssim: float
    mouth_psnr_db: float
    flicker: float
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
        wanted=pictures[1:].astype(np.float32) / 255,
        mask=np.stack([foreground(one[..., 3] / 255) for one in rgba[rows[1:]]]),
        mouth=np.stack([_mouth_box(one, rgba.shape[1]) for one in points[1:]]),
    )


def figures_of(films: list[ShownClip], drawn: list[np.ndarray], frame_sec: float) -> Figures:
    """Of pictures `[N, S, S, 3]` in [0, 1] for each film."""
    rows = []
    for film, pictures in zip(films, drawn, strict=True):
        for ours, wanted, mask, mouth in zip(
            pictures, film.wanted, film.mask, film.mouth, strict=True
        ):
            ssim = float(ssim_map(ours, wanted)[mask].mean())
            rows.append((psnr_db(ours, wanted, mask), ssim, psnr_db(ours, wanted, mouth)))
    flicker = [
        255 * np.abs(np.diff(p, axis=0) - np.diff(f.wanted, axis=0))[f.mask[1:]].mean()
        for f, p in zip(films, drawn, strict=True)
    ]
    means = np.mean(rows, axis=0)
    return Figures(*(float(m) for m in means), float(np.mean(flicker)), frame_sec)


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
        drawn.append(colors_of(pictures))
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
    found = {
        "photo": figures_of(films, [_repeated(f) for f in films], 0.0),
        "warp": figures_of(films, [_warped(f) for f in films], 0.0),
    }
    for name, checkpoint in (run.split("=", 1) for run in options.runs):
        network, _ = load_portrait(Path(checkpoint))
        for guidance in options.guidance:
            for steps in options.steps:
                key = f"{name}, {steps} steps" + (
                    f", guidance {guidance:g}" if guidance != 1 else ""
                )
                found[key] = figures_of(films, *drawn_by(network, films, steps, guidance))
    sys.stdout.write(
        "| way | PSNR | SSIM | mouth PSNR | flicker | s/frame |\n|---|---|---|---|---|---|\n"
    )
    for key, f in found.items():
        sys.stdout.write(
            f"| {key} | {f.psnr_db:.2f} | {f.ssim:.4f} | {f.mouth_psnr_db:.2f} | {f.flicker:.2f} | {f.frame_sec:.3f} |\n"
        )
    if options.json:
        text = json.dumps({key: asdict(f) for key, f in found.items()}, indent=1)
        with replace_on_success(options.json) as temporary:
            temporary.write_text(text + "\n", "utf8")


def _mouth_box(points: np.ndarray, size_px: int) -> np.ndarray:
    low, high = points[48:68].min(0), points[48:68].max(0)
    reach = MOUTH_MARGIN * (high - low).max()
    steps = (np.arange(size_px) + 0.5) / size_px
    columns = (steps > low[0] - reach) & (steps < high[0] + reach)
    rows = (steps > low[1] - reach) & (steps < high[1] + reach)
    return rows[:, None] & columns[None]


def _repeated(film: ShownClip) -> np.ndarray:
    photo = colors_of(film.sample.photo)
    return np.repeat(photo, len(film.wanted), axis=0)


def _warped(film: ShownClip) -> np.ndarray:
    count = len(film.wanted)
    pictures = warp(film.sample.photo.expand(count, -1, -1, -1), film.sample.field[0])
    return colors_of(pictures)


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
