"""Photograph many synthetic persons in a capture dome: scans, tracked frames, lit textures and pictures.

python -m gaussian_heads.training.capture.people --out build/capture --train 48 --validate 8

It can be stopped at any time; the same command goes on, and greater numbers add to what is there.
"""

from __future__ import annotations

import argparse
import logging
import time
from functools import partial
from pathlib import Path

from ..commands import run_command
from ..dataset import layout
from .ict import load_model
from .lighting import RIGS
from .people_plan import (
    FIRST_RESERVED_SEED,
    FIRST_TRAIN_SEED,
    FIRST_VALIDATE_SEED,
    QUALITIES,
    Amounts,
    Settings,
    make_cameras,
    make_persons,
    missing_work,
)
from .people_workers import Make, Message
from .people_workers import make_persons as make_in_workers
from .sources import StudioError, find_sources

LOG = logging.getLogger(__name__)
INFO = {
    "name": "Synthetic persons of the Gaussian Heads studio",
    "created_by": "gaussian_heads.training.capture.people",
    "licence": "CC-BY-4.0",
    "credits": "ICT-FaceKit (c) 2020 USC Institute for Creative Technologies, MIT; Infinite, 3D Head Scan "
    "by Lee Perry-Smith / Infinite-Realities, CC BY 3.0; HumanShaders by Yni-Viar, MIT and CC BY 4.0",
}


def parse(arguments: list[str] | None) -> argparse.Namespace:
    """Read the command line."""
    amounts = Amounts()
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--data", help="data folder, else GAUSSIAN_HEADS_DATA")
    parser.add_argument("--train", type=int, default=48, help="persons to train on")
    parser.add_argument("--validate", type=int, default=8, help="persons kept for validation")
    parser.add_argument("--seed0", type=int, default=0, help="first seed of either group")
    parser.add_argument("--frames", type=int, default=amounts.frames, help="tracked frames each")
    parser.add_argument("--baked", type=int, default=amounts.baked, help="lit frames each")
    parser.add_argument("--pictures", type=int, default=amounts.pictures, help="path-traced each")
    parser.add_argument(
        "--evaluation", type=int, default=amounts.evaluation, help="held-out pictures each"
    )
    parser.add_argument(
        "--seen", type=int, default=amounts.seen, help="training persons with those"
    )
    parser.add_argument("--quality", choices=sorted(QUALITIES), default="final")
    parser.add_argument("--light", choices=sorted(RIGS), default="dome")
    parser.add_argument("--jobs", type=int, default=2, help="processes side by side")
    parser.add_argument(
        "--threads", type=int, default=1, help="of Cycles in each process, 0 for all"
    )
    return parser.parse_args(arguments)


def check(options: argparse.Namespace) -> None:
    """Refuse numbers that make no capture."""
    last_train = FIRST_TRAIN_SEED + options.seed0 + options.train
    last_validate = FIRST_VALIDATE_SEED + options.seed0 + options.validate
    if options.seed0 < 0 or last_train > FIRST_VALIDATE_SEED or last_validate > FIRST_RESERVED_SEED:
        raise StudioError(
            f"Seeds {FIRST_TRAIN_SEED} to {FIRST_VALIDATE_SEED - 1} are for training and those up to "
            f"{FIRST_RESERVED_SEED - 1} for validation: choose --seed0 and the numbers within them."
        )
    if min(options.train, options.validate) < 0 or options.train + options.validate < 1:
        raise StudioError("A capture needs at least one person: give --train or --validate.")
    if options.frames < 2 or options.jobs < 1:
        raise StudioError("A person needs at least two frames, and the studio one process.")


def prepare(settings: Settings) -> Make:
    """What makes one person, with the model loaded; runs in a worker."""
    # Blender comes with the import, and belongs into workers alone.
    from .people_person import PersonMaker, Workshop

    workshop = Workshop(settings, load_model(settings.sources))
    return lambda person, report: PersonMaker(workshop, person, report).run()


def run(options: argparse.Namespace) -> int:
    """Make every person that the folder lacks; returns how many failed."""
    check(options)
    quality = QUALITIES[options.quality]
    amounts = Amounts(
        options.frames, options.baked, options.pictures, options.evaluation, options.seen
    )
    sources = find_sources(options.data)
    settings = Settings(options.out, sources, options.light, quality, amounts, options.threads)
    layout.write_cameras(options.out, make_cameras(quality))
    persons = make_persons(options.train, options.validate, options.seed0)
    missing = [p for p in persons if missing_work(options.out, p, amounts, quality)]
    LOG.info("%d of %d persons are to be made or finished", len(missing), len(persons))
    progress = Progress(len(missing))
    write_index(options)
    failures = []
    work = partial(prepare, settings)
    for message in make_in_workers(missing, options.jobs, work, options.out / "logs"):
        progress.tell(message)
        if message.failure:
            failures.append(message.person.name)
        if message.is_end or message.piece.endswith("neutral"):
            write_index(options)
    write_index(options)
    if failures:
        LOG.info("%d persons failed: %s", len(failures), ", ".join(failures))
    return len(failures)


def write_index(options: argparse.Namespace) -> None:
    """Name in dataset.json everybody whose neutral scan is whole."""
    subjects = {}
    for path in sorted((options.out / "subjects").glob("s*/neutral/texture.png")):
        name = path.parent.parent.name
        if (layout.subject_folder(options.out, name) / "subject.json").is_file():
            is_train = int(name[1:]) < FIRST_VALIDATE_SEED
            subjects[name] = layout.TRAIN if is_train else layout.VALIDATE
    info = layout.DatasetInfo(**INFO, light=options.light)
    layout.write_dataset(options.out, info, subjects)


class Progress:
    """Tells what is finished and how long the rest will take."""

    def __init__(self, total: int) -> None:
        self.total, self.ended, self.started = total, 0, time.monotonic()

    def tell(self, message: Message) -> None:
        """Log one message."""
        name = message.person.name
        if message.failure:
            LOG.error("%s failed: %s", name, message.failure)
        elif message.piece:
            LOG.info("%s: %s in %.1f s", name, message.piece, message.seconds)
        if message.is_end or message.failure:
            self.ended += 1
            elapsed = time.monotonic() - self.started
            left = elapsed / self.ended * (self.total - self.ended) / 60
            LOG.info("%d of %d persons, about %.0f min left", self.ended, self.total, left)


def main(arguments: list[str] | None = None) -> int:
    """Command line; returns the exit code."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    return run_command(lambda: 1 if run(parse(arguments)) else 0)


if __name__ == "__main__":
    raise SystemExit(main())
