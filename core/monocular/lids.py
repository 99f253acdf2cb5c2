"""Blinks that the codes say by half are closed as far as the lids were read.

A blink is a few frames among many open eyes, and a network that regresses codes closes it half. The gap of the lids, which
it reads beside the code, falls to nearly nothing.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Float, Float64

from ..spaces import ARKIT_INDEX
from .encoder import LEFT_LIDS, RIGHT_LIDS
from .refinement import measured_avatar, measures_mm

BLINKS = {LEFT_LIDS: "eyeBlinkLeft", RIGHT_LIDS: "eyeBlinkRight"}
# The opening of a clip's open eyes, and how few frames or how small a gap (mm) tell nothing of it.
OPEN_PERCENTILE, FEWEST_FRAMES, LEAST_OPEN_MM = 75, 12, 3.0
# Lids this near of their usual opening are shut; from here on closing counts, and below there entirely.
SHUT, BEGINS, ENTIRELY = 0.2, 0.6, 0.4
MOST_STEP = 1.0


def closed_lids(
    codes: Float[np.ndarray, "T D"], mouth_mm: Float[np.ndarray, "T 4"], code_space: str
) -> Float64[np.ndarray, "T D"]:
    """Codes whose lids close as far as those that were read, by their share of the usual opening.

    Eyes are never opened. Codes of a space without a shipped head stay as they are.
    """
    codes = np.asarray(codes, np.float64)
    avatar = measured_avatar(code_space) if len(codes) >= FEWEST_FRAMES else None
    if avatar is None:
        return codes
    offsets = avatar.control_offsets("arkit52")
    shares = {column: _share(np.asarray(mouth_mm[:, column], np.float64)) for column in BLINKS}
    frames = np.flatnonzero(np.min(list(shares.values()), axis=0) < BEGINS)
    if not len(frames):
        return codes
    # A head at rest stands for all frames with open eyes.
    rest_mm = measures_mm(avatar, np.median(codes, axis=0).astype(np.float32))
    shown_mm = np.stack([measures_mm(avatar, codes[t].astype(np.float32)) for t in frames])
    result = codes.copy()
    for column, name in BLINKS.items():
        offset = offsets[ARKIT_INDEX[name]]
        median = np.median(codes, axis=0)
        per_unit_mm = measures_mm(avatar, (median + offset).astype(np.float32)) - rest_mm
        share = shares[column][frames]
        wanted_mm = rest_mm[column] * np.clip((share - SHUT) / (1.0 - SHUT), 0.0, 1.0)
        counts = np.clip((BEGINS - share) / (BEGINS - ENTIRELY), 0.0, 1.0)
        missed = counts * (wanted_mm - shown_mm[:, column]) / min(per_unit_mm[column], -1e-3)
        result[frames] += np.clip(missed, 0.0, MOST_STEP)[:, None] * offset
    return result


def _share(gap_mm: np.ndarray) -> np.ndarray:
    """The gap `[T]` over that of the clip's open eyes; ones where the eyes are hardly ever open."""
    usual_mm = float(np.percentile(gap_mm, OPEN_PERCENTILE))
    return gap_mm / usual_mm if usual_mm >= LEAST_OPEN_MM else np.ones(len(gap_mm))
