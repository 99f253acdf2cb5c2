"""What the trainings of the small networks beside the encoder share: the loop, resuming, and the ONNX file."""

from __future__ import annotations

import argparse
import json
import logging
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import onnx
import torch
from torch import Tensor, nn

from ..core.errors import GaussianHeadsError
from ..core.files import replace_on_success
from ..core.monocular.network import VERSION, Ports
from .channel_bytes import store_bytes
from .monocular_scenes import HeadPictures, SceneCamera
from .onnx_graph import traced

logger = logging.getLogger(__name__)
REPORT_STEPS, SAVE_SEC = 100, 60.0
# Weights are averaged over about so many steps, which steadies batch norms as well.
AVERAGE_STEPS = 200
# Sets of new pictures that are kept.
POOL_PARTS = 100
HELD_OUT_BATCHES, HELD_OUT_SEED = 8, 10_000

Batch = tuple[Tensor, ...]


@dataclass(frozen=True)
class SmallSettings:
    """How a small network is trained: minutes of processor time, over which the learning rate falls to nothing."""

    minutes: float = 12.0
    batch: int = 16
    fresh: int = 6
    learning_rate: float = 2e-3
    seed: int = 1


@dataclass(frozen=True)
class Recipe:
    """One network: how its pictures are drawn, judged and exported."""

    network: Callable[[], nn.Module]
    draw_batch: Callable[[HeadPictures, SceneCamera, int], Batch]
    loss_of: Callable[[nn.Module, Batch], Tensor]
    export: Callable[[nn.Module, Path], int]


def train_small(
    recipe: Recipe, heads: HeadPictures, work: Path, settings: SmallSettings
) -> nn.Module:
    """The trained network (its averaged weights); checkpoints in `work` are gone on from."""
    torch.manual_seed(settings.seed)
    network = recipe.network()
    average = torch.optim.swa_utils.AveragedModel(
        network,
        multi_avg_fn=torch.optim.swa_utils.get_ema_multi_avg_fn(1 - 1 / AVERAGE_STEPS),
        use_buffers=True,
    )
    optimizer = torch.optim.AdamW(network.parameters(), settings.learning_rate, weight_decay=1e-3)
    state = _State(network, average, optimizer, work / "checkpoint.pt")
    state.load()
    camera = SceneCamera(settings.seed + 1000 * state.step)
    pool = _Pool(lambda count: recipe.draw_batch(heads, camera, count), settings, camera.rng)
    saved, began = time.monotonic(), time.process_time()
    spent_before, losses = state.spent_sec, []
    while state.spent_sec < 60 * settings.minutes:
        done = state.spent_sec / (60 * settings.minutes)
        for group in optimizer.param_groups:
            warm = min(1.0, (state.step + 1) / 100)
            group["lr"] = float(settings.learning_rate * warm * (0.5 + 0.5 * np.cos(np.pi * done)))
        loss = recipe.loss_of(network.train(), pool.batch())
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(network.parameters(), 5.0)
        optimizer.step()
        average.update_parameters(network)
        state.step += 1
        losses.append(float(loss.detach()))
        state.spent_sec = spent_before + time.process_time() - began
        if state.step % REPORT_STEPS == 0:
            logger.info("step %d, %.0f s, loss %.4f", state.step, state.spent_sec, np.mean(losses))
            losses = []
        if time.monotonic() - saved > SAVE_SEC:
            state.save()
            saved = time.monotonic()
    state.save()
    return average.module.eval()


@torch.no_grad()
def held_out_loss(recipe: Recipe, network: nn.Module, heads: HeadPictures) -> float:
    """Mean loss over scenes that training did not draw."""
    camera = SceneCamera(HELD_OUT_SEED)
    batches = (recipe.draw_batch(heads, camera, 16) for _ in range(HELD_OUT_BATCHES))
    return float(np.mean([float(recipe.loss_of(network.eval(), batch)) for batch in batches]))


