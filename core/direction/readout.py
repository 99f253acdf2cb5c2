"""What a face acts beneath its speech, in Action Units that were measured while it spoke."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
from jaxtyping import Float32, Float64

from ..averaging import under_bell
from ..errors import TrackError
from ..spaces import ACTION_UNITS

# Lips and jaw: what articulation moves, the two that every open sound opens apart from the others.
MOUTH_UNITS = ("AU10", "AU12", "AU14", "AU15", "AU17", "AU20", "AU23", "AU28")
OPENING_UNITS = ("AU25", "AU26")
# Lids that close for a blink are quicker than any filter here.
QUICK_UNITS = ("AU45",)

# Syllables come three to six a second: no lip holds a sound for a second, but what is acted holds beneath several.
HOLD_SEC = 1.0
# Rank of the floor under a window, and of the crest over the floors around. Rounded lips may let go of a smile for a
# fifth of the time. An open mouth is acted only where it stays open through nearly all closures; crests of the jaw
# over the middle of its floors keep less speech (FACEGOOD's actor reads 0.93 in AU26, 0.07 is left of it) for the price
# of edges that lie up to half a second inside.
MOUTH_RANKS, OPENING_RANKS = (0.2, 0.8), (0.1, 0.5)
HOLD_SMOOTH_SEC = 0.15
UPPER_SMOOTH_SEC = 0.06
CHUNK_FRAMES = 4096


def acted_units(
    intensities: Float32[np.ndarray, "T 18"], fps: float | int | Fraction
) -> Float32[np.ndarray, "T 18"]:
    """What is acted in intensities (0 to 5) that were measured on a face that speaks, frame by frame.

    A measured mouth contains the speech itself, which the sound brings along anyway. So lips and jaw keep only
    what is held beneath the syllables: an opening by ranks over a second, the floor of every window and then the
    crest of the floors, which leaves plateaus where they are, removes bumps shorter than the window and passes over
    short dips. Smiles shorter than about a second are lost. Brows, lids, cheeks and nose, which speech leaves
    alone, are only smoothed a little, blinks not at all. What a tracker reads of a face at rest stays.
    """
    if not fps > 0:
        raise TrackError(f"The frame rate of the Action Units is {fps}: it must be positive.")
    measured, rate = intensities.astype(np.float64), float(fps)
    acted = under_bell(measured, UPPER_SMOOTH_SEC * rate, "symmetric")
    quick = _columns(QUICK_UNITS)
    acted[:, quick] = measured[:, quick]
    for units, ranks in ((MOUTH_UNITS, MOUTH_RANKS), (OPENING_UNITS, OPENING_RANKS)):
        columns = _columns(units)
        held = [_held(measured[:, column], round(HOLD_SEC * rate), ranks) for column in columns]
        acted[:, columns] = under_bell(np.stack(held, axis=1), HOLD_SMOOTH_SEC * rate, "symmetric")
    return acted.astype(np.float32)


def _columns(units: tuple[str, ...]) -> list[int]:
    return [ACTION_UNITS.index(unit) for unit in units]


def _held(
    values: Float64[np.ndarray, " T"], num_frames: int, ranks: tuple[float, float]
) -> Float64[np.ndarray, " T"]:
    """The crests (second rank) over the floors (first rank) of windows of `num_frames`."""
    floors = _running_rank(values, num_frames, ranks[0])
    return _running_rank(floors, num_frames, ranks[1])


def _running_rank(
    values: Float64[np.ndarray, " T"], num_frames: int, rank: float
) -> Float64[np.ndarray, " T"]:
    """The value of `rank` (0 lowest, 1 highest) among the frames around each."""
    half = num_frames // 2
    # Mirrored ends repeat no single frame of the first or last syllable.
    padded = np.pad(values, half, mode="symmetric")
    windows = np.lib.stride_tricks.sliding_window_view(padded, 2 * half + 1)
    return np.concatenate(
        [
            np.quantile(windows[start : start + CHUNK_FRAMES], rank, axis=1)
            for start in range(0, len(windows), CHUNK_FRAMES)
        ]
    )
