"""A recorded face on top of what the sound says."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from jaxtyping import Float32

from .expression import ExpressionTrack
from .retiming import retime_track
from .spaces.conversion import Driven, arkit_track
from .spaces.face_parts import layer_indices

# A recording that ends before the sound lets go of the face in this time.
RELEASE_SEC = 0.25


def add_performance(
    speech: ExpressionTrack, performance: ExpressionTrack, avatar: Driven | None = None
) -> ExpressionTrack:
    """`speech` plus `performance`, both from their first frame on, as ARKit weights of `speech`'s length.

    Brows, lids and gaze are added to the layers of their names, the rest to the speech. `avatar` reads
    tracks in its own codes.
    """
    speech = arkit_track(speech, avatar)
    acting = retime_track(arkit_track(performance, avatar), speech.fps)
    num_frames = speech.num_frames
    codes = _fitted(acting.codes(), num_frames, RELEASE_SEC * float(speech.fps))
    pose = _fitted(acting.head_pose, num_frames, RELEASE_SEC * float(speech.fps))
    layers = {name: values.copy() for name, values in speech.layers.items()}
    for layer, indices in layer_indices().items():
        values = layers.setdefault(layer, np.zeros_like(codes))
        values[:, indices] = np.clip(values[:, indices] + codes[:, indices], 0.0, 1.0)
    return replace(speech, layers=layers, head_pose=speech.head_pose + pose)


def _fitted(
    values: Float32[np.ndarray, "S D"], num_frames: int, release_frames: float
) -> Float32[np.ndarray, "T D"]:
    """The first `num_frames` rows; behind the last one its values fade away."""
    missing = num_frames - len(values)
    if missing <= 0:
        return values[:num_frames]
    fade = np.clip(1.0 - np.arange(1, missing + 1) / release_frames, 0.0, 1.0)
    return np.concatenate([values, (fade[:, None] * values[-1]).astype(np.float32)])
