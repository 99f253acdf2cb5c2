"""The diffusion portrait beside the Gaussian route, on films of studio persons that no network has seen.

    python -m gaussian_heads.training.compare_portrait --film build/videos/s1003 --out build/portrait/s1003
    gaussian-heads personalize build/portrait/s1003/photo.png --synthetic --steps 0 --out build/zero_shot.uhap
    gaussian-heads personalize build/videos/s1003/video.mp4 --synthetic --out build/personal.uhap
    python -m gaussian_heads.training.compare_portrait --film build/videos/s1003 --out build/portrait/s1003 \\
        --heads zero_shot=build/zero_shot.uhap personal=build/personal.uhap --tracker face_landmarker.task

The photo is the calmest frame of the film's first part. Every way gets the true codes and head poses and is compared in the
photo's window of 256 pixels: likeness (`portrait.measures`) over the held-out frames, what an independent tracker sees over
the whole film, or so much of its first part as `--most` says. `--heard` adds a network that has the sound instead of
landmarks of the mouth.
"""

from __future__ import annotations

import argparse
import json
import logging
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from ..core.assets import ASSETS
from ..core.audio import SPEECH_RATE_HZ, load_audio
from ..core.avatar import Avatar
from ..core.files import replace_on_success
from ..core.monocular.encoder import MonocularEncoder
from ..core.monocular.finder import FaceFinder
from ..core.monocular.landmarker import FaceLandmarker
from ..core.portrait.model import STEPS, PortraitModel
from ..core.portrait.photo import photo_of
from ..core.video import read_sound
from .commands import run_command
from .dataset.layout import HELD_OUT, TRAIN
from .dataset.stored import read_arrays, read_json
from .evaluate_personal_film import FRONT, Film, TrueFrame
from .portrait.fit import load_portrait
from .portrait.measures import (
    Likeness,
    SeenLips,
    TrueFilm,
    likeness,
    seen_closures,
    seen_lips,
    tracked,
)
from .portrait.sheet import spread, write_sheet
from .portrait.ways import Draw, Drawn, Head, Heard, Scene, Warped, still, timed
from .prior_file import load_prior
from .prior_settings import TrainingError
from .studio_films import FILMS, GRAIN_STREAM, backdrop, filmed

LOG = logging.getLogger(__name__)
TRUTH = "truth"
# Films follow each other with so much between them, where one curve is made of both.
APART_SEC = 1000.0


@dataclass(frozen=True)
class Figures:
    """Of one way; what the tracker sees is unknown without one."""

    likeness: Likeness
    seen: SeenLips | None
    closure_j: float | None
    frame_sec: float


def open_scene(folder: Path, out: Path, prior: Path) -> Scene:
    """Read a film and make its photo, which is written to `out`."""
    film = Film.open(folder, load_prior(prior), every=sys.maxsize, is_whole=True)
    seed = read_json(folder / "film.json")["seed"]
    first = [f for f, held in zip(film.frames, film.truth.is_held_out, strict=True) if not held]
    calm = min(first, key=lambda f: float(np.abs(f.controls).sum() + np.abs(f.head_pose[:3]).sum()))
    room = backdrop(seed, film.truth.cameras[FRONT].width)
    grain = np.random.default_rng([seed, GRAIN_STREAM])
    pixels = filmed(film.truth.picture(calm.name), room, grain)
    path = out / "photo.png"
    with replace_on_success(path) as temporary:
        Image.fromarray(pixels).save(temporary, "png")
    photo = photo_of(pixels, str(path), MonocularEncoder.open(), FaceFinder.open())
    return Scene(film, photo, calm, room)


def film_sounds(folder: Path) -> dict[str, np.ndarray]:
    """What is said in a film's parts, by what their frames' names begin with."""
    return {prefix: waveform_of(folder / name) for name, prefix in FILMS.values()}


def waveform_of(path: Path) -> np.ndarray:
    """The sound `[S]` of a film or recording, as the speech network is given it."""
    return load_audio(path, read_sound, target_rate=SPEECH_RATE_HZ)[0]


def ways_of(options: argparse.Namespace, waveforms: Mapping[str, np.ndarray]) -> dict[str, Draw]:
    """All ways by name; `waveforms` as `Heard` has them."""
    driver = Avatar.open(options.driver)
    ways: dict[str, Draw] = {"photo": still, "warped": Warped(driver)}
    model = PortraitModel.open(options.model)
    network = load_portrait(options.heard)[0] if options.heard else None
    if network is not None and not network.settings.sound_dim:
        raise TrainingError(
            f"The network of '{options.heard}' does not hear: give --heard one that was trained with --sounds."
        )
    for steps in options.steps:
        count = f"{steps} step{'s' if steps > 1 else ''}"
        ways[f"portrait, {count}"] = Drawn(driver, model, steps)
        if network is not None:
            ways[f"heard, {count}"] = Heard(driver, network, waveforms, steps)
    for name, path in options.heads:
        ways[name] = Head(Avatar.open(path))
    return ways


