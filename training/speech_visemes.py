"""From phones to the mouth: targets, dominances and the timing of each articulator.

A control's curve is the mean of the phones' targets, weighted by how probable each phone is, how much
it insists on this articulator (its dominance) and how near it is in time (after Cohen and Massaro,
1993). Jaw, contacts of lips and teeth, lip opening, rounding, spreading and tongue each have their own
dominances and time windows, so that the lips may round early while the jaw is still busy with the phone
before. Contacts are decided, not averaged: a p of 30 ms between open vowels shuts the lips.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from ..core.spaces import ARKIT_BLENDSHAPES, ARKIT_INDEX, expand_sides
from ..core.speech.mouth import BITE, BITE_POSE, CLOSE_PER_JAW, CLOSURE, CLOSURE_POSE
from .coarticulation_parameters import load_parameters
from .coarticulation_tables import (
    ARTICULATORS,
    CONTACT_POWER,
    CONTACT_SMOOTHING_FRAMES,
    CONTROLS,
    KEPT_IN_BITE,
    KEPT_IN_CLOSURE,
)
from .networks.speech import FRAME_RATE_HZ
from .speech_inventory import ALL_PHONES
from .speech_spoken import Interval, frame_labels

STYLES: tuple[str, ...] = ("effort", "jaw", "lips", "rounding")
FUTURE_FRAMES, PAST_FRAMES = 9, 18
_OWNERS = [row for row, a in enumerate(ARTICULATORS) for _ in a.controls]
_EPSILON = 1e-6


def window(ahead_sec: Tensor, behind_sec: Tensor, lead_sec: Tensor) -> Tensor:
    """Raised cosine over 18 frames before to 9 after, `[..., 28]`; its peak looks `lead_sec` ahead."""
    frames = torch.arange(-PAST_FRAMES, FUTURE_FRAMES + 1, dtype=torch.float32)
    offset_sec = frames / FRAME_RATE_HZ - lead_sec[..., None]
    width_sec = torch.where(offset_sec > 0, ahead_sec[..., None], behind_sec[..., None])
    return 0.5 + 0.5 * torch.cos(torch.pi * torch.clamp(offset_sec / width_sec, -1.0, 1.0))


def tables(parameters: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The decoder's buffers: rows dominance·target of every control, then each articulator's dominance."""
    dominances = torch.exp(parameters["log_dominances"])
    windows = window(*parameters["windows_sec"].T)
    mixing = torch.cat([dominances[_OWNERS] * parameters["targets"], dominances])
    kernels = torch.cat([windows[_OWNERS], windows])
    return {
        "mixing": mixing[:, :, None],
        "kernels": kernels[:, None],
        "effort_slopes": parameters["effort"][_OWNERS],
    }


