"""Trains the motion generator, which lets Action Units act while speech moves the lips, and exports it.

Run: python -m gaussian_heads.training.au_motion --data DATA --work build/au_motion
Stop it whenever you like: the same command goes on from the last checkpoint. `--small` makes every stage tiny, to see
that the whole of it works in a minute; `--labels` trains one-hot emotions on the same network instead of Action Units,
to be compared with (`python bench/directing`), and exports it into the work folder as `labels.onnx`.

Speech is real recordings as the speech network hears them, directions are drawn (`directing.directions`), and the
motion that belongs to both is composed (`directing.performance`). The prior that ships gives landmarks.
"""

from __future__ import annotations

import argparse
import copy
import csv
import dataclasses
import json
import logging
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from ..core.assets import DIRECTION_MODEL
from ..core.files import replace_on_success
from ..core.spaces import ACTION_UNITS, au_to_arkit
from .commands import run_command
from .directing.directions import (
    EMOTIONS,
    captured_units,
    labelled_direction,
    prototype,
    sample_direction,
)
from .directing.export import export_generator
from .directing.head import MeanHead, mean_head
from .directing.hearing import TRAIN, Sentence, hear_all, sentence_of
from .directing.performance import Performer, normal
from .networks.au_motion import MotionGenerator, MotionShape
from .prior_settings import TrainingError
from .resumable import ResumableFit
from .speech_recordings import data_folder

LOG = logging.getLogger(__name__)
CHECKPOINT, CURVE, HEARD = "checkpoint.pt", "curve.csv", "heard"
GENERATOR, LABELS = "generator.onnx", "labels.onnx"
# What counts beside the mean: lips and lids are looked at most.
LANDMARK_WEIGHT = np.ones(68, np.float32)
LANDMARK_WEIGHT[17:27] = 1.5
LANDMARK_WEIGHT[36:68] = 2.0


@dataclass(frozen=True)
class AuMotionSettings:
    """How the generator is trained; losses are in millimetres of landmarks and in ARKit weights."""

    seed: int = 5
    steps: int = 4500
    batch: int = 16
    frames: int = 192
    rate: float = 2e-3
    last_rate: float = 0.02
    warm_up_steps: int = 100
    average: float = 0.998
    weight_decay: float = 0.01
    clip: float = 1.0
    checkpoint_steps: int = 250
    landmark: float = 1.0
    weights: float = 10.0
    continuity: float = 3.0
    kl: float = 0.006
    kl_from: float = 0.2
    use_labels: bool = False
    shape: MotionShape = MotionShape()

    @property
    def conditions(self) -> int:
        """How many numbers a moment is conditioned on."""
        return len(EMOTIONS) if self.use_labels else len(ACTION_UNITS)


@dataclass(frozen=True)
class Batch:
    """Speech `[B, N, 52]` and `[B, N, 15]`, what is asked for `[B, N, C]`, and what acting adds `[B, N, 52]`."""

    plain: Tensor
    features: Tensor
    asked: Tensor
    motion: Tensor


def make_generator(settings: AuMotionSettings, head: MeanHead) -> MotionGenerator:
    """An untrained generator; with labels, their shapes are those of the expressions' units."""
    shape = dataclasses.replace(settings.shape, conditions=settings.conditions)
    base = None
    if settings.use_labels:
        full = np.stack([prototype(name) for name in EMOTIONS]) @ au_to_arkit()
        base = torch.from_numpy(full.astype(np.float32) / 5.0)
    return MotionGenerator(shape, torch.from_numpy(head.gap_mm), base)


