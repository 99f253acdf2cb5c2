"""Trains the speech network and exports it for the add-on.

Run: python -m gaussian_heads.training.speech --data DATA --work build/speech
Stop it whenever you like: the same command goes on from the last checkpoint. Data that is missing is made first
(`speech_data`). `--small` makes every stage tiny, to see that the whole of it works on two cores in a few
minutes; on a GPU, `--device cuda --width 512 --batch 96 --steps 40000` is the same configuration, larger.
"""

from __future__ import annotations

import argparse
import json
import logging
import math
import os
import time
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
from torch.utils.data import DataLoader

from ..core.audio import SPEECH_RATE_HZ, load_audio
from ..core.files import replace_on_success
from .code_targets import mouth_root
from .networks.speech import (
    FRAME_RATE_HZ,
    FrontEnd,
    Logits,
    SpeechNetwork,
    SpeechNetworkConfig,
    normalise,
)
from .speech_augment import REST_WEIGHT, SOURCE_WEIGHTS, Crop, Crops, mask_features
from .speech_captured import CAPTURED_HELD_OUT
from .speech_data import SpectrumCache, make_data
from .speech_export import SAMPLES_STEP, export_speech
from .speech_languages import HELD_OUT_LANGUAGES, HELD_OUT_VOICES
from .speech_loss import Parts, SpeechLoss
from .speech_recordings import HELD_OUT, VALIDATION, data_folder, recordings
from .speech_settings import ABLATIONS, TrainingConfig, chosen_config
from .speech_spoken import frame_labels

LOG = logging.getLogger(__name__)
CHECKPOINT, CURVE = "checkpoint.pt", "curve.csv"


