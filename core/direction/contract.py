"""What a motion generator's file says of itself, checked before the network is used."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from ..errors import ModelError
from ..sessions import require_kind
from ..spaces import ACTION_UNITS, ARKIT_BLENDSHAPES, ARKIT_SPACE
from .features import FEATURES

KIND, VERSION = "gaussian_heads.direction", 1
FEATURES_INPUT, UNITS, NOISE = "features", "units", "noise"
WEIGHTS, CLOSURE = "weights", "closure"
ACTING, LANDMARKS = "acting", "landmarks"
# What follows the number of frames in the shape of an input; the noise is as wide as the file says.
WIDTHS = {FEATURES_INPUT: len(FEATURES), UNITS: len(ACTION_UNITS), WEIGHTS: len(ARKIT_BLENDSHAPES)}


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
    metadata = require_kind(path, session, KIND, VERSION, "motion generator")
    if metadata.get("code_space") != ARKIT_SPACE:
        raise ModelError(
            f"'{path}' moves the code space {metadata.get('code_space')}, not {ARKIT_SPACE}: choose "
            "another motion generator."
        )
    try:
        numbers = [int(metadata[name]) for name in ("frame_rate_hz", "stride", "noise", "reach")]
    except (KeyError, ValueError):
        numbers = [0, 0, 0, 0]
    if min(numbers) <= 0:
        raise ModelError(f"'{path}' does not say its rates: reinstall the extension.")
    specification = GeneratorSpecification(*numbers)
    shapes = {value.name: tuple(value.shape)[1:] for value in session.get_inputs()}
    wanted = {name: (width,) for name, width in WIDTHS.items()}
    wanted |= {NOISE: (specification.noise_dim,), CLOSURE: ()}
    if shapes != wanted or {v.name for v in session.get_outputs()} != {ACTING, LANDMARKS}:
        raise ModelError(
            f"'{path}' has other inputs or outputs than a motion generator: reinstall the extension."
        )
    return specification
