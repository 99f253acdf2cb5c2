"""Exports the speech network with its front end and its mouth decoder as one ONNX file.

Contract of the file: input `waveform` float32 `[S]`, 16 kHz mono, S a multiple of 320; outputs `arkit`
float32 `[F, 52]` and `lip_closure` float32 `[F]` in [0, 1], F = S / 160, frame `i` at
`(i + 0.5) / 100` seconds. The metadata name the rates, the code space and how far a frame looks.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import torch
from onnx import TensorProto, helper, numpy_helper
from torch import Tensor, nn
from torch.nn import functional

from ..core.audio import SPEECH_RATE_HZ
from ..core.files import replace_on_success
from ..core.spaces import ARKIT_INDEX, ARKIT_SPACE
from .networks.speech import FRAME_RATE_HZ, HOP, MIN_STD, FrontEnd, SpeechNetwork, centre
from .speech_visemes import MouthDecoder

SAMPLES_STEP = 2 * HOP
KIND, VERSION = "gaussian_heads.speech", 1
OPSET = 18
# Louder speech opens the jaw wider: slope per unit of normalised log power around its usual value.
EFFORT_SLOPE, EFFORT_CENTRE, EFFORT_LOW, EFFORT_HIGH = 0.6, 0.45, 0.7, 1.35
EFFORT_FRAMES = 31
# Log power of steady noise (white, pink, hum) spreads by .35 at most, that of speech with as much
# noise as speech by .43 or more: below, nobody speaks and the mouth rests.
STEADY_STD, SPEECH_STD = 0.36, 0.43


class SpeechGraph(nn.Module):
    """Waveform `[S]` to ARKit weights `[F, 52]` and lip closure `[F]`."""

    def __init__(self, network: SpeechNetwork) -> None:
        super().__init__()
        self.front_end = FrontEnd(network.config.num_mels)
        self.network = network
        self.decoder = MouthDecoder()

    def posteriors(self, waveform: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Features `[1, M, F]`, variance of the sound `[1, 1, F]`, phone posteriors `[1, 40, F]`."""
        mel_power = self.front_end(waveform[None])
        centred, variance = centre(mel_power, self.network.config.context_frames)
        features = centred / torch.sqrt(variance + MIN_STD**2)
        return features, variance, torch.softmax(self.network(features), dim=1)

    def forward(self, waveform: Tensor) -> tuple[Tensor, Tensor]:
        features, variance, posteriors = self.posteriors(waveform)
        arkit, closure = self.decoder(posteriors)
        presence = self._presence(variance)
        arkit = arkit[0] * self._scale(features) * presence[:, None]
        return torch.clamp(arkit, 0.0, 1.0), closure[0] * presence

    @staticmethod
    def _presence(variance: Tensor) -> Tensor:
        """0 where the sound is steady noise, 1 where somebody may speak, `[F]`."""
        low, high = STEADY_STD**2, SPEECH_STD**2
        ramp = torch.clamp((variance[0, 0] - low) / (high - low), 0.0, 1.0)
        return ramp * ramp * (3.0 - 2.0 * ramp)

    def _scale(self, features: Tensor) -> Tensor:
        """Factor of every weight `[F, 52]`: the jaw, and what closes the lips over it, by effort."""
        level = functional.avg_pool1d(
            features.mean(1, keepdim=True),
            EFFORT_FRAMES,
            stride=1,
            padding=EFFORT_FRAMES // 2,
            count_include_pad=False,
        )
        effort = 1.0 + EFFORT_SLOPE * (level[0, 0] - EFFORT_CENTRE)
        effort = torch.clamp(effort, EFFORT_LOW, EFFORT_HIGH)[:, None]
        moved = torch.zeros(1, 52)
        moved[0, [ARKIT_INDEX["jawOpen"], ARKIT_INDEX["mouthClose"]]] = 1.0
        return 1.0 + (effort - 1.0) * moved

    def context_frames(self) -> int:
        """How many frames to either side one frame of the output depends on."""
        config = self.network.config
        blocks = 2 * sum(config.dilations) + 4
        # Level, mean and spread each look around once more.
        return 3 * config.context_frames + blocks + self.decoder.radius


def export_speech(network: SpeechNetwork, path: Path) -> None:
    """Write `network` as an ONNX file for `core.speech`, its weights stored as float16."""
    graph = SpeechGraph(network).eval()
    steps = torch.export.Dim("steps", min=2, max=1_000_000)
    program = torch.onnx.export(
        graph,
        (torch.zeros(50 * SAMPLES_STEP),),
        input_names=["waveform"],
        output_names=["arkit", "lip_closure"],
        dynamic_shapes={"waveform": {0: SAMPLES_STEP * steps}},
        opset_version=OPSET,
        dynamo=True,
        verbose=False,
    )
    model = program.model_proto
    _store_half(model, prefix="network.")
    _forget_traces(model)
    metadata = {
        "kind": KIND,
        "version": str(VERSION),
        "code_space": ARKIT_SPACE,
        "sample_rate_hz": str(SPEECH_RATE_HZ),
        "frame_rate_hz": str(FRAME_RATE_HZ),
        "samples_step": str(SAMPLES_STEP),
        "context_frames": str(graph.context_frames()),
    }
    helper.set_model_props(model, metadata)
    onnx.checker.check_model(model)
    with replace_on_success(path) as temporary:
        onnx.save(model, temporary)


def _forget_traces(model: onnx.ModelProto) -> None:
    """Drop what the exporter notes of its own source lines: they are paths of this machine."""
    graph = model.graph
    lists = (graph.node, graph.initializer, graph.input, graph.output, graph.value_info)
    for part in (model, graph, *(item for items in lists for item in items)):
        part.doc_string = ""
        del part.metadata_props[:]


def _store_half(model: onnx.ModelProto, prefix: str) -> None:
    """Store the big weights named `prefix…` as float16; a Cast brings them back at load."""
    casts = []
    for initializer in model.graph.initializer:
        if not initializer.name.startswith(prefix) or initializer.data_type != TensorProto.FLOAT:
            continue
        values = numpy_helper.to_array(initializer)
        if values.size < 1024:
            continue
        name = initializer.name
        half = numpy_helper.from_array(values.astype(np.float16), f"{name}_half")
        initializer.CopyFrom(half)
        casts.append(helper.make_node("Cast", [half.name], [name], to=TensorProto.FLOAT))
    for cast in reversed(casts):
        model.graph.node.insert(0, cast)
