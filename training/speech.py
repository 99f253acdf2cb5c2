"""Trains the speech network on phone-aligned and synthetic speech and exports it for the add-on.

Run: python -m gaussian_heads.training.speech --data DATA --work build/speech
Stop it whenever you like: the same command goes on from the last checkpoint. `--small` makes every
stage tiny, to see that the whole of it works on two cores in a few minutes.
"""

from __future__ import annotations

import argparse
import json
import logging
import math
import time
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

import torch
from torch.nn import functional
from torch.utils.data import DataLoader

from ..core.files import replace_on_success
from .networks.speech import SpeechNetwork, SpeechNetworkConfig, normalise
from .speech_augment import SOURCE_WEIGHTS, AugmentConfig, Crops, mask_features
from .speech_data import (
    ESPEAK_MINUTES,
    FLITE_MINUTES,
    HELD_OUT,
    VALIDATION,
    SpectrumCache,
    build_cache,
    data_folder,
)
from .speech_export import export_speech

LOG = logging.getLogger(__name__)
CHECKPOINT = "checkpoint.pt"


@dataclass(frozen=True)
class TrainingConfig:
    """Everything that decides the result, written beside the exported network."""

    network: SpeechNetworkConfig = field(default_factory=SpeechNetworkConfig)
    augment: AugmentConfig = field(default_factory=AugmentConfig)
    seed: int = 0
    synthetic_scale: float = 1.0  # of the minutes named in speech_data
    steps: int = 2000
    batch: int = 24
    learning_rate: float = 1.5e-3
    warm_up_steps: int = 150
    final_rate: float = 0.02
    weight_decay: float = 0.02
    label_smoothing: float = 0.05
    average: float = 0.995
    use_bf16: bool = True


SMALL = TrainingConfig(
    network=SpeechNetworkConfig(width=64, dilations=(1, 2, 4)),
    synthetic_scale=0.02,
    steps=60,
    batch=8,
    warm_up_steps=10,
    average=0.9,
)


class Trainer:
    """Network, its running average and the optimiser, with one checkpoint for all of them."""

    def __init__(self, config: TrainingConfig, folder: Path) -> None:
        torch.manual_seed(config.seed)
        self.config, self.folder, self.step = config, folder, 0
        self.network = SpeechNetwork(config.network)
        self.average = torch.optim.swa_utils.AveragedModel(
            self.network, multi_avg_fn=torch.optim.swa_utils.get_ema_multi_avg_fn(config.average)
        )
        self.optimiser = torch.optim.AdamW(
            self.network.parameters(),
            lr=config.learning_rate,
            betas=(0.9, 0.98),
            weight_decay=config.weight_decay,
        )
        self.schedule = torch.optim.lr_scheduler.LambdaLR(self.optimiser, self._rate)
        self.generator = torch.Generator().manual_seed(config.seed)

    def _rate(self, step: int) -> float:
        config = self.config
        if step < config.warm_up_steps:
            return (step + 1) / config.warm_up_steps
        done = (step - config.warm_up_steps) / max(config.steps - config.warm_up_steps, 1)
        cosine = 0.5 * (1 + math.cos(math.pi * min(done, 1.0)))
        return config.final_rate + (1 - config.final_rate) * cosine

    def save(self) -> None:
        """Write the checkpoint; the one before it stays until this one is whole."""
        state = {name: getattr(self, name).state_dict() for name in self._parts()}
        state |= {"step": self.step, "config": json.dumps(asdict(self.config))}
        with replace_on_success(self.folder / CHECKPOINT) as temporary:
            torch.save(state, temporary)

    def resume(self) -> bool:
        """Go on from the checkpoint, if there is one of the same configuration."""
        path = self.folder / CHECKPOINT
        if not path.exists():
            return False
        state = torch.load(path, weights_only=True)
        if state["config"] != json.dumps(asdict(self.config)):
            raise SystemExit(f"{path} has other settings: use another --work folder or delete it.")
        for name in self._parts():
            getattr(self, name).load_state_dict(state[name])
        self.step = state["step"]
        return True

    @staticmethod
    def _parts() -> tuple[str, ...]:
        return ("network", "average", "optimiser", "schedule")

    def train_step(self, mel_power: torch.Tensor, labels: torch.Tensor) -> tuple[float, float]:
        """One update on mel power `[B, F, M]` and labels `[B, F]`; returns loss and frame accuracy."""
        config = self.config
        features = normalise(mel_power.transpose(1, 2), config.network.context_frames)
        features = mask_features(features, self.generator)
        with torch.autocast("cpu", torch.bfloat16, enabled=config.use_bf16):
            logits = self.network(features)
        logits = logits.float()
        loss = functional.cross_entropy(logits, labels, label_smoothing=config.label_smoothing)
        self.optimiser.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self.network.parameters(), 1.0)
        self.optimiser.step()
        self.schedule.step()
        self.average.update_parameters(self.network)
        self.step += 1
        return loss.item(), (logits.argmax(1) == labels).float().mean().item()


