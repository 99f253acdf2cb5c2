"""Train the monocular encoder: from one crop of any face to expression code, head pose and gaze.

    python -m gaussian_heads.training.monocular --prior assets/prior --work build/monocular \\
        --out assets/monocular/encoder.onnx --minutes 70

After UHAP (Teotia et al. 2025, arXiv 2509.18924), whose encoder gives the prior's code frame by frame so that a
new person leaves only look and geometry to learn. `--work` holds the pictures of `monocular_renders`; more of
them may come while training runs. The same command goes on after a stop; `--export` writes what there is.
"""

from __future__ import annotations

import argparse
import copy
import dataclasses
import json
import logging
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from ..core.errors import GaussianHeadsError
from ..core.files import replace_on_success
from .monocular_augment import Augmenter, AugmentSettings
from .monocular_export import export_encoder
from .monocular_loss import CodeErrors, LossWeights, hint_losses, losses
from .monocular_pool import Batch, ShardPool, make_batch
from .networks.monocular import EncoderConfig, FaceEncoder
from .prior_file import load_prior, read_record
from .prior_settings import TrainingError
from .resumable import TimedFit

logger = logging.getLogger(__name__)
CHECKPOINT = "encoder.pt"
# How often the network's own places guide its close looks, at first and then more, and the noise of the others.
OWN_PLACES, GUIDE_NOISE = (0.15, 0.6), 0.012


@dataclass(frozen=True)
class EncoderSettings:
    """All of a training run; it ends after `steps` or `minutes`, whichever comes first."""

    seed: int = 7
    steps: int = 1_000_000
    minutes: float = 70.0
    batch: int = 48
    negatives: int = 3
    rate: float = 1e-3
    last_rate: float = 0.01
    warmup_steps: int = 100
    decay: float = 0.02
    average: float = 0.998
    checkpoint_steps: int = 400
    report_steps: int = 100
    network: EncoderConfig = field(default_factory=EncoderConfig)
    loss: LossWeights = field(default_factory=LossWeights)
    augment: AugmentSettings = field(default_factory=AugmentSettings)


SMALL = EncoderSettings(
    steps=6,
    batch=6,
    negatives=1,
    warmup_steps=2,
    checkpoint_steps=3,
    report_steps=2,
    network=EncoderConfig(
        widths=(8, 8, 12, 12, 16),
        residuals=(0, 0, 1, 0, 0),
        fine=8,
        close_widths=(8, 8, 8, 8),
        eye_out=6,
        mouth_out=8,
        neck=8,
        hidden=24,
    ),
    augment=AugmentSettings(backdrops=6),
)


