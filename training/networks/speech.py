"""The speech network: 16 kHz waveform → mel features → phone posteriors and voice at 100 Hz.

| stage     | out            | note                                                         |
|-----------|----------------|--------------------------------------------------------------|
| power     | [B, 257, 2T]   | 25 ms Hann window, 512-point DFT as a convolution, hop 10 ms |
| mel, log  | [B, 80, 2T]    | normalised by what was heard in the 3 s before               |
| stem      | [B, d, T]      | 6 frames, stride 2: 50 Hz                                    |
| blocks    | [B, d, T]      | residual, 3-tap dilated convolutions, nearly all causal      |
| coming    | [B, 45, 2T]    | two frames per step of 44 phone logits and one of voice      |
| settling  | [B, d, T]      | more blocks, which wait for more sound                       |
| settled   | [B, 45, 2T]    | the same, settled                                            |

Frame `i` is centred on sample `160 i + 80`; a waveform of `320 T` samples gives `2T` frames. The mouth decoder
looks ahead itself: what comes must be known at short notice, what is there now may be settled later. Nothing
looks further ahead than the network says, so that sound may come as a stream.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from ...core.audio import SPEECH_RATE_HZ
from ..speech_inventory import ALL_PHONES

WINDOW, HOP, FFT = 400, 160, 512
EDGE = (WINDOW - HOP) // 2
FRAME_RATE_HZ = SPEECH_RATE_HZ // HOP
NUM_BINS = FFT // 2 + 1
MEL_LOW_HZ, MEL_HIGH_HZ = 60.0, 7600.0
# Log spectra flatter than this are noise: dividing by less would blow silence up to speech.
MIN_STD = 0.4
RELATIVE_FLOOR, ABSOLUTE_FLOOR = 1e-6, 1e-8
# Frames that the stem reads before and after the first frame of its step.
STEM_TAPS, STEM_PAST = 6, 2


@dataclass(frozen=True)
class SpeechNetworkConfig:
    """Sizes of the network; a block is (dilation, steps that it looks ahead), in steps of 20 ms."""

    num_mels: int = 80
    width: int = 256
    blocks: tuple[tuple[int, int], ...] = (
        (1, 1), (1, 0), (1, 1), (2, 0), (1, 1), (4, 0), (8, 0), (16, 0), (2, 0), (4, 0),
    )  # fmt: skip
    settling: tuple[tuple[int, int], ...] = ((1, 1), (1, 1))
    dropout: float = 0.15
    context_frames: int = 300  # normalisation knows this much of the past, 10 ms each


def mel_bank(num_mels: int, warp: float = 1.0) -> np.ndarray:
    """Triangular mel filters `[257, num_mels]`; `warp` > 1 reads a voice as if its tract were longer."""

    def to_mel(hz: np.ndarray) -> np.ndarray:
        return 2595.0 * np.log10(1.0 + hz / 700.0)

    edges_mel = np.linspace(*to_mel(np.array([MEL_LOW_HZ, MEL_HIGH_HZ])), num_mels + 2)
    edges_hz = 700.0 * (10.0 ** (edges_mel / 2595.0) - 1.0) * warp
    bins_hz = np.linspace(0.0, SPEECH_RATE_HZ / 2, NUM_BINS)[:, None]
    low, centre, high = edges_hz[:-2], edges_hz[1:-1], edges_hz[2:]
    rising = (bins_hz - low) / (centre - low)
    falling = (high - bins_hz) / (high - centre)
    bank = np.clip(np.minimum(rising, falling), 0.0, None)
    # Narrow filters may fall between two bins: give them the nearest one.
    empty = bank.sum(0) < 1e-6
    nearest = np.argmin(np.abs(bins_hz - np.minimum(centre, SPEECH_RATE_HZ / 2)), axis=0)
    bank[nearest[empty], np.flatnonzero(empty)] = 1.0
    return bank.astype(np.float32)


def power_spectrum(waveform: np.ndarray) -> np.ndarray:
    """Power `[F, 257]` of a 16 kHz waveform `[S]`, F = S // 160: what `FrontEnd` computes, in numpy."""
    padded = np.pad(waveform, EDGE)
    frames = np.lib.stride_tricks.sliding_window_view(padded, WINDOW)[::HOP]
    spectrum = np.fft.rfft(frames * np.hanning(WINDOW + 1)[:-1], FFT)
    return (spectrum.real**2 + spectrum.imag**2).astype(np.float32)


def past_mean(values: Tensor, num_frames: int) -> Tensor:
    """Mean over each frame `[B, C, F]` and up to `num_frames` before it."""

    def past_sum(of: Tensor) -> Tensor:
        # In double precision: the difference of two long sums.
        sums = torch.cumsum(of.double(), 2)
        return sums - functional.pad(sums, (num_frames + 1, 0))[:, :, : of.shape[2]]

    return (past_sum(values) / past_sum(torch.ones_like(values[:1, :1]))).float()


