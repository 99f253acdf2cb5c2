"""The face at rest in a clip: what somebody's code is when nothing is expressed."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float32

from .encoder import LEFT_LIDS, LIP_GAP, RIGHT_LIDS

# Among the trusted frames, the share with the smallest lip gaps, and of these the most open eyes.
CLOSED_SHARE, OPEN_SHARE = 0.2, 0.7
# A code this far from the prior's neutral (RMS over channels) is an expression and no resting face.
MOST_RMS = 1.0
# With so few frames at rest a half of what they say is believed.
HALF_AT_FRAMES = 6


def resting_code(
    codes: Float32[np.ndarray, "T D"],
    mouth_mm: Float32[np.ndarray, "T 4"],
    confidence: Float32[np.ndarray, " T"],
) -> Float32[np.ndarray, " D"]:
    """The middle code of frames with closed lips, open eyes and little movement; zero where there are none."""
    seen = np.flatnonzero(confidence > 0.0)
    if not len(seen):
        return np.zeros(codes.shape[1], np.float32)
    trusted = seen[confidence[seen] >= 0.5 * np.median(confidence[seen])]
    chosen = _least(mouth_mm[:, LIP_GAP], trusted, CLOSED_SHARE)
    chosen = _least(-mouth_mm[:, [LEFT_LIDS, RIGHT_LIDS]].mean(1), chosen, OPEN_SHARE)
    speed = np.abs(np.gradient(codes, axis=0)).mean(1) if len(codes) > 1 else np.zeros(len(codes))
    chosen = _least(speed, chosen, OPEN_SHARE)
    rest = np.median(codes[chosen], axis=0)
    rest *= len(chosen) / (len(chosen) + HALF_AT_FRAMES)
    rms = float(np.sqrt((rest**2).mean()))
    return (rest * min(1.0, MOST_RMS / max(rms, 1e-9))).astype(np.float32)


def _least(values: np.ndarray, rows: np.ndarray, share: float) -> np.ndarray:
    """The share of the rows whose values are least, one row at least."""
    count = max(1, round(share * len(rows)))
    return rows[np.argsort(values[rows], kind="stable")[:count]]
