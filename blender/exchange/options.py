"""How a recording is put on a face, and where its keys went."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from ...core.errors import TrackError
from ...core.expression import ExpressionTrack
from ...core.spaces.face_parts import FACE_PARTS, HEAD_PART
from ..defaults import KEY_TOLERANCE
from ..destinations import Destination

Mode = Literal["TRACK", "ACTING"]


@dataclass(frozen=True)
class PerformanceOptions:
    """How a recording is put on an avatar.

    `mode`: "TRACK" writes the layers that a bake of speech writes, into `destination`; "ACTING" keys the
    ARKit controls and the head's pose, which add to the speech. The recording's first frame lies at
    `first_frame`. Only `parts` ("mouth", "eyes", "brows", "head") and frames within `frames` change.
    `strength` scales all of it. Over `blend_frames` at both ends it fades from and to what was there.
    Keys that straight lines give back within `tolerance` are left out; 0 keeps a key on every frame.
    """

    mode: Mode = "ACTING"
    first_frame: int = 1
    parts: tuple[str, ...] = FACE_PARTS
    frames: range | None = None
    strength: float = 1.0
    blend_frames: int = 0
    tolerance: float = KEY_TOLERANCE
    destination: Destination = Destination()


@dataclass(frozen=True)
class PerformanceResult:
    """Where a recording went."""

    action: str
    num_curves: int
    num_keys: int
    first_frame: int
    last_frame: int


def scaled(track: ExpressionTrack, options: PerformanceOptions) -> ExpressionTrack:
    """The track times the strength of `options`, without the head where that is not among its parts."""
    strength = np.float32(options.strength)
    pose = strength * track.head_pose * (HEAD_PART in options.parts)
    layers = {name: strength * codes for name, codes in track.layers.items()}
    return replace(track, layers=layers, head_pose=pose)


def frame_span(track: ExpressionTrack, options: PerformanceOptions) -> tuple[int, int]:
    """First and last frame that the recording changes; raises where there are none."""
    first, last = options.first_frame, options.first_frame + track.num_frames - 1
    if options.frames is not None:
        first, last = max(first, options.frames.start), min(last, options.frames.stop - 1)
    if first > last:
        raise TrackError(
            f"The recording lies on frames {options.first_frame} to "
            f"{options.first_frame + track.num_frames - 1}, outside the frames to change: move its start."
        )
    return first, last


def fade_shares(num_frames: int, blend_frames: int) -> np.ndarray:
    """How much of a recording counts on each of its frames `[T]`: less at both ends."""
    steps = np.arange(1, num_frames + 1) / (blend_frames + 1)
    return np.minimum(np.minimum(steps, steps[::-1]), 1.0).astype(np.float32)