class Trainer:
    """Network, its running average and the optimiser, with one checkpoint for all of them."""

    def __init__(self, config: TrainingConfig, folder: Path, device: str = "cpu") -> None:
        torch.manual_seed(config.seed)
        self.config, self.folder, self.step, self.device = config, folder, 0, device
        self.network = SpeechNetwork(config.network).to(device)
        self.loss = SpeechLoss(config.loss, mouth_root(config.loss.target)).to(device)
        self.average = torch.optim.swa_utils.AveragedModel(
            self.network, multi_avg_fn=torch.optim.swa_utils.get_ema_multi_avg_fn(config.average)
        )
        self.optimiser = torch.optim.AdamW(
            [*self.network.parameters(), self.loss.actor_gain, self.loss.actor_offset],
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
        state["actor"] = [self.loss.actor_gain.data, self.loss.actor_offset.data]
        state |= {"step": self.step, "config": json.dumps(asdict(self.config))}
        with replace_on_success(self.folder / CHECKPOINT) as temporary:
            torch.save(state, temporary)

    def resume(self) -> bool:
        """Go on from the checkpoint, if there is one of the same configuration."""
        path = self.folder / CHECKPOINT
        if not path.exists():
            return False
        state = torch.load(path, weights_only=True, map_location=self.device)
        if state["config"] != json.dumps(asdict(self.config)):
            raise SystemExit(f"{path} has other settings: use another --work folder or delete it.")
        for name in self._parts():
            getattr(self, name).load_state_dict(state[name])
        self.loss.actor_gain.data, self.loss.actor_offset.data = state["actor"]
        self.step = state["step"]
        return True

    @staticmethod
    def _parts() -> tuple[str, ...]:
        return ("network", "average", "optimiser", "schedule")

    def train_step(self, crop: Crop) -> Parts:
        """One update on a batch of crops: mel power `[B, F, M]`, labels `[B, F]`, motion `[B, F, 4]`."""
        config = self.config
        features = normalise(crop.mel_power.transpose(1, 2), config.network.context_frames)
        features = mask_features(features, self.generator).to(self.device)
        with torch.autocast(self.device, torch.bfloat16, enabled=config.use_bf16):
            heard = self.network(features)
        heard = tuple(Logits(*(values.float() for values in logits)) for logits in heard)
        labels, motion = crop.labels.to(self.device), crop.motion.to(self.device)
        parts = self.loss(heard, labels, motion, self.step / config.steps)
        self.optimiser.zero_grad(set_to_none=True)
        parts.total().backward()
        torch.nn.utils.clip_grad_norm_(self.network.parameters(), 1.0)
        self.optimiser.step()
        self.schedule.step()
        self.average.update_parameters(self.network)
        self.step += 1
        return parts.detached()


class Validation:
    """Frame accuracy of the averaged network on recordings that are kept for choices."""

    def __init__(self, data: Path, config: SpeechNetworkConfig) -> None:
        self.clips = []
        front_end = FrontEnd(config.num_mels)
        for recording in recordings(data):
            if recording.corpus == "multi_en" and recording.name in VALIDATION:
                waveform, _ = load_audio(recording.path, target_rate=SPEECH_RATE_HZ)
                waveform = torch.from_numpy(
                    waveform[: len(waveform) // SAMPLES_STEP * SAMPLES_STEP]
                )
                with torch.no_grad():
                    features = normalise(front_end(waveform[None]), config.context_frames)
                labels = frame_labels(recording.phones, FRAME_RATE_HZ, features.shape[2])
                self.clips.append((features, torch.from_numpy(labels).long()))

    @torch.no_grad()
    def accuracy(self, network: SpeechNetwork) -> float:
        """Share of frames within phones whose phone is found."""
        network.eval()
        device = next(network.parameters()).device
        found = [
            (network(features.to(device))[0].phones[0].argmax(0).cpu() == labels)[labels > 0]
            for features, labels in self.clips
        ]
        network.train()
        return torch.cat(found).float().mean().item() if found else math.nan


@dataclass(frozen=True)
class Machine:
    """What a training runs on; the result does not depend on it but for rounding."""

    device: str = "cpu"
    workers: int = 1
    save_every: int = 200


def train(
    config: TrainingConfig, data: Path, folder: Path, machine: Machine = Machine()
) -> Trainer:
    """Build what is missing, train to the last step, return the trainer."""
    cache = make_data(data, folder, config.synthetic_hours, config.seed, os.cpu_count() or 1)
    trainer = Trainer(config, folder, machine.device)
    if trainer.resume():
        LOG.info("resumed at step %d", trainer.step)
    report = Report(trainer, Validation(data, config.network))
    trainer.network.train()
    spectra, turn = SpectrumCache(cache), round(config.finish_from * config.steps)
    for augment, last_step in ((config.augment, turn), (config.finish, config.steps)):
        if trainer.step >= last_step:
            continue
        # Another seed after a resume: the crops before it must not come again.
        seed = config.seed + 1000 * trainer.step
        crops = Crops(spectra, config.network.num_mels, augment, seed)
        loader = DataLoader(
            crops, batch_size=config.batch, num_workers=machine.workers, prefetch_factor=4
        )
        for crop in loader:
            report.add(trainer.train_step(crop))
            if trainer.step % machine.save_every == 0 or trainer.step == last_step:
                trainer.save()
                report.validate()
            if trainer.step == last_step:
                break
    return trainer


class Report:
    """Running means of the loss, said every 20 steps, and a curve of the validation."""

    def __init__(self, trainer: Trainer, validation: Validation) -> None:
        self.trainer, self.validation = trainer, validation
        self.started, self.first_step = time.monotonic(), trainer.step
        self.means: dict[str, float] = {}

    def add(self, parts: Parts) -> None:
        """Take in one step."""
        step = self.trainer.step
        blend = 1.0 / min(step - self.first_step, 50)
        for name in Parts.__dataclass_fields__:
            before = self.means.get(name, 0.0)
            self.means[name] = before + blend * (float(getattr(parts, name)) - before)
        if step % 20 == 0:
            pace = (time.monotonic() - self.started) / (step - self.first_step)
            means = " ".join(f"{name} {value:.3f}" for name, value in self.means.items())
            left_min = pace * (self.trainer.config.steps - step) / 60.0
            LOG.info("step %d %s %.2f s/step, %.0f min left", step, means, pace, left_min)

    def validate(self) -> None:
        """Measure the averaged network and add a row to the curve."""
        accuracy = self.validation.accuracy(self.trainer.average.module)
        LOG.info("step %d validation accuracy %.3f", self.trainer.step, accuracy)
        path = self.trainer.folder / CURVE
        rows = path.read_text("utf8") if path.exists() else "step,validation_accuracy\n"
        with replace_on_success(path) as temporary:
            temporary.write_text(f"{rows}{self.trainer.step},{accuracy:.4f}\n", encoding="utf8")


def write_provenance(config: TrainingConfig, path: Path) -> None:
    """Write what made the network: every setting, the sources and what was kept out."""
    provenance = {
        "made_by": "gaussian_heads.training.speech",
        "config": asdict(config),
        "sources": dict(SOURCE_WEIGHTS) | {"other synthetic voices": REST_WEIGHT},
        "held_out": HELD_OUT,
        "held_out_languages": HELD_OUT_LANGUAGES,
        "held_out_voices": sorted(HELD_OUT_VOICES),
        "held_out_motion": CAPTURED_HELD_OUT,
        "validation": VALIDATION,
    }
    with replace_on_success(path) as temporary:
        temporary.write_text(json.dumps(provenance, indent=1) + "\n", encoding="utf8")


def parser() -> argparse.ArgumentParser:
    """The words of the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, help="folder with speech/ (GAUSSIAN_HEADS_DATA)")
    parser.add_argument("--work", type=Path, default=Path("build/speech"), help="working folder")
    parser.add_argument("--out", type=Path, help="exported network; default WORK/speech.onnx")
    parser.add_argument("--steps", type=int, help="training steps")
    parser.add_argument("--batch", type=int, help="crops of four seconds per step")
    parser.add_argument("--width", type=int, help="channels of the network")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--workers", type=int, default=1, help="processes that draw crops")
    parser.add_argument("--device", default="cpu", help="cpu or cuda")
    parser.add_argument("--small", action="store_true", help="tiny sizes: a test of the pipeline")
    parser.add_argument(
        "--without", nargs="*", choices=ABLATIONS, default=(), help="for ablations: leave these out"
    )
    return parser


def main() -> None:
    """Command line: train, then export."""
    options = parser().parse_args()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    for name in ("onnx_ir", "onnxscript", "torch.onnx"):
        logging.getLogger(name).setLevel(logging.ERROR)
    torch.set_num_threads(options.threads)
    config = chosen_config(options)
    machine = Machine(options.device, options.workers)
    trainer = train(config, data_folder(options.data), options.work, machine)
    out = options.out or options.work / "speech.onnx"
    export_speech(trainer.average.module.cpu(), out)
    write_provenance(config, out.with_suffix(".json"))
    LOG.info("wrote %s (%.1f MB)", out, out.stat().st_size / 1e6)


if __name__ == "__main__":
    main()