class MouthDecoder(nn.Module):
    """Phone posteriors `[B, 44, F]` to ARKit weights `[B, F, 52]` and lip closure `[B, F]`, 0 to 1.

    What comes after a frame, up to `future_frames`, may be known less surely than what is there: it is read
    from `coming`, and from the posteriors themselves up to `settled_frames` after the frame only.
    """

    def __init__(self) -> None:
        super().__init__()
        self.controls, self.past_frames, self.future_frames = CONTROLS, PAST_FRAMES, FUTURE_FRAMES
        self.settled_frames = CONTACT_SMOOTHING_FRAMES
        for name, table in tables(load_parameters()).items():
            self.register_buffer(name, table)
        hann = torch.hann_window(2 * CONTACT_SMOOTHING_FRAMES + 3, periodic=False)[1:-1]
        self.register_buffer("smoothing", (hann / hann.sum())[None, None])
        self.register_buffer("lost_in_closure", _lost(KEPT_IN_CLOSURE))
        self.register_buffer("lost_in_bite", _lost(KEPT_IN_BITE))
        self.register_buffer("spread", _spread())
        self.register_buffer("closure_pose", _pose(CLOSURE_POSE))
        self.register_buffer("bite_pose", _pose(BITE_POSE))

    def forward(
        self,
        posteriors: Tensor,
        effort: Tensor | None = None,
        style: Tensor | None = None,
        coming: Tensor | None = None,
    ) -> tuple[Tensor, Tensor]:
        """`effort` `[B, F]` is 1 for a usual voice; `style` `[4]` holds the gains of `STYLES`.

        `coming` `[B, 44, F]` are posteriors for what comes after each frame, these ones by default.
        """
        blurred = self._blurred(posteriors, posteriors if coming is None else coming)
        amounts = blurred[:, : len(CONTROLS)]
        totals = blurred[:, len(CONTROLS) :][:, _OWNERS]
        closure, bite = (self._contact(amounts, totals, name) for name in (CLOSURE, BITE))
        bite = bite * (1.0 - closure)
        controls = amounts / (totals + _EPSILON) * self._gains(effort, style)
        controls = controls * (1.0 - self.lost_in_closure * closure)
        controls = controls * (1.0 - self.lost_in_bite * bite)
        lip_gain = 1.0 if style is None else style[STYLES.index("lips")]
        arkit = (self.spread @ controls).transpose(1, 2)
        closure, bite = closure.transpose(1, 2), bite.transpose(1, 2)
        arkit = arkit + closure * self.closure_pose + bite * lip_gain * self.bite_pose
        arkit = torch.clamp(arkit, 0.0, 1.0)
        close = CLOSE_PER_JAW[CLOSURE] * closure + CLOSE_PER_JAW[BITE] * bite
        close = close * arkit[..., ARKIT_INDEX["jawOpen"], None]
        before, after = ARKIT_INDEX["mouthClose"], ARKIT_INDEX["mouthClose"] + 1
        return torch.cat([arkit[..., :before], close, arkit[..., after:]], -1), closure[..., 0]

    def _blurred(self, posteriors: Tensor, coming: Tensor) -> Tensor:
        """Dominance times target, then dominance, about each frame `[B, R, F]`."""
        now = self.past_frames + 1
        rows = len(self.mixing)
        so_far = functional.pad(functional.conv1d(posteriors, self.mixing), (self.past_frames, 0))
        after = functional.pad(functional.conv1d(coming, self.mixing), (0, self.future_frames))
        return functional.conv1d(so_far, self.kernels[:, :, :now], groups=rows) + functional.conv1d(
            after[:, :, 1:], self.kernels[:, :, now:], groups=rows
        )

    def _contact(self, amounts: Tensor, totals: Tensor, name: str) -> Tensor:
        """How surely lips or teeth touch, `[B, 1, F]`, 0 to 1."""
        row = CONTROLS.index(name)
        share = amounts[:, row : row + 1] / (totals[:, row : row + 1] + _EPSILON)
        touching, apart = share**CONTACT_POWER, (1.0 - share) ** CONTACT_POWER
        decided = touching / (touching + apart)
        both = (CONTACT_SMOOTHING_FRAMES, CONTACT_SMOOTHING_FRAMES)
        decided = functional.pad(decided, both, mode="replicate")
        return functional.conv1d(decided, self.smoothing)

    def _gains(self, effort: Tensor | None, style: Tensor | None) -> Tensor:
        """What every control is multiplied with, `[1 or B, C, 1 or F]`."""
        gains = torch.ones_like(self.lost_in_bite)
        if style is not None:
            scaled = [ARTICULATORS[owner].gain for owner in _OWNERS]
            columns = [STYLES.index(name) if name else len(STYLES) for name in scaled]
            gains = torch.cat([style, torch.ones_like(style[:1])])[columns][None, :, None]
        if effort is not None:
            louder = effort[:, None] - 1.0
            if style is not None:
                louder = louder * style[STYLES.index("effort")]
            gains = gains * (1.0 + self.effort_slopes[None, :, None] * louder)
        return gains


def true_motion(phones: Sequence[Interval], num_frames: int) -> tuple[np.ndarray, np.ndarray]:
    """ARKit weights `[F, 52]` and lip closure `[F]` at 100 Hz of phones whose times are known."""
    labels = torch.from_numpy(frame_labels(phones, FRAME_RATE_HZ, num_frames).astype(np.int64))
    posteriors = functional.one_hot(labels, len(ALL_PHONES)).T[None].float()
    with torch.no_grad():
        arkit, closure = MouthDecoder()(posteriors)
    return arkit[0].numpy(), closure[0].numpy()


def _lost(kept: Mapping[str, float]) -> Tensor:
    return torch.tensor([1.0 - kept.get(name, 1.0) for name in CONTROLS])[None, :, None]


def _pose(weights: Mapping[str, float]) -> Tensor:
    pose = torch.zeros(len(ARKIT_BLENDSHAPES))
    for name, weight in expand_sides(weights).items():
        pose[ARKIT_INDEX[name]] = weight
    return pose


def _spread() -> Tensor:
    """Control `c` to the ARKit weights that it names, both sides, `[52, C]`."""
    spread = torch.zeros(len(ARKIT_BLENDSHAPES), len(CONTROLS))
    for column, control in enumerate(CONTROLS):
        if control not in (CLOSURE, BITE):
            for name in expand_sides({control: 1.0}):
                spread[ARKIT_INDEX[name], column] = 1.0
    return spread
