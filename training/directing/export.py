"""Exports the motion generator as one ONNX file for `core.direction`.

Contract: inputs `features` float32 `[N, 15]` (`core.direction.features`), `units` `[N, 18]` (0 to 5), `noise`
`[N / stride, Z]`, `weights` `[2 N, 52]` of speech and `closure` `[2 N]`; outputs `acting` `[2 N, 52]`, what acting adds to
the weights, and `landmarks` `[2 N, 68, 3]` (m) of the prior's mean head. N is a multiple of the stride. The metadata name
the rates, the stride, the size of the noise and how far a frame looks.
"""

from __future__ import annotations

from pathlib import Path

import torch
from onnx import helper
from torch import Tensor, nn

from ...core.direction.contract import (
    ACTING,
    CLOSURE,
    FEATURES_INPUT,
    KIND,
    LANDMARKS,
    NOISE,
    UNITS,
    VERSION,
    WEIGHTS,
)
from ...core.direction.features import FEATURES, PER_FRAME
from ...core.files import replace_on_success
from ...core.spaces import ACTION_UNITS, ARKIT_BLENDSHAPES, ARKIT_SPACE
from ..channel_bytes import store_bytes
from ..networks.au_motion import FRAME_RATE_HZ, MotionGenerator
from ..networks.buffers import add_constant
from ..onnx_graph import traced
from .head import MeanHead


class GeneratorGraph(nn.Module):
    """The decoder with its prior, at the rate of the speech that is heard, and landmarks."""

    def __init__(self, generator: MotionGenerator, head: MeanHead) -> None:
        super().__init__()
        self.generator = generator
        add_constant(self, "neutral", head.neutral)
        add_constant(self, "moves", head.moves.reshape(len(head.moves), -1))

    def forward(self, inputs: tuple[Tensor, ...]) -> tuple[Tensor, Tensor]:
        features, units, noise, weights, closure = inputs
        generator = self.generator
        # Labels, which units are compared with, are the first of the columns.
        units = units[:, : generator.shape.conditions]
        condition = generator.condition(features[None], units[None])
        latent = generator.sample(noise.T[None], condition)
        asked = generator.asked_for(units[None], generator.decode(latent, condition))
        between = nn.functional.interpolate(
            asked.transpose(1, 2), scale_factor=PER_FRAME, mode="linear", align_corners=False
        ).transpose(1, 2)
        plain = weights[None]
        acted = generator.guard(plain, (plain + between).clamp(0.0, 1.0), closure[None])[0]
        points = self.neutral + (acted @ self.moves).reshape(-1, *self.neutral.shape)
        return acted - weights, points


def export_generator(generator: MotionGenerator, head: MeanHead, path: Path) -> None:
    """Write `generator` as an ONNX file, its weights stored as bytes."""
    shape = generator.shape
    frames = 4 * shape.stride
    example = (
        torch.zeros(frames, len(FEATURES)),
        torch.ones(frames, len(ACTION_UNITS)),
        torch.zeros(frames // shape.stride, shape.latent),
        torch.zeros(PER_FRAME * frames, len(ARKIT_BLENDSHAPES)),
        torch.zeros(PER_FRAME * frames),
    )
    axes = {
        FEATURES_INPUT: {0: "frames"},
        UNITS: {0: "frames"},
        NOISE: {0: "latents"},
        WEIGHTS: {0: "heard"},
        CLOSURE: {0: "heard"},
        ACTING: {0: "heard"},
        LANDMARKS: {0: "heard"},
    }
    inputs = (FEATURES_INPUT, UNITS, NOISE, WEIGHTS, CLOSURE)
    model = traced(GeneratorGraph(generator, head), example, inputs, (ACTING, LANDMARKS), axes=axes)
    store_bytes(model, prefix="generator.")
    metadata = {
        "kind": KIND,
        "version": str(VERSION),
        "code_space": ARKIT_SPACE,
        "frame_rate_hz": str(FRAME_RATE_HZ),
        "stride": str(shape.stride),
        "noise": str(shape.latent),
        "reach": str(generator.reach),
    }
    helper.set_model_props(model, metadata)
    path.parent.mkdir(parents=True, exist_ok=True)
    with replace_on_success(path) as temporary:
        temporary.write_bytes(model.SerializeToString())
