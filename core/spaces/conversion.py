"""Tracks that meet an avatar of another code space; ARKit-52 is what every space translates to and from."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import replace
from typing import Protocol, runtime_checkable

import numpy as np
from jaxtyping import Float32

from ..avatar.known_spaces import shipped_controls
from ..avatar.members import Controls
from ..errors import CodeSpaceError, TrackError
from ..expression import ExpressionTrack
from .arkit import ARKIT_BLENDSHAPES, ARKIT_SPACE

LOG = logging.getLogger(__name__)


@runtime_checkable
class Driven(Protocol):
    """The part of an avatar that a track must fit."""

    @property
    def name(self) -> str: ...

    @property
    def code_space(self) -> str: ...

    @property
    def controls(self) -> Controls: ...


def convert_track(track: ExpressionTrack, avatar: Driven) -> ExpressionTrack:
    """`track` in the code space of `avatar`, layer by layer, so that strengths still apply afterwards.

    A track of the avatar's own space is returned as it is; every other one goes through ARKit-52.
    """
    if track.code_space == avatar.code_space:
        return track
    arkit = arkit_track(track)
    if avatar.code_space == ARKIT_SPACE:
        return arkit
    offsets = avatar.controls.arkit52
    if not offsets.any():
        raise CodeSpaceError(
            f"The track's codes live in '{track.code_space}', and the avatar '{avatar.name}' of the space "
            f"'{avatar.code_space}' has no ARKit controls that could take them: choose another avatar."
        )
    if track.code_space != ARKIT_SPACE:
        LOG.warning(
            "The track's codes of '%s' were read as ARKit weights and set again in '%s': what ARKit "
            "cannot say is lost, make the track again for '%s' where that matters.",
            track.code_space,
            avatar.code_space,
            avatar.name,
        )
    layers = {name: codes @ offsets for name, codes in arkit.layers.items()}
    return replace(arkit, layers=layers, code_space=avatar.code_space)


def arkit_track(track: ExpressionTrack, source: Driven | None = None) -> ExpressionTrack:
    """`track` as ARKit-52 weights, through the read-out of `source` or of an avatar that ships.

    The layers are read one by one; the first also takes the read-out's bias and what keeps the sum of
    all layers within 0 to 1.
    """
    if track.code_space == ARKIT_SPACE:
        _require_channels(track, len(ARKIT_BLENDSHAPES))
        return track
    controls = _controls_of(track.code_space, source)
    _require_channels(track, controls.readout_weights.shape[1])
    layers = {
        name: codes @ np.ascontiguousarray(controls.readout_weights.T)
        for name, codes in track.layers.items()
    }
    total = _sum(layers)
    first = next(iter(layers))
    layers[first] += np.clip(total + controls.readout_bias, 0.0, 1.0) - total
    return replace(track, layers=layers, code_space=ARKIT_SPACE)


def _controls_of(code_space: str, source: Driven | None) -> Controls:
    is_source = source is not None and source.code_space == code_space
    controls = source.controls if is_source else shipped_controls(code_space)
    if controls is None or not controls.readout_weights.any():
        raise CodeSpaceError(
            f"The track's codes live in '{code_space}', which no avatar at hand can read as ARKit "
            "weights: make the track again from its sound, or name an avatar of that space."
        )
    return controls


def _require_channels(track: ExpressionTrack, count: int) -> None:
    if track.code_dim != count:
        raise TrackError(
            f"The track has {track.code_dim} channels, codes of '{track.code_space}' have {count}: "
            "make the track again."
        )


def _sum(layers: Mapping[str, np.ndarray]) -> Float32[np.ndarray, "T D"]:
    return np.sum(list(layers.values()), axis=0, dtype=np.float32)