class EncoderFit(TimedFit):
    """One run: the network that learns, and its running average, which is what is used."""

    def __init__(
        self,
        settings: EncoderSettings,
        errors: CodeErrors,
        faces: ShardPool,
        heads: ShardPool | None,
    ) -> None:
        super().__init__(settings)
        torch.manual_seed(settings.seed)
        self.errors, self.faces, self.heads = errors, faces, heads
        self.network = FaceEncoder(settings.network).to(memory_format=torch.channels_last)
        self.average = copy.deepcopy(self.network).requires_grad_(False)
        groups = [
            {"params": [p for p in self.network.parameters() if p.ndim > 1]},
            {"params": [p for p in self.network.parameters() if p.ndim == 1], "weight_decay": 0.0},
        ]
        self.solver = torch.optim.AdamW(groups, settings.rate, weight_decay=settings.decay)
        self.augmenter = Augmenter(settings.augment, settings.seed)
        self._set_statistics()
        self.sums: dict[str, float] = {}

    def parts(self) -> dict[str, Any]:
        """What a checkpoint keeps."""
        return {
            "network": self.network,
            "average": self.average,
            "solver": self.solver,
            "clock": self.clock,
        }

    def order(self, items: Sequence[Any]) -> Iterator[Batch]:
        """New batches until the run is over; what is drawn after a restart is drawn anew."""
        self.augmenter.rng = np.random.default_rng([self.settings.seed, self.step])
        sizes = (self.settings.batch - self.settings.negatives, self.settings.negatives)
        while self.progress() < 1.0:
            if self.step % self.settings.report_steps == 0:
                self.faces.refresh()
            yield make_batch(self.faces, self.heads, self.augmenter, sizes)

    def follow(self, batch: Batch) -> None:
        """One step."""
        settings = self.settings
        warm = min((self.step + 1) / settings.warmup_steps, 1.0)
        for group in self.solver.param_groups:
            group["lr"] = settings.rate * warm * self.rate_share()
        self.network.train()
        with torch.autocast("cpu", torch.bfloat16):
            found, hints = self.network.read(batch.crops.float(), self._guide(batch))
        found = type(found)(*(value.float() for value in found))
        parts = losses(found, batch, self.errors) | hint_losses(hints, batch, self.errors)
        weights = dataclasses.asdict(settings.loss)
        total = sum(weights[name] * value for name, value in parts.items())
        self.solver.zero_grad(set_to_none=True)
        total.backward()
        nn.utils.clip_grad_norm_(self.network.parameters(), 5.0)
        self.solver.step()
        self._follow_average()
        for name, value in parts.items():
            self.sums[name] = self.sums.get(name, 0.0) + float(value.detach())
        if (self.step + 1) % settings.report_steps == 0:
            self._report()

    def _guide(self, batch: Batch) -> torch.Tensor:
        """Where eyes and mouth are, about as well as the network will know it; it must find some of them itself."""
        rng = self.augmenter.rng
        guide = np.full((len(batch.crops), *batch.landmarks.shape[1:]), np.nan, np.float32)
        own = rng.random(batch.num_faces) < OWN_PLACES[0] + self.progress() * OWN_PLACES[1]
        noise = GUIDE_NOISE * rng.standard_normal((batch.num_faces, 3, 2))
        # Eyes and mouth each miss as a whole.
        groups = np.repeat(np.arange(3), (42, 6, 20))
        wrong = batch.landmarks.numpy() + noise[:, groups]
        guide[: batch.num_faces][~own] = wrong[~own]
        return torch.from_numpy(guide)

    @torch.no_grad()
    def _follow_average(self) -> None:
        keep = min(self.settings.average, (1 + self.step) / (10 + self.step))
        own = self.network.state_dict()
        for name, value in self.average.state_dict().items():
            if value.dtype.is_floating_point:
                value.lerp_(own[name], 1 - keep)
            else:
                value.copy_(own[name])

    def _set_statistics(self) -> None:
        """Outputs start at the mean of the pictures that are there."""
        pictures, labels = self.faces.draw(256, np.random.default_rng(0))
        _, truths = Augmenter(dataclasses.replace(self.settings.augment, backdrops=1), 0).faces(
            pictures, labels
        )
        stored = self.faces.all_labels()
        values = {
            name: torch.from_numpy(np.asarray(stored[name]))
            for name in ("code", "gaze", "mouth_mm")
        } | {
            name: torch.from_numpy(np.stack([getattr(one, name) for one in truths]))
            for name in ("origin", "log_size", "landmarks")
        }
        for network in (self.network, self.average):
            network.set_statistics(values)
            network.mean[self.settings.network.place("axes")] = torch.tensor(
                [1.0, 0, 0, 0, -1.0, 0]
            )

    def _report(self) -> None:
        count = self.settings.report_steps
        cells = " ".join(f"{name} {value / count:.3f}" for name, value in self.sums.items())
        # No time has passed where a step is made outside of a run.
        elapsed_sec = max(self.clock.elapsed_sec(), 1e-3)
        rate = (self.step + 1) * self.settings.batch / elapsed_sec
        logger.info(
            "step %d, %.1f min, %.0f/s, %d shards: %s",
            self.step + 1, elapsed_sec / 60, rate, len(self.faces), cells,
        )  # fmt: skip
        self.sums = {}


