"""One run of the portrait network: what it learns from, at which rate, and the running average that is used."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn
from torch.utils.data import DataLoader

from ...core.portrait.drawing import MAP_PX
from ..board import Board
from ..networks.portrait import PortraitNetwork, PortraitSettings
from ..prior_settings import TrainingError
from ..processes import Processes
from ..resumable import BROKEN, Stateful, TimedFit
from .flow import BEGINNING_SHARE, flow_loss
from .pool import FRAMES, ClipPool, Sample, collate, on_device
from .sheet import sheet_of

# The part of a checkpoint that is used, and what the averaging puts before each name in it.
AVERAGE, PREFIX = "average", "module."
EARLIER = "earlier"


@dataclass(frozen=True)
class DiffusionSettings:
    """All of a run; it ends after `steps` or `minutes`, whichever comes first, and rates fall until then."""

    seed: int = 23
    steps: int = 1_000_000
    minutes: float = 60.0
    batch: int = 12
    frames: int = 1
    side: int = MAP_PX
    beginning: float = BEGINNING_SHARE
    rate: float = 8e-4
    last_rate: float = 0.025
    warmup_steps: int = 100
    decay: float = 0.01
    average: float = 0.998
    clip: float = 1.0
    checkpoint_steps: int = 200
    report_steps: int = 50
    picture_steps: int = 500
    network: PortraitSettings = field(default_factory=PortraitSettings)

    def __post_init__(self) -> None:
        if self.steps < 1 or self.batch < 1 or not self.minutes > 0 or not self.rate >= 0:
            raise TrainingError(
                "A run needs a step, a picture a step and some time: raise --steps, --batch or --minutes."
            )
        if not 1 <= self.frames <= FRAMES:
            raise TrainingError(
                f"A clip has {FRAMES} frames in a row: give --frames from 1 to that."
            )


class EarlierRuns:
    """What is known of the runs that a run began with, the first one first."""

    def __init__(self) -> None:
        self.notes: list[dict[str, Any]] = []

    def state_dict(self) -> dict[str, Any]:
        """For a checkpoint."""
        return {"notes": self.notes}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Take it back."""
        self.notes = state["notes"]


class PortraitFit(TimedFit):
    """Learns from clips; `average` is what is exported."""

    def __init__(
        self, settings: DiffusionSettings, processes: Processes, board: Board, *, workers: int = 1
    ) -> None:
        super().__init__(settings)
        torch.manual_seed(settings.seed)
        self.processes, self.board, self.workers = processes, board, workers
        network = PortraitNetwork(settings.network)
        self.network = network.to(processes.device, memory_format=torch.channels_last)
        self.average = AveragedModel(
            self.network, multi_avg_fn=get_ema_multi_avg_fn(settings.average)
        )
        self.solver = torch.optim.AdamW(
            self.network.parameters(), settings.rate, weight_decay=settings.decay
        )
        self.earlier = EarlierRuns()

    def parts(self) -> dict[str, Stateful]:
        """What a checkpoint keeps."""
        return {
            "network": self.network,
            AVERAGE: self.average,
            "solver": self.solver,
            "clock": self.clock,
            EARLIER: self.earlier,
        }

    def is_same_run(self, settings: dict[str, Any]) -> bool:
        """Only the network must be the same: a run may become longer."""
        return settings.get("network") == dataclasses.asdict(self.settings.network)

    def begin_with(self, checkpoint: Path) -> None:
        """Take the average of another run, which may not have heard; raises `TrainingError` for other sizes."""
        state, own = _read(checkpoint), self.network.state_dict()
        found = _averaged(state)
        unheard = {name for name in own if name.startswith("sound.")} - found.keys()
        if {n: v.shape for n, v in found.items()} != {
            n: v.shape for n, v in own.items() if n not in unheard
        }:
            raise TrainingError(
                f"The network of '{checkpoint}' has other sizes: start with a checkpoint of the same network."
            )
        self.network.load_state_dict({**own, **found})
        self.average.module.load_state_dict(self.network.state_dict())
        self.earlier.notes = _runs(state)

    def save(self, path: Path) -> None:
        """Write a checkpoint; one process does it for all."""
        if self.processes.is_first:
            super().save(path)

    def order(self, items: ClipPool) -> Iterator[Sample]:
        """New batches until the run is over; what is drawn after a restart is drawn anew, and in each process."""
        items.seed = [self.settings.seed, self.step, self.processes.rank]
        loader = DataLoader(
            items, self.settings.batch, num_workers=self.workers, collate_fn=collate
        )
        batches = iter(loader)
        while not self.processes.any(self.progress() >= 1.0):
            yield on_device(next(batches), self.processes.device)

    def follow(self, batch: Sample) -> None:
        """One step."""
        s = self.settings
        share = min((self.step + 1) / s.warmup_steps, 1.0) * self.rate_share()
        for group in self.solver.param_groups:
            group["lr"] = s.rate * share
        seed = np.random.default_rng([s.seed, self.step, self.processes.rank]).integers(1 << 62)
        generator = torch.Generator().manual_seed(int(seed))
        loss = flow_loss(self.network, batch, generator, side=s.side, beginning=s.beginning)
        self.solver.zero_grad(set_to_none=True)
        loss.backward()
        self.processes.average([p.grad for p in self.network.parameters() if p.grad is not None])
        nn.utils.clip_grad_norm_(self.network.parameters(), s.clip)
        self.solver.step()
        self.average.update_parameters(self.network)
        self.board.add(self.step, {"loss": loss.item(), "rate": share})
        done = self.step + 1
        if self.processes.is_first and done % s.picture_steps == 0:
            self.board.image(done, sheet_of(self.average.module, batch))


def load_portrait(path: Path) -> tuple[PortraitNetwork, dict[str, Any]]:
    """The averaged network of a checkpoint, and its runs with settings and steps, the last one last."""
    state = _read(path)
    network = PortraitNetwork(PortraitSettings(**state["settings"]["network"]))
    network.load_state_dict(_averaged(state))
    return network.eval(), {"runs": _runs(state)}


def _runs(state: dict[str, Any]) -> list[dict[str, Any]]:
    last = {
        "settings": state["settings"],
        "steps": state["step"],
        "minutes": round(state["clock"]["elapsed_sec"] / 60, 1),
    }
    return [*state.get(EARLIER, {"notes": []})["notes"], last]


def _averaged(state: dict[str, Any]) -> dict[str, torch.Tensor]:
    return {
        name.removeprefix(PREFIX): value
        for name, value in state[AVERAGE].items()
        if name.startswith(PREFIX)
    }


def _read(path: Path) -> dict[str, Any]:
    try:
        return torch.load(path, weights_only=True, map_location="cpu")
    except BROKEN:
        raise TrainingError(
            f"'{path}' is no checkpoint of the diffusion portrait: train one with training.diffusion."
        ) from None
