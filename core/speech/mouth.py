"""How a mouth closes and what each gain of a style scales, for the network's training and for its curves.

A mouth is the closure's pose, as far as the lips touch, and a rest that the gains scale. `mouthClose` takes back
a part of the jaw's opening, so it follows the jaw.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
from jaxtyping import Bool, Float32

from ..spaces import ARKIT_INDEX, expand_sides
from .style import SpeechStyle

CLOSURE, BITE = "closure", "bite"
"""Lips that touch, and the lower lip at the upper teeth: contacts, 0 to 1, which no gain changes."""
JAW, MOUTH_CLOSE = "jawOpen", "mouthClose"

# What full contacts add to the face, and how much of the open jaw `mouthClose` takes back: all but what
# the lips' own softness bridges, and for a bite as much as leaves the upper teeth's edge on the lip.
CLOSURE_POSE: Mapping[str, float] = MappingProxyType(
    {"mouthPress": 0.28, "mouthRollLower": 0.1, "mouthRollUpper": 0.08}
)
BITE_POSE: Mapping[str, float] = MappingProxyType({"mouthRollLower": 0.5, "mouthUpperUp": 0.35})
CLOSE_PER_JAW: Mapping[str, float] = MappingProxyType({CLOSURE: 0.86, BITE: 0.7})
# What parts the lips ends where they close; rounded or spread lips close in that shape.
LOST_IN_CLOSURE = ("mouthLowerDown", "mouthUpperUp", "mouthFunnel", BITE, "tongueOut")
# The controls that a gain of the style scales. No control has two gains.
GAIN_CONTROLS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "jaw": (JAW,),
        "lips": ("mouthLowerDown", "mouthUpperUp", "mouthStretch", "mouthSmile", "mouthRollLower"),
        "rounding": ("mouthFunnel", "mouthPucker"),
    }
)
_LEAST = np.float32(1e-4)


@dataclass(frozen=True)
class MouthCurves:
    """Weights `[F, C]` of the ARKit channels `channels`, and how far the lips touch `[F]`, 0 to 1."""

    channels: tuple[int, ...]
    weights: Float32[np.ndarray, "F C"]
    lip_closure: Float32[np.ndarray, " F"]

    def styled(self, style: SpeechStyle, rate_hz: int) -> Float32[np.ndarray, "F C"]:
        """The weights with the style's jaw, lips, rounding and smoothing; lips that touch still do."""
        held = self._held()
        rest = self.weights - held
        taps = smoothing_taps(style, rate_hz)
        if len(taps) > 1:
            held, rest = self._smoothed(held, rest, taps)
        gains = _gains(self.channels, style)
        shown = np.clip(held + gains * rest, 0.0, 1.0)
        if self._close is not None and self._jaw is not None:
            jaw = (held + rest)[:, self._jaw]
            follows = np.minimum(gains[self._jaw], 1.0 / np.maximum(jaw, _LEAST))
            close = (held + rest)[:, self._close]
            shown[:, self._close] = np.clip(follows * close, 0.0, 1.0)
        return shown

    @property
    def _jaw(self) -> int | None:
        return _column(self.channels, JAW)

    @property
    def _close(self) -> int | None:
        return _column(self.channels, MOUTH_CLOSE)

    def _held(self) -> np.ndarray:
        """The part of the weights `[F, C]` that shuts the lips."""
        held = self.lip_closure[:, None] * _row(self.channels, CLOSURE_POSE)
        if self._close is not None and self._jaw is not None:
            held[:, self._close] = self._closes(self.weights[:, self._jaw])
        return np.minimum(held, self.weights)

    def _closes(self, jaw: np.ndarray) -> np.ndarray:
        """`mouthClose` `[F]` of touching lips over the open jaw `[F]`."""
        return np.float32(CLOSE_PER_JAW[CLOSURE]) * self.lip_closure * jaw

    def _smoothed(
        self, held: np.ndarray, rest: np.ndarray, taps: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """Both parts with the rest averaged; what parts the lips is the mean of the moments they are apart."""
        apart = 1.0 - self.lip_closure
        rest = _average(rest, taps)
        often = np.maximum(_average(apart[:, None], taps), _LEAST)
        rest = np.where(_is_lost(self.channels), rest * (apart[:, None] / often), rest)
        if self._close is not None and self._jaw is not None:
            held[:, self._close] = self._closes(rest[:, self._jaw])
        return held, rest


def smoothing_taps(style: SpeechStyle, rate_hz: int) -> Float32[np.ndarray, " K"]:
    """Weights of the moments about each, of sum 1: a Hann window, `smoothing_ms` wide at half its height."""
    reach = style.smoothing_ms * 1e-3 * rate_hz
    offsets = np.arange(-math.ceil(reach), math.ceil(reach) + 1)
    taps = 0.5 + 0.5 * np.cos(np.pi * offsets / max(reach, 1e-9))
    taps = taps[np.abs(offsets) < max(reach, 1e-9)]
    return (taps / taps.sum()).astype(np.float32)


def _average(curves: np.ndarray, taps: np.ndarray) -> np.ndarray:
    """Curves `[F, C]` averaged about each row; the ends hold. Any part of them gives the same numbers."""
    reach = len(taps) // 2
    padded = np.pad(curves, ((reach, reach), (0, 0)), "edge")
    total = np.zeros_like(curves)
    for index, tap in enumerate(taps):
        total += tap * padded[index : index + len(curves)]
    return total


def _gains(channels: tuple[int, ...], style: SpeechStyle) -> Float32[np.ndarray, " C"]:
    gains = np.ones(len(channels), np.float32)
    for name, controls in GAIN_CONTROLS.items():
        chosen = _row(channels, dict.fromkeys(controls, 1.0)) > 0
        gains[chosen] = getattr(style, name)
    return gains


def _is_lost(channels: tuple[int, ...]) -> Bool[np.ndarray, " C"]:
    """Channels whose rest ends where the lips close."""
    names = {*LOST_IN_CLOSURE, *BITE_POSE, MOUTH_CLOSE} - {BITE}
    return _row(channels, dict.fromkeys(names, 1.0)) > 0


def _row(channels: tuple[int, ...], weights: Mapping[str, float]) -> Float32[np.ndarray, " C"]:
    """Named weights, of both sides where a name has two, in the order of the channels."""
    by_index = {ARKIT_INDEX[name]: value for name, value in expand_sides(weights).items()}
    return np.array([by_index.get(channel, 0.0) for channel in channels], np.float32)


def _column(channels: tuple[int, ...], name: str) -> int | None:
    index = ARKIT_INDEX[name]
    return channels.index(index) if index in channels else None