def compare(options: argparse.Namespace) -> None:
    """Draw the film in all ways; print a row for each, write figures and a sheet."""
    # All that may be missing is opened before anything is drawn.
    ways = ways_of(options, film_sounds(options.film) if options.heard else {})
    landmarker = FaceLandmarker.open(options.tracker) if options.tracker else None
    options.out.mkdir(parents=True, exist_ok=True)
    scene = open_scene(options.film, options.out, options.prior)
    is_held_out = scene.film.truth.is_held_out
    rows = np.r_[np.flatnonzero(~is_held_out)[: options.most], np.flatnonzero(is_held_out)]
    frames, held_out = [scene.film.frames[row] for row in rows], np.flatnonzero(is_held_out[rows])
    true = scene.truth(frames)
    kept = TrueFilm(true.wanted[held_out], true.mask[held_out], true.mouth[held_out])
    speech = one_speech(options.film, scene.film, rows)
    figures, shown, record = {}, {TRUTH: true.wanted}, {}
    if landmarker is not None:
        wanted = tracked(landmarker, true.wanted)
        record[TRUTH] = {"closure_j": seen_closures(wanted, *speech)}
    for name, draw in ways.items():
        LOG.info("%s …", name)
        shown[name], frame_sec = timed(draw, scene, frames)
        seen, closures = None, None
        if landmarker is not None:
            points = tracked(landmarker, shown[name])
            seen, closures = seen_lips(points, wanted), seen_closures(points, *speech)
        like = likeness([kept], [shown[name][held_out]])
        figures[name] = Figures(like, seen, closures, frame_sec)
        record[name] = asdict(figures[name])
        LOG.info("%s", row(name, figures[name]))
    with replace_on_success(options.out / "figures.json") as temporary:
        temporary.write_text(json.dumps(record, indent=1) + "\n", "utf8")
    write_sheet(options.out / "sheet.jpg", shown, picked(scene, frames, held_out))
    sys.stdout.write(
        "| way | PSNR | SSIM | mouth PSNR | flicker | landmarks, lips (px) | lip gap r | closure J | s/frame |\n"
        "|---|---|---|---|---|---|---|---|---|\n"
    )
    for name, one in figures.items():
        sys.stdout.write(row(name, one) + "\n")


def one_speech(
    folder: Path, film: Film, rows: np.ndarray
) -> tuple[np.ndarray, list[tuple[str, float, float]]]:
    """Times of frames `rows` of a film and the phones that fall among them, its two parts one after the other."""
    spoken = json.loads(str(read_arrays(folder / "truth.npz")["phones"]))
    times_sec, is_held_out = film.truth.times_sec[rows], film.truth.is_held_out[rows]
    phones = [
        (name, start + later, end + later)
        for part, mine, later in ((TRAIN, ~is_held_out, 0.0), (HELD_OUT, is_held_out, APART_SEC))
        for name, start, end in spoken[part]
        if end <= times_sec[mine].max(initial=-1.0)
    ]
    return times_sec + APART_SEC * is_held_out, phones


def row(name: str, figures: Figures) -> str:
    """A row of the table."""
    like, seen = figures.likeness, figures.seen
    lips = "– | – | –"
    if seen is not None:
        lips = f"{seen.landmarks_px:.2f}, {seen.lips_px:.2f} | {seen.gap_correlation:.2f} | {figures.closure_j:.2f}"
    return (
        f"| {name} | {like.psnr_db:.2f} | {like.ssim:.3f} | {like.mouth_psnr_db:.2f} | {like.flicker:.2f} "
        f"| {lips} | {figures.frame_sec:.2f} |"
    )


def picked(scene: Scene, frames: Sequence[TrueFrame], held_out: np.ndarray) -> np.ndarray:
    """Held-out frames from the most shut to the most open mouth."""
    marks = np.stack([scene.film.true_landmarks(frames[index])[[62, 66]] for index in held_out])
    return held_out[spread(np.linalg.norm(marks[:, 0] - marks[:, 1], axis=1))]


def options_parser(description: str) -> argparse.ArgumentParser:
    """What every comparison on a film is told."""
    parser = argparse.ArgumentParser(
        description=description, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--film", type=Path, required=True, help="what capture.video made")
    parser.add_argument("--out", type=Path, required=True, help="folder of photo and figures")
    parser.add_argument(
        "--heads", nargs="*", default=[], metavar="NAME=FILE", type=named_head, help="avatars of it"
    )
    parser.add_argument("--heard", type=Path, help="checkpoint of a network that hears")
    parser.add_argument("--tracker", type=Path, help="model of MediaPipe's Face Landmarker")
    parser.add_argument("--steps", type=int, nargs="+", default=[STEPS])
    parser.add_argument("--model", type=Path, help="folder of the portrait networks")
    parser.add_argument("--driver", type=Path, default=ASSETS / "avatars/maya.uhap")
    parser.add_argument("--prior", type=Path, default=ASSETS / "prior")
    return parser


def named_head(word: str) -> tuple[str, Path]:
    """A head's name and file; raises for words that are none."""
    name, separator, path = word.partition("=")
    if not separator or not name or not path:
        raise argparse.ArgumentTypeError(f"'{word}' names no head: write NAME=FILE.uhap.")
    return name, Path(path)


def main(arguments: list[str] | None = None) -> int:
    """Command line; returns the exit code."""
    parser = options_parser(__doc__)
    parser.add_argument("--most", type=int, help="so many frames of the first part at most")
    options = parser.parse_args(arguments)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    return run_command(lambda: compare(options))


if __name__ == "__main__":
    raise SystemExit(main())
