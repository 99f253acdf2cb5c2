"""A tracker's measures of lips and lids in place of the encoder's, in the encoder's millimetres, and in the codes."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float, Float64

from ..assets import builtin_avatars
from ..avatar import Avatar
from ..measure import LOWER_LIDS, UPPER_LIDS, signed_lip_gap
from ..spaces import ARKIT_INDEX
from .encoder import LEFT_LIDS, LIP_GAP, RIGHT_LIDS

# What a tracker and the encoder call a gap differs by a factor and an offset, which belong to the person.
LEAST_CORRELATION, LEAST_FRAMES = 0.5, 12
FACTORS = (0.5, 2.0)
# The controls that move a measure, how far they are moved to see by how much, and at most to correct a code.
MOVED_BY = {LIP_GAP: "jawOpen", LEFT_LIDS: "eyeBlinkLeft", RIGHT_LIDS: "eyeBlinkRight"}
STEP, MOST_STEP = 0.3, 0.6


def refined_measures(
    read_mm: Float[np.ndarray, "T 4"], measured_mm: Float[np.ndarray, "T 4"]
) -> Float64[np.ndarray, "T 4"]:
    """Tracked measures `[T, 4]` (nan where there are none) on the scale of what the encoder read.

    Where both agree on what moves when, the tracker's curve is taken, else what was read stays.
    """
    result = np.asarray(read_mm, np.float64).copy()
    for column in range(result.shape[1]):
        read, measured = result[:, column], np.asarray(measured_mm[:, column], np.float64)
        known = np.isfinite(measured)
        if known.sum() < LEAST_FRAMES:
            continue
        x, y = measured[known], read[known]
        if min(x.std(), y.std()) < 1e-6 or np.corrcoef(x, y)[0, 1] < LEAST_CORRELATION:
            continue
        # The ratio of spreads: regression would flatten the curve by what is noise.
        factor = float(np.clip(y.std() / x.std(), *FACTORS))
        read[known] = np.maximum(y.mean() + factor * (x - x.mean()), 0.0)
    return result


def corrected_codes(
    codes: Float[np.ndarray, "T D"], missed_mm: Float[np.ndarray, "T 4"], code_space: str
) -> Float64[np.ndarray, "T D"]:
    """Codes moved along jaw and lids by what the measures differ from those that belong to the codes (mm).

    How far a control moves a measure is taken from the head of a shipped avatar; codes of a space without
    one stay as they are.
    """
    avatar = measured_avatar(code_space)
    codes = np.asarray(codes, np.float64)
    if avatar is None:
        return codes
    neutral = measures_mm(avatar, np.zeros(avatar.code_dim, np.float32))
    offsets = avatar.control_offsets("arkit52")
    for column, name in MOVED_BY.items():
        offset = offsets[ARKIT_INDEX[name]]
        moved_mm = (measures_mm(avatar, STEP * offset) - neutral)[column] / STEP
        share = np.clip(missed_mm[:, column] / moved_mm, -MOST_STEP, MOST_STEP)
        codes = codes + share[:, None] * offset
    return codes


def measures_mm(avatar: Avatar, code: np.ndarray) -> Float64[np.ndarray, " 4"]:
    """Lip gap and both lid gaps of an avatar's landmarks, overlaps being negative."""
    points = avatar.landmarks(code.astype(np.float32))
    gap = float(signed_lip_gap(points[None])[0])
    # The right eye's pairs come first.
    lids = (points[list(UPPER_LIDS), 1] - points[list(LOWER_LIDS), 1]).reshape(2, -1).mean(1)
    return 1e3 * np.array([gap, 0.0, lids[1], lids[0]])


def measured_avatar(code_space: str) -> Avatar | None:
    """A shipped avatar of the code space whose landmarks can be measured; None where there is none."""
    for path in builtin_avatars().values():
        avatar = Avatar.open(path, threads=1)
        if (
            avatar.code_space == code_space
            and avatar.landmarks(np.zeros(avatar.code_dim, np.float32)) is not None
        ):
            return avatar
    return None
