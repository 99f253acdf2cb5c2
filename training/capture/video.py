"""Film a person of the studio as somebody would film themselves for an avatar: one camera, sound, a room behind.

    python -m gaussian_heads.training.capture.video --seed 1003 --out build/videos/s1003

It can be stopped at any time; the same command goes on. `video.mp4` is what a person would give, `held_out.mp4` is
kept for measuring; `truth.npz`, `alpha.npz`, `frames/` and `side/` say what was really there. Sentences are real
recordings from the data folder, each under its own licence: films are not for redistribution.
"""

from __future__ import annotations

import argparse
import json
import logging
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path

import numpy as np

from ...core.camera import Camera
from ...core.files import replace_on_success
from ..commands import run_command
from ..dataset.layout import HELD_OUT, TRAIN, write_png
from ..dataset.stored import read_image
from ..filmed_head import FilmedHead
from ..studio_films import FILMS, GRAIN_STREAM, backdrop, filmed, write_movie
from .cameras import TARGET_M, ReferenceQuality, camera_around
from .identity import person as choose_person
from .people_plan import FIRST_RESERVED_SEED
from .sources import Sources, StudioError, find_sources
from .video_performance import FPS, Amounts, Performance, perform
from .video_sentences import CREDIT
from .video_states import STATES
from .video_style import PersonalStyle

LOG = logging.getLogger(__name__)
FRONT = "front"
# Cameras that only measure: where they stand, in degrees to the person's left.
SIDES_DEG = {"left": 45.0, "right": -45.0}
SIDE_EVERY, RISE_DEG = 4, 2.0
REPORT_EVERY_SEC = 20.0
VERSION = 1


@dataclass(frozen=True)
class Order:
    """What is to be filmed; a folder keeps to one."""

    seed: int
    side_px: int = 512
    amounts: Amounts = field(default_factory=Amounts)
    states: int = len(STATES)
    version: int = VERSION


def make_video(order: Order, sources: Sources, out: Path, *, threads: int = 0) -> None:
    """Make what the folder lacks."""
    check(order)
    _keep_to(order, out)
    identity = choose_person(order.seed)
    style = PersonalStyle.of(order.seed)
    films = dict(
        zip(
            (TRAIN, HELD_OUT),
            perform(order.seed, identity.sex, sources.root, order.amounts, style),
            strict=True,
        )
    )
    write_truth(out / "truth.npz", films, style)
    # Blender comes with this import: a folder whose light is baked does not need it.
    if not _is_lit(out / "scan", order.states):
        from .video_light import scan_and_light

        scan_and_light(order.seed, sources, out / "scan", states=order.states, threads=threads)
    cameras = make_cameras(order.side_px)
    write_cameras(out / "cameras.json", cameras)
    draw_frames(out, FilmedHead.open(out / "scan"), films, cameras)
    write_mattes(out / "alpha.npz", out, films)
    room = backdrop(order.seed, order.side_px)
    for split, film in films.items():
        name, prefix = FILMS[split]
        if not (out / name).is_file():
            grain = np.random.default_rng([order.seed, GRAIN_STREAM, len(prefix)])
            pictures = (
                filmed(read_image(path), room, grain) for path in frame_paths(out, split, film)
            )
            write_movie(out / name, pictures, film.speech.waveform, FPS)
            LOG.info("wrote %s", out / name)


def check(order: Order) -> None:
    """Refuse persons that are kept for others, and films that are none."""
    if not 0 <= order.seed < FIRST_RESERVED_SEED:
        raise StudioError(
            f"Seeds from {FIRST_RESERVED_SEED} are never rendered: choose one from 0 to "
            f"{FIRST_RESERVED_SEED - 1}."
        )
    if order.amounts.frames < 10 or order.amounts.held_out < 4:
        raise StudioError("A film needs 10 frames or more, and 4 or more that are held out.")
    if order.side_px < 64 or order.side_px % 2:
        raise StudioError("A film needs an even side of 64 pixels or more: change --side.")
    if order.states < 2:
        raise StudioError("Light is mixed from two baked expressions or more: raise --states.")


def _keep_to(order: Order, out: Path) -> None:
    """Write the order beside the film, or refuse where the folder holds another one."""
    path, record = out / "film.json", {**asdict(order), "sound": CREDIT}
    if path.is_file():
        if json.loads(path.read_text("utf8")) != record:
            raise StudioError(
                f"'{out}' holds a film with other settings: choose another --out or delete it."
            )
        return
    with replace_on_success(path) as temporary:
        temporary.write_text(json.dumps(record, indent=1) + "\n", encoding="utf8")


def _is_lit(scan: Path, states: int) -> bool:
    wanted = [scan / f"light/{name}.npy" for name in list(STATES)[:states]]
    return all(path.is_file() for path in (*wanted, scan / "texture.png", scan / "strands.npz"))


