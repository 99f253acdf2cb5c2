"""Trains the diffusion portrait: a talking face from landmarks and one photo (arXiv 2509.19749, second stage).

    python -m gaussian_heads.training.diffusion --clips build/portrait/clips --work build/portrait/pictures --minutes 60

First squares of single pictures about what counts (`--side 32`), then whole ones, then, with `--frames`, parts of
clips, where the temporal layers learn. Ctrl-C stops it, the same command goes on, also with more minutes; clips that
were made meanwhile are found. Leaves curves, pictures and a checkpoint in the work folder; `training.portrait.export`
makes ONNX files of it. Several processes (`torchrun --nproc-per-node N -m gaussian_heads.training.diffusion …`) take
a batch each; where there is CUDA it is used.
"""

from __future__ import annotations

import argparse
import logging
import os
from dataclasses import replace
from pathlib import Path

import torch

from ..core.portrait.drawing import MAP_PX
from .board import Board
from .commands import run_command
from .networks.portrait import PortraitSettings
from .portrait.fit import DiffusionSettings, PortraitFit
from .portrait.pool import ClipPool
from .portrait.sounds import SOUND_DIM
from .processes import Processes

# Settings that the command line gives.
ASKED = ("seed", "steps", "minutes", "batch", "frames", "side", "beginning", "rate")


def train(options: argparse.Namespace, network: PortraitSettings) -> None:
    """Make all steps of a run that are missing."""
    settings = DiffusionSettings(**{n: getattr(options, n) for n in ASKED}, network=network)
    clips = ClipPool(options.clips, frames=settings.frames, sounds=options.sounds)
    processes = Processes()
    board = Board(options.work if processes.is_first else None, settings.report_steps)
    try:
        fit = PortraitFit(settings, processes, board, workers=options.workers)
        checkpoint = options.work / "checkpoint.pt"
        if options.after is not None and not checkpoint.is_file():
            fit.begin_with(options.after)
        fit.run(clips, checkpoint)
        fit.save(checkpoint)
    finally:
        board.close()
        processes.close()


def parse(arguments: list[str] | None) -> argparse.Namespace:
    """Read the command line."""
    standard = DiffusionSettings()
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--clips", type=Path, required=True, help="what capture.portrait_clips made"
    )
    parser.add_argument("--work", type=Path, required=True, help="folder of the run")
    parser.add_argument("--after", type=Path, help="checkpoint of another run to begin with")
    parser.add_argument(
        "--sounds",
        type=Path,
        help="what portrait.sounds made: the mouth is heard instead of given by landmarks",
    )
    parser.add_argument("--minutes", type=float, default=standard.minutes)
    parser.add_argument("--steps", type=int, default=standard.steps, help="at most")
    parser.add_argument("--batch", type=int, default=standard.batch)
    parser.add_argument(
        "--frames", type=int, default=standard.frames, help="of a clip in one sample"
    )
    parser.add_argument(
        "--side",
        type=int,
        default=standard.side,
        choices=range(16, MAP_PX + 1, 4),
        metavar="SIDE",
        help="of the square of each picture that is learnt from at a time, of 64 places; in fours",
    )
    parser.add_argument(
        "--beginning",
        type=float,
        default=standard.beginning,
        help="share of samples at the flow's beginning; much of it for films that are drawn in one step",
    )
    parser.add_argument("--rate", type=float, default=standard.rate, help="first learning rate")
    parser.add_argument("--seed", type=int, default=standard.seed)
    parser.add_argument("--workers", type=int, default=1, help="processes that make batches")
    return parser.parse_args(arguments)


def main(arguments: list[str] | None = None, network: PortraitSettings | None = None) -> int:
    """Command line; returns the exit code."""
    options = parse(arguments)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    torch.set_num_threads(int(os.environ.get("OMP_NUM_THREADS", os.cpu_count() or 1)))
    sizes = replace(network or PortraitSettings(), sound_dim=SOUND_DIM if options.sounds else 0)
    return run_command(lambda: train(options, sizes))


if __name__ == "__main__":
    raise SystemExit(main())
