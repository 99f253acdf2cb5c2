"""Trains the diffusion portrait: a talking face from landmarks and one photo (arXiv 2509.19749, second stage).

    python -m gaussian_heads.training.diffusion --clips build/portrait/clips --work build/portrait/seen --minutes 60

First single pictures, then, with `--frames`, parts of clips, where the temporal layers learn. Ctrl-C stops it, the
same command goes on, also with more minutes; clips that were made meanwhile are found. Writes `curve.csv`, pictures
and a checkpoint into the work folder; `training.portrait.export` makes ONNX files of it. Several processes (`torchrun
--nproc-per-node N -m gaussian_heads.training.diffusion …`) take a batch each; where there is CUDA it is used.
"""

from __future__ import annotations

import argparse
import csv
import logging
import math
import os
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch
from torch.utils.data import DataLoader

from ..core.files import replace_on_success
from .commands import run_command
from .networks.portrait import PortraitNetwork, PortraitSettings
from .portrait.flow import flow_loss
from .portrait.pool import ClipPool, PoolSettings, Sample, collate, on_device
from .portrait.sheet import save_sheet
from .portrait.sounds import SOUND_DIM
from .prior_processes import Processes
from .prior_settings import TrainingError
from .resumable import BROKEN

logger = logging.getLogger(__name__)
LOG_STEPS, SHEET_STEPS, CHECKPOINT_STEPS = 50, 500, 200
WARM_UP_STEPS, GRADIENT_NORM = 100, 1.0
# The averaged weights forget what is older than about so many steps, fewer in the beginning.
AVERAGED_STEPS = 500


@dataclass(frozen=True)
class DiffusionSettings:
    """One run; rates fall by a cosine over its minutes, and it ends with them or after so many steps."""

    minutes: float = 60.0
    steps: int | None = None
    batch: int = 12
    frames: int = 1
    rate: float = 8e-4
    last_rate: float = 2e-5
    decay: float = 0.01
    seed: int = 23


@dataclass(frozen=True)
class Places:
    """Folders of a run, and the checkpoint of another that it begins with."""

    clips: Path
    work: Path
    start: Path | None = None
    sounds: Path | None = None


class PortraitTraining:
    """A network, its averaged weights and its optimiser, which a checkpoint keeps."""

    def __init__(
        self,
        settings: DiffusionSettings,
        network: PortraitSettings,
        work: Path,
        processes: Processes,
    ) -> None:
        self.settings, self.work, self.processes = settings, work, processes
        torch.manual_seed(settings.seed)
        device = processes.device
        self.network = PortraitNetwork(network).to(device, memory_format=torch.channels_last)
        self.averaged = PortraitNetwork(network).to(device)
        self.averaged.load_state_dict(self.network.state_dict())
        self.optimizer = torch.optim.AdamW(
            self.network.parameters(), lr=settings.rate, weight_decay=settings.decay
        )
        self.step, self.trained_sec = 0, 0.0
        self.generator = torch.Generator().manual_seed(settings.seed)

    @property
    def checkpoint(self) -> Path:
        """Where everything is kept."""
        return self.work / "checkpoint.pt"

    def resume(self, start: Path | None = None) -> None:
        """Go on from the checkpoint, else begin with the averaged weights of another run."""
        if self.checkpoint.is_file():
            state = _read(self.checkpoint)
            self.network.load_state_dict(state["network"])
            self.averaged.load_state_dict(state["averaged"])
            self.optimizer.load_state_dict(state["optimizer"])
            self.step, self.trained_sec = state["step"], state["trained_sec"]
            logger.info("goes on after step %d, minute %.1f", self.step, self.trained_sec / 60)
        elif start is not None:
            state = _read(start)["averaged"]
            self.network.load_state_dict(state)
            self.averaged.load_state_dict(state)

    def save(self) -> None:
        """Write the checkpoint beside its name first."""
        state = {
            "network": self.network.state_dict(),
            "averaged": self.averaged.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "step": self.step,
            "trained_sec": self.trained_sec,
            "settings": asdict(self.settings),
            "sizes": asdict(self.network.settings),
        }
        with replace_on_success(self.checkpoint) as temporary:
            torch.save(state, temporary)

    def follow(self, batch: Sample) -> float:
        """One step; returns the loss."""
        share = min(self.trained_sec / 60 / self.settings.minutes, 1.0)
        falling = 0.5 + 0.5 * math.cos(math.pi * share)
        s = self.settings
        rate = (s.last_rate + (s.rate - s.last_rate) * falling) * min(
            (self.step + 1) / WARM_UP_STEPS, 1
        )
        for group in self.optimizer.param_groups:
            group["lr"] = rate
        loss = flow_loss(self.network, on_device(batch, self.processes.device), self.generator)
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()
        self.processes.average([p.grad for p in self.network.parameters() if p.grad is not None])
        torch.nn.utils.clip_grad_norm_(self.network.parameters(), GRADIENT_NORM)
        self.optimizer.step()
        self.step += 1
        keep = 1 - 1 / min(AVERAGED_STEPS, 1 + self.step / 4)
        with torch.no_grad():
            for mine, other in zip(
                self.averaged.parameters(), self.network.parameters(), strict=True
            ):
                mine.lerp_(other, 1 - keep)
        return loss.item()

    def run(self, batches: Iterator[Sample]) -> None:
        """Train until minutes or steps are over."""
        before, losses = time.monotonic(), []
        try:
            while not self.processes.any(self._is_over()):
                batch = next(batches)
                losses.append(self.follow(batch))
                now = time.monotonic()
                self.trained_sec += now - before
                before = now
                if self.processes.is_first:
                    self._leave(batch, losses)
        finally:
            # Stopped too.
            if self.processes.is_first:
                self.save()

    def _is_over(self) -> bool:
        s = self.settings
        return self.trained_sec >= 60 * s.minutes or self.step >= (s.steps or math.inf)

    def _leave(self, batch: Sample, losses: list[float]) -> None:
        """What is left of a step now and then."""
        if self.step % LOG_STEPS == 0:
            self._log(float(np.mean(losses)))
            losses.clear()
        if self.step % SHEET_STEPS == 0:
            shown = on_device(batch, self.processes.device)
            save_sheet(self.averaged, shown, self.work / f"step-{self.step:06d}.png")
        if self.step % CHECKPOINT_STEPS == 0:
            self.save()

    def _log(self, loss: float) -> None:
        logger.info("step %d, minute %.1f: loss %.4f", self.step, self.trained_sec / 60, loss)
        with (self.work / "curve.csv").open("a", newline="") as stream:
            csv.writer(stream).writerow([self.step, f"{self.trained_sec:.0f}", f"{loss:.5f}"])


