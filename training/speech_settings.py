"""What decides a speech network: sizes, sound, losses and steps, and what an ablation leaves out."""

from __future__ import annotations

import argparse
from dataclasses import dataclass, field, replace

from .networks.speech import SpeechNetworkConfig
from .speech_augment import GENTLE, AugmentConfig
from .speech_loss import LossConfig

ABLATIONS = ("synthetic", "captured", "augmentation", "codes")


@dataclass(frozen=True)
class TrainingConfig:
    """Everything that decides the result, written beside the exported network."""

    network: SpeechNetworkConfig = field(default_factory=SpeechNetworkConfig)
    augment: AugmentConfig = field(default_factory=AugmentConfig)
    # From this share of the steps on, sound as most recordings have it.
    finish: AugmentConfig = GENTLE
    finish_from: float = 0.62
    loss: LossConfig = field(default_factory=LossConfig)
    seed: int = 0
    synthetic_hours: float = 12.0
    steps: int = 7200
    batch: int = 24
    learning_rate: float = 1.5e-3
    warm_up_steps: int = 150
    final_rate: float = 0.02
    weight_decay: float = 0.02
    average: float = 0.997
    use_bf16: bool = True


SMALL = TrainingConfig(
    network=SpeechNetworkConfig(width=64, blocks=((1, 1), (2, 0), (4, 0))),
    synthetic_hours=0.1,
    steps=60,
    batch=8,
    warm_up_steps=10,
    average=0.9,
)


def chosen_config(options: argparse.Namespace) -> TrainingConfig:
    """The configuration that the command line asks for."""
    config = replace(SMALL if options.small else TrainingConfig(), seed=options.seed)
    numbers = {name: getattr(options, name) for name in ("steps", "batch")}
    config = replace(config, **{name: value for name, value in numbers.items() if value})
    if options.width:
        config = replace(config, network=replace(config.network, width=options.width))
    left_out = {
        "has_synthetic": "synthetic" not in options.without,
        "has_captured": "captured" not in options.without,
        "is_on": "augmentation" not in options.without,
    }
    loss = config.loss
    if "captured" in options.without:
        loss = replace(loss, captured=0.0)
    if "codes" in options.without:
        loss = replace(loss, target="controls")
    augment, finish = (replace(part, **left_out) for part in (config.augment, config.finish))
    return replace(config, augment=augment, finish=finish, loss=loss)