class AuMotionFit(ResumableFit):
    """The generator, its running average and the optimiser."""

    def __init__(
        self, settings: AuMotionSettings, sentences: Sequence[Sentence], data: Path, folder: Path
    ) -> None:
        super().__init__(settings)
        torch.manual_seed(settings.seed)
        head = mean_head()
        self.folder, self.sentences = folder, sentences
        self.captured = captured_units(data)
        self.network = make_generator(settings, head)
        self.average = copy.deepcopy(self.network).requires_grad_(False)
        self.performer = Performer(self.network.guard)
        moves = head.moves * LANDMARK_WEIGHT[:, None] / LANDMARK_WEIGHT.mean()
        self.moves_mm = torch.from_numpy(1000.0 * moves.reshape(len(moves), -1))
        self.optimiser = torch.optim.AdamW(
            self.network.parameters(),
            settings.rate,
            (0.9, 0.98),
            weight_decay=settings.weight_decay,
        )
        self.figures: dict[str, float] = {}
        self.begun_sec = time.monotonic()

    def parts(self) -> dict[str, Any]:
        """Network, average and optimiser."""
        return {"network": self.network, "average": self.average, "optimiser": self.optimiser}

    def order(self, items: Sequence[Any]) -> Iterator[int]:
        """Every step's own number: what is drawn follows from it."""
        return iter(range(self.step, self.settings.steps))

    def resume(self, path: Path) -> None:
        """Stand where a checkpoint was made, with the curve up to there."""
        super().resume(path)
        curve = self.folder / CURVE
        if not (self.step and curve.is_file()):
            return
        with curve.open(newline="") as stream:
            whole = [row for row in csv.DictReader(stream) if None not in row.values()]
        rows = [row for row in whole if int(row["step"]) < self.step]
        if not rows:
            curve.unlink()
            return
        with replace_on_success(curve) as temporary, temporary.open("w", newline="") as stream:
            writer = csv.DictWriter(stream, list(rows[-1]))
            writer.writeheader()
            writer.writerows(rows)
        self.figures = {k: float(v) for k, v in rows[-1].items() if k != "step"}

    def follow(self, item: int) -> None:
        """One step towards a new batch."""
        settings = self.settings
        warm = min((self.step + 1) / settings.warm_up_steps, 1.0)
        for group in self.optimiser.param_groups:
            group["lr"] = settings.rate * self.rate_share() * warm
        rng = np.random.default_rng([settings.seed, item])
        losses = self.losses(self.batch(rng), rng)
        self.optimiser.zero_grad(set_to_none=True)
        sum(losses.values()).backward()
        nn.utils.clip_grad_norm_(self.network.parameters(), settings.clip)
        self.optimiser.step()
        with torch.no_grad():
            for kept, new in zip(self.average.parameters(), self.network.parameters(), strict=True):
                kept.lerp_(new, 1.0 - settings.average)
        for name, loss in losses.items():
            value = loss.item()
            self.figures[name] = 0.98 * self.figures.get(name, value) + 0.02 * value
        if self.step % 50 == 0:
            self._report()

    def losses(self, batch: Batch, rng: np.random.Generator) -> dict[str, Tensor]:
        """The negative evidence bound, with velocities as GeneFace weighs them."""
        s, network = self.settings, self.network
        condition = network.condition(batch.features, batch.asked)
        mean, log_std = network.encode(batch.motion, condition)
        latent = mean + normal(rng, *mean.shape) * log_std.exp()
        found = network(batch.plain, batch.features, batch.asked, latent, condition)
        noise = network.flow(latent, network.slowly(condition))
        kl = (0.5 * noise**2 - 0.5 * ((latent - mean) / log_std.exp()) ** 2 - log_std).mean()
        wrong = found - batch.motion
        wrong_mm = wrong @ self.moves_mm
        grown = min(self.step / max(s.kl_from * s.steps, 1.0), 1.0)
        return {
            "landmark": s.landmark * wrong_mm.abs().mean(),
            "weights": s.weights * wrong.square().mean(),
            "continuity": s.continuity * wrong_mm.diff(dim=1).abs().mean(),
            "kl": s.kl * grown * kl,
        }

    def batch(self, rng: np.random.Generator) -> Batch:
        """Sentences from anywhere, each under a direction of its own."""
        s = self.settings
        chosen = [self._crop(rng) for _ in range(s.batch)]
        plain, features = (torch.from_numpy(np.stack(part)) for part in zip(*chosen, strict=True))
        if s.use_labels:
            drawn = [labelled_direction(rng, s.frames) for _ in range(s.batch)]
            units, asked = (torch.from_numpy(np.stack(part)) for part in zip(*drawn, strict=True))
        else:
            directions = [sample_direction(rng, s.frames, self.captured) for _ in range(s.batch)]
            units = asked = torch.from_numpy(np.stack(directions))
        with torch.no_grad():
            motion = self.performer.perform(plain, features, units, rng)
        return Batch(plain, features, asked, motion)

    def _crop(self, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        frames = self.settings.frames
        sentence = self.sentences[int(rng.integers(len(self.sentences)))]
        outside = frames // 8
        begin = int(rng.integers(-outside, max(len(sentence.weights) - frames + outside, 1)))
        rows = np.arange(begin, begin + frames)
        inside = ((rows >= 0) & (rows < len(sentence.weights)))[:, None]
        rows = np.clip(rows, 0, len(sentence.weights) - 1)
        return sentence.weights[rows] * inside, sentence.features[rows] * inside

    def _report(self) -> None:
        path = self.folder / CURVE
        row = {"step": self.step} | {k: round(v, 5) for k, v in self.figures.items()}
        is_new = self.step == 0 or not path.is_file()
        with path.open("w" if is_new else "a", newline="") as stream:
            writer = csv.DictWriter(stream, list(row))
            if is_new:
                writer.writeheader()
            writer.writerow(row)
        LOG.info("%s, %.0f s", row, time.monotonic() - self.begun_sec)


def load_sentences(data: Path, work: Path, split: str) -> list[Sentence]:
    """Sentences of a split, heard once and kept in the work folder."""
    folder = work / HEARD
    folder.mkdir(parents=True, exist_ok=True)
    heard = hear_all(data, folder)[split]
    if not heard:
        raise TrainingError(
            f"There is no recording to {split} on in '{data}': complete speech/multi_en and speech/reading_en."
        )
    return [sentence_of(recording.name, speech) for recording, speech in heard]


def train(
    settings: AuMotionSettings, sentences: Sequence[Sentence], data: Path, work: Path
) -> AuMotionFit:
    """Train in `work`, or go on there; returns the fit with its averaged network."""
    folder = work / ("labels" if settings.use_labels else "units")
    folder.mkdir(parents=True, exist_ok=True)
    fit = AuMotionFit(settings, sentences, data, folder)
    fit.run((), folder / CHECKPOINT)
    fit.save(folder / CHECKPOINT)
    return fit


def main(words: Sequence[str] | None = None) -> int:
    """Command line: train and export."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, help="folder with speech/multi_en and reading_en")
    parser.add_argument("--work", type=Path, default=Path("build/au_motion"))
    parser.add_argument("--out", type=Path, help="default: the network that ships")
    parser.add_argument("--steps", type=int, default=AuMotionSettings.steps)
    parser.add_argument("--labels", action="store_true", help="one-hot emotions, to compare with")
    parser.add_argument("--small", action="store_true", help="a tiny run")
    options = parser.parse_args(words)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    settings = AuMotionSettings(steps=options.steps, use_labels=options.labels)
    if options.small:
        shape = MotionShape(hidden=16, encoder_layers=2, flows=2, flow_hidden=8, flow_layers=2)
        settings = dataclasses.replace(settings, steps=20, batch=4, frames=64, shape=shape)
    # A tiny run touches neither the checkpoint of a whole one nor the network that ships.
    place = options.work / "small" if options.small else options.work

    def work() -> None:
        data = data_folder(options.data)
        fit = train(settings, load_sentences(data, options.work, TRAIN), data, place)
        out = options.out or (place / GENERATOR if options.small else DIRECTION_MODEL)
        if settings.use_labels:
            out = place / LABELS
        export_generator(fit.average, mean_head(), out)
        _write_record(settings, fit, out.with_suffix(".json"))

    return run_command(work)


def _write_record(settings: AuMotionSettings, fit: AuMotionFit, path: Path) -> None:
    record = {
        "made_by": "gaussian_heads.training.au_motion",
        "settings": dataclasses.asdict(settings),
        "sentences": len(fit.sentences),
        "last_figures": {name: round(value, 5) for name, value in fit.figures.items()},
    }
    with replace_on_success(path) as temporary:
        temporary.write_text(json.dumps(record, indent=1) + "\n", "utf8")


if __name__ == "__main__":
    sys.exit(main())