def normalise(mel_power: Tensor, context_frames: int) -> Tensor:
    """Features `[B, M, F]` of mel power `[B, M, F]`: logs less their past mean, over one past spread."""
    # In units of the floor: exporters drop a summand as small as the floor itself.
    mel_power = mel_power / ABSOLUTE_FLOOR
    level = past_mean(mel_power.mean(1, keepdim=True), context_frames)
    logs = torch.log10(mel_power + RELATIVE_FLOOR * level + 1.0)
    centred = logs - past_mean(logs, context_frames)
    variance = past_mean((centred**2).mean(1, keepdim=True), context_frames)
    return centred / torch.sqrt(variance + MIN_STD**2)


class FrontEnd(nn.Module):
    """Waveform `[B, S]` to mel power `[B, M, F]`, with fixed kernels only."""

    def __init__(self, num_mels: int) -> None:
        super().__init__()
        angle = 2.0 * np.pi * np.outer(np.arange(NUM_BINS), np.arange(WINDOW)) / FFT
        hann = np.hanning(WINDOW + 1)[:-1]
        kernels = np.concatenate([np.cos(angle) * hann, np.sin(angle) * hann])
        self.register_buffer("kernels", torch.tensor(kernels[:, None], dtype=torch.float32))
        self.register_buffer("mel", torch.tensor(mel_bank(num_mels).T[:, :, None]))

    def forward(self, waveform: Tensor) -> Tensor:
        spectrum = functional.conv1d(waveform[:, None], self.kernels, stride=HOP, padding=EDGE)
        power = spectrum[:, :NUM_BINS] ** 2 + spectrum[:, NUM_BINS:] ** 2
        return functional.conv1d(power, self.mel)


class Block(nn.Module):
    """Residual: LayerNorm over channels, dilated 3-tap convolution, GELU, linear."""

    def __init__(self, width: int, dilation: int, ahead: int, dropout: float) -> None:
        super().__init__()
        self.padding = (2 * dilation - ahead, ahead)
        self.norm = nn.LayerNorm(width)
        self.conv = nn.Conv1d(width, width, 3, dilation=dilation)
        self.linear = nn.Conv1d(width, width, 1)
        self.dropout = nn.Dropout(dropout)

    def forward(self, x: Tensor) -> Tensor:  # [B, d, T]
        hidden = self.norm(x.transpose(1, 2)).transpose(1, 2)
        hidden = self.conv(functional.pad(hidden, self.padding))
        return x + self.dropout(self.linear(functional.gelu(hidden, approximate="tanh")))


class Logits(NamedTuple):
    """Phones `[B, 44, F]` and voice `[B, F]` of each frame."""

    phones: Tensor
    voice: Tensor


class SpeechNetwork(nn.Module):
    """Features `[B, M, 2T]` to logits of 2T frames."""

    def __init__(self, config: SpeechNetworkConfig) -> None:
        super().__init__()
        self.config = config
        width = config.width
        self.stem = nn.Conv1d(config.num_mels, width, STEM_TAPS, stride=2, padding=STEM_PAST)
        self.blocks = self._blocks(config.blocks)
        self.settling = self._blocks(config.settling)
        self.coming, self.settled = Head(width), Head(width)

    def _blocks(self, sizes: tuple[tuple[int, int], ...]) -> nn.Sequential:
        width, dropout = self.config.width, self.config.dropout
        return nn.Sequential(*(Block(width, dilation, ahead, dropout) for dilation, ahead in sizes))

    @property
    def past_frames(self) -> int:
        """How many frames before a frame its logits depend on, normalisation included."""
        blocks = self.config.blocks + self.config.settling
        steps = sum(2 * dilation - ahead for dilation, ahead in blocks)
        # Level, mean and spread each look back once more; a step's second frame sees one more.
        return 3 * self.config.context_frames + 2 * steps + STEM_PAST + 1

    @property
    def coming_frames(self) -> int:
        """How many frames after a frame its logits at short notice depend on."""
        return 2 * sum(ahead for _, ahead in self.config.blocks) + STEM_TAPS - STEM_PAST - 1

    @property
    def settled_frames(self) -> int:
        """How many frames after a frame its settled logits depend on."""
        return self.coming_frames + 2 * sum(ahead for _, ahead in self.config.settling)

    def forward(self, features: Tensor) -> tuple[Logits, Logits]:
        """What is there, settled, and what is coming, at short notice."""
        hidden = self.blocks(self.stem(features))
        return self.settled(self.settling(hidden)), self.coming(hidden)


class Head(nn.Module):
    """Hidden steps `[B, d, T]` to logits of two frames per step."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(width)
        self.linear = nn.Conv1d(width, 2 * (len(ALL_PHONES) + 1), 1)

    def forward(self, x: Tensor) -> Logits:
        logits = self.linear(self.norm(x.transpose(1, 2)).transpose(1, 2))
        batch, channels, steps = logits.shape
        pairs = logits.reshape(batch, 2, channels // 2, steps)
        logits = pairs.permute(0, 2, 3, 1).reshape(batch, channels // 2, 2 * steps)
        return Logits(logits[:, :-1], logits[:, -1])
