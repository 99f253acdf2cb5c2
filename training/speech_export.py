"""Exports the speech network with its front end and its mouth decoder as one ONNX file.

Contract of the file: inputs `waveform` float32 `[S]`, 16 kHz mono, S a multiple of 320, and `style` float32 `[4]`
(`speech_visemes.STYLES`); outputs `arkit` float32 `[F, 52]`, `lip_closure` and `voice` float32 `[F]` in [0, 1], F = S / 160,
frame `i` at `(i + 0.5) / 100` seconds. The metadata name the rates, the code space and how far a frame looks.
"""

from __future__ import annotations

from pathlib import Path

import onnx
import torch
from onnx import helper
from torch import Tensor, nn
from torch.nn import functional

from ..core.audio import SPEECH_RATE_HZ
from ..core.files import replace_on_success
from ..core.spaces import ARKIT_SPACE
from .channel_bytes import store_bytes
from .networks.speech import (
    ABSOLUTE_FLOOR,
    FRAME_RATE_HZ,
    HOP,
    FrontEnd,
    Logits,
    SpeechNetwork,
    normalise,
    past_mean,
)
from .onnx_graph import OPSET
from .speech_inventory import ALL_PHONES
from .speech_phones import BILABIALS, SILENCE
from .speech_visemes import STYLES, MouthDecoder

SAMPLES_STEP = 2 * HOP
KIND, VERSION = "gaussian_heads.speech", 2
# Effort is loudness about a frame against that of the loud parts of the seconds before: slope per decade of
# power around its usual value in vowels.
EFFORT_SLOPE, EFFORT_CENTRE, EFFORT_LOW, EFFORT_HIGH = 0.5, -0.5, 0.6, 1.4
EFFORT_PAST_FRAMES, EFFORT_FUTURE_FRAMES = 18, 12
EFFORT_MEMORY_FRAMES = 800
# What the logits of p, b and m are raised by: a lip closure that is missed is seen sooner than a false one.
# Chosen on the validation recordings (bench/lipsync): at .8 and 1.2, J is .90 and .92, and .07 and .13 of the other
# consonants close.
CLOSURE_EMPHASIS = 1.0
# Who is unsure between phones moves less than who knows: gains, in the order of `STYLES`, that give jaw, lips and
# rounding the spread of perfect timing on the validation recordings.
UNSURE_GAINS = (1.0, 1.1, 1.12, 1.15)
# Below the first probability that somebody speaks the mouth rests, above the second it is free.
VOICE_LOW, VOICE_HIGH = 0.15, 0.5
# Frames of the features' own window that reach past a frame's end.
WINDOW_FRAMES = 2


class SpeechGraph(nn.Module):
    """Waveform `[S]` and style `[4]` to ARKit weights `[F, 52]`, lip closure `[F]` and voice `[F]`."""

    def __init__(self, network: SpeechNetwork) -> None:
        super().__init__()
        self.front_end = FrontEnd(network.config.num_mels)
        self.network = network
        self.decoder = MouthDecoder()
        silence = torch.zeros(1, len(ALL_PHONES), 1)
        silence[0, SILENCE] = 1.0
        self.register_buffer("silence", silence)
        emphasis = torch.zeros(1, len(ALL_PHONES), 1)
        emphasis[0, [ALL_PHONES.index(phone) for phone in BILABIALS]] = CLOSURE_EMPHASIS
        self.register_buffer("emphasis", emphasis)
        self.register_buffer("gains", torch.tensor(UNSURE_GAINS))

    def forward(self, waveform: Tensor, style: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        mel_power = self.front_end(waveform[None])
        settled, coming = self.network(normalise(mel_power, self.network.config.context_frames))
        phones, coming_phones = self.posteriors(settled), self.posteriors(coming)
        arkit, closure = self.decoder(phones, effort(mel_power), style * self.gains, coming_phones)
        return torch.clamp(arkit[0], 0.0, 1.0), closure[0], torch.sigmoid(settled.voice)[0]

    def posteriors(self, logits: Logits) -> Tensor:
        """Phone posteriors `[1, 44, F]`; where nobody speaks there is silence."""
        voice = torch.sigmoid(logits.voice)
        gate = torch.clamp((voice - VOICE_LOW) / (VOICE_HIGH - VOICE_LOW), 0.0, 1.0)[:, None]
        return gate * torch.softmax(logits.phones + self.emphasis, 1) + (1.0 - gate) * self.silence

    @property
    def past_frames(self) -> int:
        """How many frames before a frame its output depends on."""
        through_network = self.network.past_frames + self.decoder.past_frames
        return max(through_network, EFFORT_MEMORY_FRAMES) + WINDOW_FRAMES

    @property
    def future_frames(self) -> int:
        """How many frames after a frame its output depends on."""
        settled = self.network.settled_frames + self.decoder.settled_frames
        coming = self.network.coming_frames + self.decoder.future_frames
        return max(settled, coming, EFFORT_FUTURE_FRAMES) + WINDOW_FRAMES


def effort(mel_power: Tensor) -> Tensor:
    """How loud speech is about each frame against what is usual, 1, `[B, F]` of mel power `[B, M, F]`."""
    power = mel_power.mean(1, keepdim=True) / ABSOLUTE_FLOOR + 1.0
    # Weighted by power itself, so that pauses do not count.
    usual = past_mean(power**2, EFFORT_MEMORY_FRAMES) / past_mean(power, EFFORT_MEMORY_FRAMES)
    span = EFFORT_PAST_FRAMES + EFFORT_FUTURE_FRAMES + 1
    padded = functional.pad(power, (EFFORT_PAST_FRAMES, EFFORT_FUTURE_FRAMES))
    local = functional.avg_pool1d(padded, span, stride=1)
    raw = 1.0 + EFFORT_SLOPE * (torch.log10(local / usual) - EFFORT_CENTRE)
    return torch.clamp(raw, EFFORT_LOW, EFFORT_HIGH)[:, 0]


def export_speech(network: SpeechNetwork, path: Path) -> None:
    """Write `network` as an ONNX file for `core.speech`, its weights stored as bytes."""
    graph = SpeechGraph(network).eval()
    steps = torch.export.Dim("steps", min=2, max=1_000_000)
    program = torch.onnx.export(
        graph,
        (torch.zeros(50 * SAMPLES_STEP), torch.ones(len(STYLES))),
        input_names=["waveform", "style"],
        output_names=["arkit", "lip_closure", "voice"],
        dynamic_shapes={"waveform": {0: SAMPLES_STEP * steps}, "style": None},
        opset_version=OPSET,
        dynamo=True,
        verbose=False,
    )
    model = program.model_proto
    store_bytes(model, prefix="network.")
    _forget_traces(model)
    metadata = {
        "kind": KIND,
        "version": str(VERSION),
        "code_space": ARKIT_SPACE,
        "sample_rate_hz": str(SPEECH_RATE_HZ),
        "frame_rate_hz": str(FRAME_RATE_HZ),
        "samples_step": str(SAMPLES_STEP),
        "past_frames": str(graph.past_frames),
        "future_frames": str(graph.future_frames),
        "style_names": ",".join(STYLES),
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