def make_cameras(side_px: int) -> dict[str, Camera]:
    """The camera that films, and those that only measure."""
    quality = ReferenceQuality(size_px=side_px)
    turns = {FRONT: 0.0, **SIDES_DEG}
    return {
        name: Camera(*camera_around(turn, quality, RISE_DEG, 1.0, TARGET_M), side_px, side_px)
        for name, turn in turns.items()
    }


def write_cameras(path: Path, cameras: dict[str, Camera]) -> None:
    """OpenCV world-to-camera matrices and intrinsics (px) by name."""
    record = {
        name: {
            "viewmat": camera.viewmat.tolist(),
            "K": camera.K.tolist(),
            "width": camera.width,
            "height": camera.height,
        }
        for name, camera in cameras.items()
    }
    with replace_on_success(path) as temporary:
        temporary.write_text(json.dumps(record, indent=1) + "\n", encoding="utf8")


def frame_names(split: str, film: Performance) -> list[str]:
    """v0000, v0001, ... of the film and h0000, ... of the held-out one."""
    return [f"{FILMS[split][1]}{index:04d}" for index in range(len(film.controls))]


def frame_paths(out: Path, split: str, film: Performance) -> list[Path]:
    """The drawn frames of one film."""
    return [out / f"frames/{name}.png" for name in frame_names(split, film)]


def write_truth(path: Path, films: dict[str, Performance], style: PersonalStyle) -> None:
    """What the person really did, both films one after the other."""
    parts = list(films.items())
    phones = {split: [[*p] for p in film.speech.phones] for split, film in parts}
    phrases = {split: [[*p] for p in film.speech.phrases] for split, film in parts}
    arrays = {
        "names": np.array([n for split, film in parts for n in frame_names(split, film)]),
        "split": np.array([split for split, film in parts for _ in film.controls]),
        "times": np.concatenate([film.times_sec for _, film in parts]),
        "controls": np.concatenate([film.controls for _, film in parts]).astype(np.float32),
        "head_pose": np.concatenate([film.head_pose for _, film in parts]).astype(np.float32),
        "style": np.array(json.dumps(style.record())),
        "phones": np.array(json.dumps(phones)),
        "phrases": np.array(json.dumps(phrases)),
    }
    with replace_on_success(path) as temporary, temporary.open("wb") as stream:
        np.savez_compressed(stream, **arrays)


def draw_frames(
    out: Path, head: FilmedHead, films: dict[str, Performance], cameras: dict[str, Camera]
) -> None:
    """Draw every frame that is not there: from the front, some of the held-out ones from the sides."""
    jobs = list(_jobs(out, films))
    missing = [job for job in jobs if not all(path.is_file() for path in job[2].values())]
    started = told = time.monotonic()
    for number, (film, index, paths) in enumerate(missing, 1):
        wanted = [cameras[name] for name in paths]
        pictures = head.draw(film.controls[index], film.head_pose[index], wanted)
        for path, pixels in zip(paths.values(), pictures, strict=True):
            write_png(path, pixels)
        now = time.monotonic()
        if now - told > REPORT_EVERY_SEC or number == len(missing):
            each_sec = (now - started) / number
            LOG.info("frame %d of %d, %.2f s each", number, len(missing), each_sec)
            told = now


def _jobs(
    out: Path, films: dict[str, Performance]
) -> Iterator[tuple[Performance, int, dict[str, Path]]]:
    for split, film in films.items():
        paths = frame_paths(out, split, film)
        for index, name in enumerate(frame_names(split, film)):
            wanted = {FRONT: paths[index]}
            if split == HELD_OUT and index % SIDE_EVERY == 0:
                wanted |= {side: out / f"side/{name}_{side}.png" for side in SIDES_DEG}
            yield film, index, wanted


def write_mattes(path: Path, out: Path, films: dict[str, Performance]) -> None:
    """The true mattes [T, H, W] uint8 of both films."""
    if path.is_file():
        return
    mattes = {
        split: np.stack([read_image(p)[..., 3] for p in frame_paths(out, split, film)])
        for split, film in films.items()
    }
    with replace_on_success(path) as temporary, temporary.open("wb") as stream:
        np.savez_compressed(stream, **mattes)


def parse(arguments: list[str] | None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seed", type=int, required=True, help="the studio's person")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--data", help="data folder, else GAUSSIAN_HEADS_DATA")
    parser.add_argument("--frames", type=int, default=Amounts().frames)
    parser.add_argument("--held-out", type=int, default=Amounts().held_out)
    parser.add_argument("--side", type=int, default=512, help="pixels of the picture's side")
    parser.add_argument("--states", type=int, default=len(STATES), help="expressions to bake")
    parser.add_argument("--threads", type=int, default=0, help="of Cycles, 0 for all")
    return parser.parse_args(arguments)


def main(arguments: list[str] | None = None) -> int:
    """Command line; returns the exit code."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    options = parse(arguments)
    amounts = Amounts(options.frames, options.held_out)
    order = Order(options.seed, options.side, amounts, min(options.states, len(STATES)))
    return run_command(
        lambda: make_video(order, find_sources(options.data), options.out, threads=options.threads)
    )


if __name__ == "__main__":
    raise SystemExit(main())
