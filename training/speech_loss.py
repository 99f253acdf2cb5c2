"""What the speech network is told: the phone, whether somebody speaks, and how the face then moves.

Motion is compared through the mouth decoder, as expression codes: the prior's map takes controls to codes,
and an error counts as much as it shows in the mouth (`code_targets`). Captured motion has no phones; its
curves are met up to a gain and an offset per curve, which are the actor's own.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from ..core.spaces import ARKIT_INDEX
from .networks.speech import Logits
from .speech_augment import UNKNOWN_LABEL
from .speech_captured import MOTION_COLUMNS
from .speech_inventory import ALL_PHONES
from .speech_phones import SILENCE
from .speech_visemes import MouthDecoder

# Somebody speaks from this many frames before the first phone to as many after the last, pauses included.
VOICE_REACH_FRAMES = 8
ROUNDING = ("mouthFunnel", "mouthPucker", "mouthStretchLeft", "mouthSmileLeft")


@dataclass(frozen=True)
class LossConfig:
    """Weights of the parts; `target` is "codes", or "controls" for codes without appearance."""

    target: str = "codes"
    label_smoothing: float = 0.05
    coming: float = 0.4  # of the phones at short notice
    voice: float = 0.3
    motion: float = 1.0
    velocity: float = 3.0
    closure: float = 1.0
    rounding: float = 1.0
    captured: float = 5.0
    # The motion's parts begin when this share of the steps is done: phones must be heard first.
    motion_from: float = 0.32


@dataclass(frozen=True)
class Parts:
    """The parts of one loss, weighted, and the share of frames whose phone was found."""

    phones: Tensor
    voice: Tensor
    motion: Tensor
    captured: Tensor
    accuracy: Tensor

    def total(self) -> Tensor:
        """What is minimised."""
        return self.phones + self.voice + self.motion + self.captured

    def detached(self) -> Parts:
        """The parts as plain numbers."""
        return Parts(**{name: value.detach() for name, value in vars(self).items()})


class SpeechLoss(nn.Module):
    """Loss of phone and voice logits; `root` `[52, R]` takes an error of controls to what shows of it."""

    def __init__(self, config: LossConfig, root: Tensor) -> None:
        super().__init__()
        self.config = config
        self.decoder = MouthDecoder().requires_grad_(False)
        self.register_buffer("root", root)
        self.actor_gain = nn.Parameter(torch.ones(len(MOTION_COLUMNS)))
        self.actor_offset = nn.Parameter(torch.zeros(len(MOTION_COLUMNS)))
        self.columns = [ARKIT_INDEX[name] for name in MOTION_COLUMNS]
        self.rounded = [ARKIT_INDEX[name] for name in ROUNDING]

    def forward(
        self, heard: tuple[Logits, Logits], labels: Tensor, motion: Tensor, done: float
    ) -> Parts:
        """Parts for logits, settled and coming, labels `[B, F]`, captured motion `[B, F, 4]` or NaN."""
        config = self.config
        settled, coming = heard
        is_known = labels != UNKNOWN_LABEL
        found = (settled.phones.argmax(1) == labels)[is_known].float().mean()
        spoken = speaks(labels)
        (phones, voice), (early_phones, early_voice) = (
            self._heard(logits, labels, spoken, is_known) for logits in heard
        )
        phones = phones + config.coming * early_phones
        voice = voice + config.coming * early_voice
        moved = captured = phones.new_zeros(())
        if done >= config.motion_from:
            arkit, closure = self.decoder(
                torch.softmax(settled.phones, 1), coming=torch.softmax(coming.phones, 1)
            )
            moved = self._motion(arkit, closure, labels)
            captured = self._captured(arkit, motion)
        return Parts(
            phones, config.voice * voice, config.motion * moved, config.captured * captured, found
        )

    def _heard(
        self, logits: Logits, labels: Tensor, spoken: Tensor, is_known: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Losses of the phones and of the voice."""
        phones = functional.cross_entropy(
            logits.phones,
            labels,
            ignore_index=UNKNOWN_LABEL,
            label_smoothing=self.config.label_smoothing,
        )
        voice = functional.binary_cross_entropy_with_logits(
            logits.voice[is_known], spoken[is_known]
        )
        return phones, voice

    def _motion(self, arkit: Tensor, closure: Tensor, labels: Tensor) -> Tensor:
        """Error against the motion that the true phones give through the same decoder."""
        with torch.no_grad():
            phones = functional.one_hot(labels.clamp(min=SILENCE), len(ALL_PHONES))
            true, true_closure = self.decoder(phones.transpose(1, 2).to(arkit.dtype))
        weight = (labels != UNKNOWN_LABEL).to(arkit.dtype)
        error = ((arkit - true) @ self.root) * weight[..., None]
        position = _robust(error)
        velocity = _robust(error.diff(dim=1))
        lips = (weight * (closure - true_closure).abs()).mean()
        # Millimetres of the jaw drown the lips' shape, which eyes read as the vowel.
        rounding = (weight * (arkit - true)[..., self.rounded].abs().sum(-1)).mean()
        config = self.config
        contact = config.closure * lips + config.rounding * rounding
        return position + config.velocity * velocity + contact

    def _captured(self, arkit: Tensor, motion: Tensor) -> Tensor:
        """Error of jaw, funnel, pucker and press against an actor's."""
        is_captured = torch.isfinite(motion).all(-1)
        if not is_captured.any():
            return arkit.new_zeros(())
        guess = arkit[..., self.columns] * self.actor_gain + self.actor_offset
        error = torch.where(is_captured[..., None], guess - torch.nan_to_num(motion), 0.0)
        return (error.abs() + 2.0 * functional.pad(error.diff(dim=1), (0, 0, 1, 0)).abs()).mean()


def speaks(labels: Tensor) -> Tensor:
    """1 where somebody speaks or is about to or has just ended, `[B, F]` of labels `[B, F]`."""
    sound = (labels > SILENCE).float()[:, None]
    reach = VOICE_REACH_FRAMES
    return functional.max_pool1d(sound, 2 * reach + 1, stride=1, padding=reach)[:, 0]


def _robust(error: Tensor) -> Tensor:
    """Mean length of the error vectors `[B, F, R]`, square near zero."""
    return (torch.sqrt(error.square().sum(-1) + 1e-4) - 1e-2).mean()