class _Pool:
    """Drawn pictures that are trained on a few times each: drawing one takes longer than learning from it."""

    def __init__(
        self, draw: Callable[[int], Batch], settings: SmallSettings, rng: np.random.Generator
    ) -> None:
        self.draw, self.size, self.fresh, self.rng = draw, settings.batch, settings.fresh, rng
        self.parts: list[Batch] = []

    def batch(self) -> Batch:
        """A few new pictures and others from before."""
        new = self.draw(self.fresh)
        self.parts = [*self.parts[1 - POOL_PARTS :], new]
        kept = [
            self.parts[i] for i in self.rng.integers(len(self.parts), size=self.size - self.fresh)
        ]
        rows = self.rng.integers(self.fresh, size=len(kept))
        return tuple(
            torch.cat(
                [column, torch.stack([part[k][i] for part, i in zip(kept, rows, strict=True)])]
            )
            for k, column in enumerate(new)
        )


@dataclass
class _State:
    """What is kept between runs."""

    network: nn.Module
    average: nn.Module
    optimizer: torch.optim.Optimizer
    path: Path
    step: int = 0
    spent_sec: float = 0.0

    def save(self) -> None:
        """Write the checkpoint."""
        parts = {
            name: getattr(self, name).state_dict() for name in ("network", "average", "optimizer")
        }
        with replace_on_success(self.path) as temporary:
            torch.save(parts | {"step": self.step, "spent_sec": self.spent_sec}, temporary)

    def load(self) -> None:
        """Go on from the checkpoint, where there is one."""
        if not self.path.is_file():
            return
        kept = torch.load(self.path, weights_only=True)
        for name in ("network", "average", "optimizer"):
            getattr(self, name).load_state_dict(kept[name])
        self.step, self.spent_sec = kept["step"], kept["spent_sec"]


def export_small(
    network: nn.Module, ports: Ports, out: Path, *, size_px: int, axes: dict[str, dict[int, str]]
) -> int:
    """Write a network of pictures `[B, H, W, 3]` uint8 as ONNX with byte weights; returns the file's bytes."""
    example = torch.zeros((1, size_px, size_px, 3), dtype=torch.uint8)
    model = traced(network, example, [ports.input], ports.outputs, axes=axes)
    store_bytes(model)
    onnx.helper.set_model_props(model, {"kind": ports.kind, "version": str(VERSION)})
    onnx.checker.check_model(model)
    data = model.SerializeToString()
    with replace_on_success(out) as temporary:
        temporary.write_bytes(data)
    return len(data)


def run(recipe: Recipe, description: str, arguments: list[str] | None) -> int:
    """The command line of a small network's training; returns the exit code."""
    parser = argparse.ArgumentParser(
        description=description, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--heads", type=Path, required=True, help="shards of monocular_renders --mode head"
    )
    parser.add_argument("--work", type=Path, required=True, help="folder of the checkpoint")
    parser.add_argument("--out", type=Path, required=True, help="the ONNX file")
    parser.add_argument("--minutes", type=float, default=SmallSettings.minutes)
    parser.add_argument("--seed", type=int, default=SmallSettings.seed)
    options = parser.parse_args(arguments)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    torch.set_num_threads(1)
    settings = SmallSettings(minutes=options.minutes, seed=options.seed)
    try:
        heads = HeadPictures(options.heads)
        network = train_small(recipe, heads, options.work, settings)
        error = held_out_loss(recipe, network, heads)
        size = recipe.export(network, options.out)
    except GaussianHeadsError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    except KeyboardInterrupt:
        sys.stderr.write("Stopped; the same command goes on.\n")
        return 130
    described = {"settings": asdict(settings), "heads": len(heads), "loss": error, "bytes": size}
    with replace_on_success(options.out.with_suffix(".json")) as temporary:
        temporary.write_text(json.dumps(described, indent=2) + "\n")
    logger.info("held-out loss %.4f, %d bytes", error, size)
    return 0
