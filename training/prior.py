"""Train the Universal Head Avatar Prior on a capture of many people.

    python -m gaussian_heads.training.prior --data build/capture --out build/prior

Runs on CPU cores with the package's own rasteriser or on CUDA with gsplat, with one configuration file; over
several processes with `torchrun --nproc-per-node N -m gaussian_heads.training.prior ...`. Ctrl-C stops it; the
same command goes on, also when persons were added to the capture.
"""

from __future__ import annotations

import argparse
import hashlib
import logging
import sys
from pathlib import Path
from typing import Any

import numpy as np
import torch

from ..core.errors import GaussianHeadsError
from ..core.files import replace_on_success
from .board import Board
from .dataset import Ava256Dataset, CaptureDataset, open_capture
from .dataset.layout import TRAIN
from .networks.prior import UniversalParts, UniversalPrior
from .prior_data import PersonData, PersonLoader
from .prior_file import load_prior, parts_arrays, parts_from_arrays, save_prior
from .prior_fit import PriorFit
from .prior_foundation import build_foundation
from .prior_latent import use_principal_codes
from .prior_settings import PriorSettings, read_settings
from .prior_start import start_shading
from .processes import Processes

__all__ = ["load_prior", "train_prior"]
logger = logging.getLogger(__name__)


def train_prior(data: Path, out: Path, settings: PriorSettings) -> UniversalPrior:
    """Train on the training persons of the capture `data`; leaves the prior and the run's work in `out`."""
    processes = Processes()
    try:
        return _train(open_capture(data), out, settings, processes)
    finally:
        processes.close()


def _train(
    dataset: CaptureDataset | Ava256Dataset,
    out: Path,
    settings: PriorSettings,
    processes: Processes,
) -> UniversalPrior:
    subjects = dataset.subjects(TRAIN)
    work = out / "work"
    # One process makes what all read.
    if processes.is_first:
        foundation(subjects, work, settings)
    processes.wait()
    torch.manual_seed(settings.seed)
    prior = UniversalPrior(foundation(subjects, work, settings), settings).to(processes.device)
    loader = PersonLoader(prior, work)
    if processes.is_first:
        persons = [loader.load(subject) for subject in subjects]
    processes.wait()
    if not processes.is_first:
        persons = [loader.load(subject) for subject in subjects]
    logger.info("%d persons, %d pictures", len(persons), sum(len(p.pictures) for p in persons))
    logger.info("linear shading explains %.2f of the brightness", start_shading(prior, persons))
    board = Board(out if processes.is_first else None, settings.report_steps)
    fit = PriorFit(prior, settings, board, processes)
    try:
        fit.run(persons, work / "checkpoint.pt")
    finally:
        board.close()
    fit.save(work / "checkpoint.pt")
    finish(fit, persons, out)
    return prior


def finish(fit: PriorFit, persons: list[PersonData], out: Path) -> None:
    """Give the code its public coordinates and write the prior."""
    sizes = use_principal_codes(fit.prior, persons)
    if not fit.processes.is_first:
        return
    space = save_prior(out, fit.prior, run_figures(fit, persons, sizes))
    megabytes = (out / "prior.safetensors").stat().st_size / 1e6
    logger.info("'%s': code space %s, %.1f MB", out, space, megabytes)


def run_figures(fit: PriorFit, persons: list[PersonData], sizes: np.ndarray) -> dict[str, Any]:
    """What the record says of a run."""
    return {
        "steps": fit.step,
        "minutes": round(fit.clock.elapsed_sec() / 60, 1),
        "processes": fit.processes.count,
        "persons": [person.subject.name for person in persons],
        "num_pictures": sum(len(person.pictures) for person in persons),
        "num_textures": sum(len(person.textured) for person in persons),
        "component_sizes": [round(float(size), 4) for size in sizes],
        "last_figures": fit.board.last,
    }


def foundation(subjects: list, work: Path, settings: PriorSettings) -> UniversalParts:
    """What the prior is built on: made once, so that persons can be added to a run."""
    path = work / "foundation.npz"
    names = subjects[0].topology.part_names if subjects else ()
    wanted = repr((settings.seed, settings.network.geometry_rank, settings.gaussians))
    key = hashlib.sha256(wanted.encode()).hexdigest()
    if path.is_file():
        with np.load(path) as arrays:
            if str(arrays["key"]) == key:
                return parts_from_arrays(dict(arrays), names)
    parts = build_foundation(subjects, settings)
    with replace_on_success(path) as temporary:
        np.savez_compressed(temporary, key=np.array(key), **parts_arrays(parts))
    with np.load(path) as arrays:
        return parts_from_arrays(dict(arrays), names)


def main(arguments: list[str] | None = None) -> int:
    """Command line; returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="capture (docs/TRAINING.md)")
    parser.add_argument("--out", type=Path, required=True, help="folder of the prior and its run")
    parser.add_argument("--config", type=Path, help="JSON file of settings (default: built in)")
    length = parser.add_mutually_exclusive_group()
    length.add_argument("--steps", type=int, help="length of the run, instead of the file's")
    length.add_argument("--minutes", type=float, help="length of the run in time")
    parser.add_argument(
        "--threads",
        type=int,
        default=1,
        help="torch's threads on the CPU: more wait for each other",
    )
    options = parser.parse_args(arguments)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    torch.set_num_threads(options.threads)
    changes: dict[str, Any] = {}
    if options.steps is not None:
        changes = {"steps": options.steps, "minutes": None}
    if options.minutes is not None:
        changes = {"minutes": options.minutes}
    try:
        train_prior(options.data, options.out, read_settings(options.config, **changes))
    except GaussianHeadsError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    except KeyboardInterrupt:
        return 130
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
