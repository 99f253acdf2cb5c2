"""From phones to the mouth: targets, dominances and the timing of each articulator.

A control's curve is the mean of the phones' targets, weighted by how probable each phone is, how much
it insists on this articulator (its dominance) and how near it is in time (after Cohen and Massaro,
1993). Jaw, lip closure, lip opening, rounding, spreading and tongue each have their own dominances and
time windows, so that the lips may round early while the jaw is still busy with the phone before.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from ..core.spaces import ARKIT_BLENDSHAPES, ARKIT_INDEX, expand_sides
from .networks.speech import FRAME_RATE_HZ
from .speech_phones import PHONE_INDEX, PHONES


@dataclass(frozen=True)
class Articulator:
    """Controls that move together: a window in time and how much each phone insists on them."""

    controls: tuple[str, ...]
    half_width_sec: float
    lead_sec: float  # the mouth moves this much before the sound
    dominance: Mapping[str, float]  # of groups of phones; 1 where none is given


ARTICULATORS: tuple[Articulator, ...] = (
    Articulator(
        ("jawOpen",),
        0.11,
        0.02,
        {"HH": 0.15, "P B M": 1.2, "S Z": 3.0, "SH ZH CH JH F V": 2.0, "K G NG": 0.6, "SIL": 0.8},
    ),
    Articulator(("closure",), 0.04, 0.01, {"P B M": 6.0, "F V": 1.5, "HH": 0.3, "SIL": 0.6}),
    Articulator(
        ("mouthLowerDown", "mouthUpperUp", "mouthRollLower", "mouthShrugLower"),
        0.08,
        0.015,
        {"F V": 6.0, "S Z": 2.0, "SH ZH CH JH": 1.5, "HH": 0.2, "K G NG": 0.6},
    ),
    Articulator(
        ("mouthFunnel", "mouthPucker"),
        0.14,
        0.05,
        {
            "W UW": 4.0,
            "OW AO OY SH ZH CH JH UH": 2.5,
            "R ER AW": 1.5,
            "P B M": 0.4,
            "T D N L K G NG HH": 0.3,
            "S Z TH DH": 0.6,
        },
    ),
    Articulator(
        ("mouthStretch", "mouthSmile"),
        0.12,
        0.03,
        {"IY EY": 1.6, "W UW OW AO": 2.0, "T D N L K G NG HH": 0.4, "P B M": 0.5},
    ),
    Articulator(("tongueOut",), 0.07, 0.015, {"TH": 4.0, "DH": 3.0}),
)

# Set by eye and by the lip landmarks of the ICT-FaceKit head (jawOpen 1 parts its lips by 33 mm).
TARGETS: Mapping[str, Mapping[str, float]] = {
    "SIL": {},
    "AA": {"jawOpen": 0.5, "mouthLowerDown": 0.14, "mouthUpperUp": 0.08},
    "AE": {"jawOpen": 0.46, "mouthStretch": 0.22, "mouthLowerDown": 0.18, "mouthUpperUp": 0.14},
    "AH": {"jawOpen": 0.23, "mouthLowerDown": 0.1, "mouthUpperUp": 0.05},
    "AO": {"jawOpen": 0.38, "mouthFunnel": 0.5, "mouthPucker": 0.25},
    "AW": {"jawOpen": 0.43, "mouthFunnel": 0.3, "mouthPucker": 0.25, "mouthLowerDown": 0.06},
    "AY": {"jawOpen": 0.43, "mouthStretch": 0.12, "mouthLowerDown": 0.15, "mouthUpperUp": 0.08},
    "EH": {"jawOpen": 0.32, "mouthStretch": 0.17, "mouthLowerDown": 0.16, "mouthUpperUp": 0.09},
    "ER": {"jawOpen": 0.15, "mouthFunnel": 0.36, "mouthPucker": 0.3},
    "EY": {
        "jawOpen": 0.24,
        "mouthStretch": 0.2,
        "mouthSmile": 0.16,
        "mouthLowerDown": 0.15,
        "mouthUpperUp": 0.07,
    },
    "IH": {
        "jawOpen": 0.17,
        "mouthStretch": 0.12,
        "mouthSmile": 0.08,
        "mouthLowerDown": 0.13,
        "mouthUpperUp": 0.06,
    },
    "IY": {
        "jawOpen": 0.12,
        "mouthStretch": 0.24,
        "mouthSmile": 0.22,
        "mouthLowerDown": 0.17,
        "mouthUpperUp": 0.09,
    },
    "OW": {"jawOpen": 0.26, "mouthFunnel": 0.45, "mouthPucker": 0.6},
    "OY": {"jawOpen": 0.3, "mouthFunnel": 0.42, "mouthPucker": 0.4},
    "UH": {"jawOpen": 0.15, "mouthFunnel": 0.3, "mouthPucker": 0.45},
    "UW": {"jawOpen": 0.1, "mouthFunnel": 0.3, "mouthPucker": 0.9},
    "P": {"jawOpen": 0.05, "closure": 1.0},
    "B": {"jawOpen": 0.06, "closure": 1.0},
    "M": {"jawOpen": 0.06, "closure": 1.0},
    "F": {
        "jawOpen": 0.05,
        "mouthRollLower": 0.4,
        "mouthUpperUp": 0.2,
        "mouthShrugLower": 0.12,
        "mouthStretch": 0.06,
    },
    "V": {
        "jawOpen": 0.06,
        "mouthRollLower": 0.35,
        "mouthUpperUp": 0.18,
        "mouthShrugLower": 0.1,
        "mouthStretch": 0.06,
    },
    "TH": {"jawOpen": 0.12, "tongueOut": 0.4, "mouthLowerDown": 0.14, "mouthUpperUp": 0.1},
    "DH": {"jawOpen": 0.11, "tongueOut": 0.28, "mouthLowerDown": 0.12, "mouthUpperUp": 0.08},
    "T": {"jawOpen": 0.08, "mouthLowerDown": 0.18, "mouthUpperUp": 0.08},
    "D": {"jawOpen": 0.09, "mouthLowerDown": 0.17, "mouthUpperUp": 0.07},
    "N": {"jawOpen": 0.1, "mouthLowerDown": 0.14, "mouthUpperUp": 0.06},
    "L": {"jawOpen": 0.14, "mouthLowerDown": 0.12, "mouthUpperUp": 0.06, "tongueOut": 0.05},
    "S": {
        "jawOpen": 0.035,
        "mouthStretch": 0.14,
        "mouthSmile": 0.06,
        "mouthLowerDown": 0.3,
        "mouthUpperUp": 0.16,
    },
    "Z": {
        "jawOpen": 0.04,
        "mouthStretch": 0.14,
        "mouthSmile": 0.06,
        "mouthLowerDown": 0.28,
        "mouthUpperUp": 0.15,
    },
    "SH": {"jawOpen": 0.05, "mouthFunnel": 0.55, "mouthPucker": 0.3, "mouthLowerDown": 0.1},
    "ZH": {"jawOpen": 0.05, "mouthFunnel": 0.52, "mouthPucker": 0.3, "mouthLowerDown": 0.1},
    "CH": {"jawOpen": 0.06, "mouthFunnel": 0.52, "mouthPucker": 0.3, "mouthLowerDown": 0.1},
    "JH": {"jawOpen": 0.06, "mouthFunnel": 0.5, "mouthPucker": 0.28, "mouthLowerDown": 0.1},
    "K": {"jawOpen": 0.14, "mouthLowerDown": 0.12, "mouthUpperUp": 0.06},
    "G": {"jawOpen": 0.14, "mouthLowerDown": 0.12, "mouthUpperUp": 0.06},
    "NG": {"jawOpen": 0.14, "mouthLowerDown": 0.12, "mouthUpperUp": 0.06},
    "HH": {"jawOpen": 0.16, "mouthLowerDown": 0.08, "mouthUpperUp": 0.04},
    "R": {"jawOpen": 0.1, "mouthFunnel": 0.36, "mouthPucker": 0.36},
    "W": {"jawOpen": 0.05, "mouthFunnel": 0.16, "mouthPucker": 1.0},
    "Y": {"jawOpen": 0.09, "mouthStretch": 0.16, "mouthSmile": 0.14, "mouthLowerDown": 0.12},
}

# A network hedges between P and its neighbours: half a closure still has to look like one.
CLOSURE_LOW, CLOSURE_HIGH = 0.35, 0.65
# What a full closure adds, and how much of the open jaw `mouthClose` takes back.
CLOSURE_POSE: Mapping[str, float] = {
    "mouthPress": 0.28,
    "mouthRollLower": 0.1,
    "mouthRollUpper": 0.08,
}
CLOSE_PER_JAW = 0.92
# What parts the lips ends where they close; rounded or spread lips close in that shape.
KEPT_IN_CLOSURE: Mapping[str, float] = {
    "mouthLowerDown": 0.0,
    "mouthUpperUp": 0.0,
    "mouthFunnel": 0.0,
    "mouthRollLower": 0.0,
    "mouthShrugLower": 0.5,
    "tongueOut": 0.0,
}


def window(half_width_sec: float, lead_sec: float, radius: int) -> np.ndarray:
    """Triangle over `2 radius + 1` frames of 10 ms; its peak looks `lead_sec` ahead."""
    offsets_sec = np.arange(-radius, radius + 1) / FRAME_RATE_HZ
    return np.clip(1.0 - np.abs(offsets_sec - lead_sec) / half_width_sec, 0.0, None)


class MouthDecoder(nn.Module):
    """Phone posteriors `[B, 40, F]` to ARKit weights `[B, F, 52]` and lip closure `[B, F]` in [0, 1]."""

    def __init__(self) -> None:
        super().__init__()
        reach_sec = max(a.half_width_sec + a.lead_sec for a in ARTICULATORS)
        self.radius = int(np.ceil(reach_sec * FRAME_RATE_HZ))
        self.controls = tuple(name for a in ARTICULATORS for name in a.controls)
        mixing, kernels, denominators = self._tables()
        self.register_buffer("mixing", torch.tensor(mixing[:, :, None], dtype=torch.float32))
        self.register_buffer("kernels", torch.tensor(kernels[:, None], dtype=torch.float32))
        self.register_buffer("denominators", torch.tensor(denominators))
        self.register_buffer("kept", self._kept())
        self.register_buffer("spread", self._spread())
        self.register_buffer("pose", torch.zeros(len(ARKIT_BLENDSHAPES)))
        for name, weight in expand_sides(CLOSURE_POSE).items():
            self.pose[ARKIT_INDEX[name]] = weight

    def _tables(self) -> tuple[np.ndarray, np.ndarray, list[int]]:
        """Rows dominance·target of every control, then one row of dominance per articulator."""
        numerators, dominances, kernels, owners = [], [], [], []
        for index, articulator in enumerate(ARTICULATORS):
            dominance = np.ones(len(PHONES))
            for phones, value in articulator.dominance.items():
                dominance[[PHONE_INDEX[phone] for phone in phones.split()]] = value
            dominances.append(dominance)
            for control in articulator.controls:
                targets = [TARGETS[phone].get(control, 0.0) for phone in PHONES]
                numerators.append(dominance * np.array(targets))
                owners.append(index)
        windows = [window(a.half_width_sec, a.lead_sec, self.radius) for a in ARTICULATORS]
        kernels = [windows[owner] for owner in owners] + windows
        rows = np.array(numerators + dominances)
        return rows, np.array(kernels), [len(numerators) + owner for owner in owners]

    def _kept(self) -> Tensor:
        kept = [KEPT_IN_CLOSURE.get(name, 1.0) for name in self.controls]
        return torch.tensor(kept, dtype=torch.float32)[None, :, None]

    def _spread(self) -> Tensor:
        """Control `c` to the ARKit weights that it names, both sides, `[52, C]`."""
        spread = torch.zeros(len(ARKIT_BLENDSHAPES), len(self.controls))
        for column, control in enumerate(self.controls):
            if control != "closure":
                for name in expand_sides({control: 1.0}):
                    spread[ARKIT_INDEX[name], column] = 1.0
        return spread

    def forward(self, posteriors: Tensor) -> tuple[Tensor, Tensor]:
        mixed = functional.conv1d(posteriors, self.mixing)
        blurred = functional.conv1d(mixed, self.kernels, padding=self.radius, groups=mixed.shape[1])
        controls = blurred[:, : len(self.controls)] / blurred[:, self.denominators]
        raw = controls[:, self.controls.index("closure")]
        ramp = torch.clamp((raw - CLOSURE_LOW) / (CLOSURE_HIGH - CLOSURE_LOW), 0.0, 1.0)
        closure = ramp * ramp * (3.0 - 2.0 * ramp)  # [B, F]
        controls = controls * (1.0 - (1.0 - self.kept) * closure[:, None])
        arkit = (self.spread @ controls).transpose(1, 2) + closure[..., None] * self.pose
        jaw = arkit[..., ARKIT_INDEX["jawOpen"], None]
        close = CLOSE_PER_JAW * closure[..., None] * jaw
        before, after = ARKIT_INDEX["mouthClose"], ARKIT_INDEX["mouthClose"] + 1
        return torch.cat([arkit[..., :before], close, arkit[..., after:]], -1), closure