def train(config: TrainingConfig, data: Path, folder: Path, save_every: int = 100) -> Trainer:
    """Build what is missing, train to the last step, return the trainer."""
    cache_folder = folder / "cache"
    if not (cache_folder / "index.json").exists():
        build_cache(data, cache_folder, config.seed, config.synthetic_scale)
    trainer = Trainer(config, folder)
    if trainer.resume():
        LOG.info("resumed at step %d", trainer.step)
    # Another seed after a resume: the crops before it must not come again.
    crops = Crops(
        SpectrumCache(cache_folder),
        config.network.num_mels,
        config.augment,
        seed=config.seed + 1000 * trainer.step,
    )
    loader = DataLoader(crops, batch_size=config.batch, num_workers=1, prefetch_factor=4)
    started, loss_mean, accuracy_mean = time.monotonic(), 0.0, 0.0
    first_step = trainer.step
    trainer.network.train()
    for mel_power, labels in loader:
        if trainer.step >= config.steps:
            break
        loss, accuracy = trainer.train_step(mel_power, labels)
        blend = 1.0 / min(trainer.step - first_step, 50)
        loss_mean += blend * (loss - loss_mean)
        accuracy_mean += blend * (accuracy - accuracy_mean)
        if trainer.step % 20 == 0:
            pace = (time.monotonic() - started) / (trainer.step - first_step)
            message = "step %d/%d loss %.3f accuracy %.3f %.2f s/step"
            LOG.info(message, trainer.step, config.steps, loss_mean, accuracy_mean, pace)
        if trainer.step % save_every == 0 or trainer.step == config.steps:
            trainer.save()
    return trainer


def write_provenance(config: TrainingConfig, path: Path) -> None:
    """Write what made the network: every setting, the voices and the recordings kept out."""
    provenance = {
        "made_by": "gaussian_heads.training.speech",
        "config": asdict(config),
        "sources": dict(SOURCE_WEIGHTS),
        "synthetic_minutes": FLITE_MINUTES | {"espeak": ESPEAK_MINUTES},
        "held_out": HELD_OUT,
        "validation": VALIDATION,
    }
    with replace_on_success(path) as temporary:
        temporary.write_text(json.dumps(provenance, indent=1) + "\n", encoding="utf8")


def main() -> None:
    """Command line: train, then export."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, help="folder with speech/ (GAUSSIAN_HEADS_DATA)")
    parser.add_argument("--work", type=Path, default=Path("build/speech"), help="working folder")
    parser.add_argument("--out", type=Path, help="exported network; default WORK/speech.onnx")
    parser.add_argument("--steps", type=int, help="training steps")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--small", action="store_true", help="tiny sizes: a test of the pipeline")
    options = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    for name in ("onnx_ir", "onnxscript", "torch.onnx"):
        logging.getLogger(name).setLevel(logging.ERROR)
    torch.set_num_threads(options.threads)
    config = replace(SMALL if options.small else TrainingConfig(), seed=options.seed)
    if options.steps:
        config = replace(config, steps=options.steps)
    trainer = train(config, data_folder(options.data), options.work)
    out = options.out or options.work / "speech.onnx"
    export_speech(trainer.average.module, out)
    write_provenance(config, out.with_suffix(".json"))
    LOG.info("wrote %s (%.1f MB)", out, out.stat().st_size / 1e6)


if __name__ == "__main__":
    main()