def open_fit(prior_folder: Path, work: Path, settings: EncoderSettings) -> EncoderFit:
    """A fit over the pictures in `work`, at the state of its last checkpoint."""
    prior = load_prior(prior_folder)
    network = dataclasses.replace(settings.network, code_dim=prior.settings.network.code_dim)
    settings = dataclasses.replace(settings, network=network)
    codes = work / "codes.npz"
    if not codes.is_file():
        raise TrainingError(f"There is no '{codes}': run monocular_renders first.")
    heads = ShardPool(work / "heads") if (work / "heads").is_dir() else None
    with np.load(codes) as stored:
        errors = CodeErrors(prior, stored["codes"])
    return EncoderFit(settings, errors, ShardPool(work / "faces"), heads)


def begin_with(fit: EncoderFit, checkpoint: Path) -> None:
    """Take what fits of another run's network; matrices that grew start with their new columns at zero."""
    state = torch.load(checkpoint, weights_only=True)["average"]
    own = fit.network.state_dict()
    for name, value in state.items():
        if name not in own:
            continue
        if value.shape == own[name].shape:
            own[name].copy_(value)
        elif value.ndim == 2 and len(value) == len(own[name]):
            own[name].zero_()
            own[name][:, : value.shape[1]] = value
    fit.average.load_state_dict(own)


def write_record(
    path: Path, fit: EncoderFit, prior_folder: Path, figures: dict[str, Any] | None = None
) -> None:
    """Write how an exported encoder was made, beside it."""
    record = {
        "made_by": "python -m gaussian_heads.training.monocular",
        "code_space": read_record(prior_folder)["code_space"],
        "steps": fit.step,
        "minutes": round(fit.clock.elapsed_sec() / 60, 1),
        "pictures_drawn": fit.step * fit.settings.batch,
        "parameters": sum(p.numel() for p in fit.network.parameters()),
        "spread_mm": float(fit.errors.spread_mm),
        "settings": dataclasses.asdict(fit.settings),
        **(figures or {}),
    }
    with replace_on_success(path) as temporary:
        temporary.write_text(json.dumps(record, indent=1) + "\n", "utf8")


def main(arguments: list[str] | None = None) -> int:
    """Command line; returns the exit code."""
    options = _parse(arguments)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    torch.set_num_threads(options.threads)
    settings = SMALL if options.small else EncoderSettings()
    settings = dataclasses.replace(settings, seed=options.seed, minutes=options.minutes)
    checkpoint = options.work / CHECKPOINT
    try:
        fit = open_fit(options.prior, options.work, settings)
        if options.export:
            fit.resume(checkpoint)
            if not fit.step:
                raise TrainingError(
                    f"'{checkpoint}' has no run with these settings to export: give its --seed and --minutes."
                )
        else:
            if options.start and not checkpoint.is_file():
                begin_with(fit, options.start)
            fit.run([None], checkpoint)
            fit.save(checkpoint)
        space = read_record(options.prior)["code_space"]
        export_encoder(fit.average, options.out, code_space=space)
        write_record(options.out.with_suffix(".json"), fit, options.prior)
    except GaussianHeadsError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    except KeyboardInterrupt:
        return 130
    size_mb = options.out.stat().st_size / 1e6
    sys.stdout.write(f"{options.out}: {size_mb:.2f} MB after {fit.step} steps\n")
    return 0


def _parse(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--prior", type=Path, required=True, help="folder of the trained prior")
    parser.add_argument("--work", type=Path, required=True, help="folder with faces/ and heads/")
    parser.add_argument("--out", type=Path, required=True, help="encoder.onnx to write")
    parser.add_argument("--minutes", type=float, default=EncoderSettings.minutes)
    parser.add_argument("--seed", type=int, default=EncoderSettings.seed)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--start", type=Path, help="checkpoint of another run to begin with")
    parser.add_argument("--small", action="store_true", help="a few steps of a tiny network")
    parser.add_argument("--export", action="store_true", help="only write the last checkpoint")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    raise SystemExit(main())