def load_portrait(path: Path) -> PortraitNetwork:
    """The averaged weights of a checkpoint."""
    state = _read(path)
    sizes = {k: tuple(v) if isinstance(v, list) else v for k, v in state["sizes"].items()}
    network = PortraitNetwork(PortraitSettings(**sizes))
    network.load_state_dict(state["averaged"])
    return network.eval()


def _read(path: Path) -> dict:
    try:
        return torch.load(path, weights_only=True, map_location="cpu")
    except BROKEN:
        raise TrainingError(
            f"'{path}' is no checkpoint of the diffusion portrait: delete it and train again."
        ) from None


def train(settings: DiffusionSettings, places: Places, workers: int) -> None:
    """Make all steps of a run that are missing."""
    places.work.mkdir(parents=True, exist_ok=True)
    sizes = PortraitSettings(sound_dim=SOUND_DIM if places.sounds else 0)
    processes = Processes()
    training = PortraitTraining(settings, sizes, places.work, processes)
    training.resume(places.start)
    # Each its own pictures, times and noise.
    seed = settings.seed + training.step + 1_000_003 * processes.rank
    training.generator.manual_seed(seed)
    pool = ClipPool(
        places.clips,
        PoolSettings(frames=settings.frames, sounds=places.sounds),
        seed,
    )
    loader = DataLoader(pool, batch_size=settings.batch, num_workers=workers, collate_fn=collate)
    try:
        training.run(iter(loader))
    finally:
        processes.close()


def main(arguments: list[str] | None = None) -> int:
    """Command line; returns the exit code."""
    standard = DiffusionSettings()
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--clips", type=Path, required=True, help="what capture.portrait_clips made"
    )
    parser.add_argument("--work", type=Path, required=True, help="folder of the run")
    parser.add_argument("--start", type=Path, help="checkpoint of another run to begin with")
    parser.add_argument(
        "--sounds",
        type=Path,
        help="what portrait.sounds made: the mouth is heard instead of given by landmarks",
    )
    parser.add_argument("--minutes", type=float, default=standard.minutes)
    parser.add_argument("--steps", type=int, help="end after so many, whatever the minutes")
    parser.add_argument("--batch", type=int, default=standard.batch)
    parser.add_argument(
        "--frames", type=int, default=standard.frames, help="of a clip in one sample"
    )
    parser.add_argument("--rate", type=float, default=standard.rate, help="first learning rate")
    parser.add_argument("--seed", type=int, default=standard.seed)
    parser.add_argument("--workers", type=int, default=1, help="processes that make batches")
    options = parser.parse_args(arguments)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    torch.set_num_threads(int(os.environ.get("OMP_NUM_THREADS", os.cpu_count() or 1)))
    settings = DiffusionSettings(
        minutes=options.minutes,
        steps=options.steps,
        batch=options.batch,
        frames=options.frames,
        rate=options.rate,
        seed=options.seed,
    )
    places = Places(options.clips, options.work, options.start, options.sounds)
    return run_command(lambda: train(settings, places, options.workers))


if __name__ == "__main__":
    raise SystemExit(main())
