"""What a motion generator's file says of itself, checked before the network is used."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from ..errors import ModelError
from ..spaces import ARKIT_SPACE

KIND, VERSION = "gaussian_heads.direction", 1
FEATURES_INPUT, UNITS, NOISE = "features", "units", "noise"
WEIGHTS, CLOSURE = "weights", "closure"
ACTING, LANDMARKS = "acting", "landmarks"
RANKS = {FEATURES_INPUT: 2, UNITS: 2, NOISE: 2, WEIGHTS: 2, CLOSURE: 1}


@dataclass(frozen=True)
class GeneratorSpecification:
    """Rates of a generator: `stride` frames share one row of `noise_dim` numbers.

    A frame of its output depends on `reach` frames to either side, and on nothing else.
    """

    frame_rate_hz: int
    stride: int
    noise_dim: int
    reach: int


def check_contract(path: Path, session: object) -> GeneratorSpecification:
    """Compare inputs, outputs and metadata of the file with what `MotionGenerator` gives and expects."""
    metadata = session.get_modelmeta().custom_metadata_map
    if metadata.get("kind") != KIND:
        raise ModelError(f"'{path}' is a network of another kind: choose a motion generator.")
    if metadata.get("version") != str(VERSION):
        raise ModelError(
            f"'{path}' is a motion generator of version {metadata.get('version')}, this release reads "
            f"version {VERSION}: update the extension."
        )
    if metadata.get("code_space") != ARKIT_SPACE:
        raise ModelError(
            f"'{path}' moves the code space {metadata.get('code_space')}, not {ARKIT_SPACE}: choose "
            "another motion generator."
        )
    ranks = {value.name: len(value.shape) for value in session.get_inputs()}
    outputs = {value.name for value in session.get_outputs()}
    if ranks != RANKS or outputs != {ACTING, LANDMARKS}:
        raise ModelError(
            f"'{path}' has other inputs or outputs than a motion generator: reinstall."
        )
    try:
        numbers = [int(metadata[name]) for name in ("frame_rate_hz", "stride", "noise", "reach")]
    except (KeyError, ValueError):
        numbers = [0, 0, 0, 0]
    if min(numbers) <= 0:
        raise ModelError(f"'{path}' does not say its rates: reinstall the extension.")
    return GeneratorSpecification(*numbers)
