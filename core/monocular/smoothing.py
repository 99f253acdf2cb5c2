"""How much of each part of the face is smoothed over time, and by what it is guided.

The mouth is guided by the lips' gap and width, the eyes by the lids and the gaze; brows and cheeks, which are
slow, by their own movement. What the network reads of a frame beside the code is surer than any one channel.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Float64, Int

from ..spaces import ARKIT_BLENDSHAPES
from .encoder import LEFT_LIDS, LIP_GAP, MOUTH_WIDTH, RIGHT_LIDS
from .filtering import guided_smooth, smooth

MOUTH_SEC, EYES_SEC, BROWS_SEC = 0.05, 0.05, 0.12
MEASURES_SEC = 0.03
TURN_SEC, PLACE_SEC, DEPTH_SEC = 0.06, 0.06, 0.25
# Noise of the guides: what they have at least and, where speech never rests, at most.
GAP_NOISE_MM, WIDTH_NOISE_MM, LIDS_NOISE_MM = (0.05, 0.3), (0.1, 0.6), (0.08, 0.4)
GAZE_NOISE_RAD, BROW_NOISE = (0.005, 0.03), (0.01, 0.08)
EYE_WORDS, BROW_WORDS = ("eye",), ("brow", "cheekSquint", "noseSneer")
RIDGE = 0.1


@dataclass(frozen=True, eq=False)
class Timing:
    """What all smoothing of a clip shares."""

    fps: float
    trust: Float[np.ndarray, " T"]
    shots: Int[np.ndarray, " T"]

    def guided(
        self, values: np.ndarray, guide: np.ndarray, *, sec: float, noise: np.ndarray
    ) -> np.ndarray:
        """`guided_smooth` over `sec` seconds; `noise` `[G, 2]` bounds what the guide's noise can be."""
        return guided_smooth(
            values,
            guide,
            sigma_frames=max(sec * self.fps, 0.3),
            weights=self.trust,
            shots=self.shots,
            noise_bounds=noise,
        )

    def smooth(self, values: np.ndarray, sec: float) -> np.ndarray:
        """`filtering.smooth` over `sec` seconds."""
        sigma = max(sec * self.fps, 0.3)
        return smooth(values, sigma_frames=sigma, weights=self.trust, shots=self.shots)


def smooth_codes(
    codes: Float[np.ndarray, "T D"],
    mouth_mm: Float[np.ndarray, "T 4"],
    gaze_rad: Float[np.ndarray, "T 2 2"],
    *,
    offsets: Float[np.ndarray, "52 D"],
    timing: Timing,
) -> Float64[np.ndarray, "T D"]:
    """Codes `[T, D]`, each part of the face smoothed by its own guide; `offsets` are the code's ARKit controls."""
    codes = np.asarray(codes, np.float64)
    offsets = np.asarray(offsets, np.float64)
    eyes, _ = _share(codes, offsets, EYE_WORDS)
    brows, brow_weights = _share(codes, offsets, BROW_WORDS)
    mouth = codes - eyes - brows
    mouth = timing.guided(
        mouth,
        mouth_mm[:, [LIP_GAP, MOUTH_WIDTH]],
        sec=MOUTH_SEC,
        noise=np.array([GAP_NOISE_MM, WIDTH_NOISE_MM]),
    )
    eyes = timing.guided(
        eyes,
        np.hstack([mouth_mm[:, [LEFT_LIDS, RIGHT_LIDS]], gaze_rad.mean(1)]),
        sec=EYES_SEC,
        noise=np.array([LIDS_NOISE_MM, LIDS_NOISE_MM, GAZE_NOISE_RAD, GAZE_NOISE_RAD]),
    )
    raised = timing.smooth(brow_weights, TURN_SEC)
    brows = timing.guided(
        brows, raised, sec=BROWS_SEC, noise=np.tile(BROW_NOISE, (raised.shape[1], 1))
    )
    return mouth + eyes + brows


def smooth_measures(
    mouth_mm: Float[np.ndarray, "T 4"], gaze_rad: Float[np.ndarray, "T 2 2"], timing: Timing
) -> tuple[Float64[np.ndarray, "T 4"], Float64[np.ndarray, "T 2 2"]]:
    """Lip and lid measures and gaze, each column guided by itself, so that jumps of a frame stay."""
    bounds = [GAP_NOISE_MM, WIDTH_NOISE_MM, LIDS_NOISE_MM, LIDS_NOISE_MM]
    columns = [
        timing.guided(column[:, None], column[:, None], sec=MEASURES_SEC, noise=np.array([bound]))
        for column, bound in zip(mouth_mm.T, bounds, strict=True)
    ]
    looks = gaze_rad.reshape(len(gaze_rad), 4)
    guide = gaze_rad.mean(1)
    looks = timing.guided(looks, guide, sec=EYES_SEC, noise=np.tile(GAZE_NOISE_RAD, (2, 1)))
    return np.hstack(columns), looks.reshape(-1, 2, 2)


def smooth_poses(
    turns: Float[np.ndarray, "T 3"], positions_m: Float[np.ndarray, "T 3"], timing: Timing
) -> tuple[Float64[np.ndarray, "T 3"], Float64[np.ndarray, "T 3"]]:
    """Rotation vectors and positions; the depth, which one picture hardly shows, over a longer time."""
    depth = np.exp(timing.smooth(np.log(positions_m[:, 2:]), DEPTH_SEC))
    across = timing.smooth(positions_m[:, :2] / positions_m[:, 2:], PLACE_SEC)
    return timing.smooth(turns, TURN_SEC), np.hstack([across * depth, depth])


def bridged(values: np.ndarray, is_known: np.ndarray) -> np.ndarray:
    """Values `[T, ...]` with what is not known taken from the known frames before and after, linearly."""
    if is_known.all():
        return values
    known = np.flatnonzero(is_known)
    flat = values.reshape(len(values), -1)
    frames = np.arange(len(values))
    columns = [np.interp(frames, known, column[known]) for column in flat.T]
    return np.stack(columns, 1).reshape(values.shape).astype(values.dtype)


def _share(
    codes: np.ndarray, offsets: np.ndarray, words: tuple[str, ...]
) -> tuple[np.ndarray, np.ndarray]:
    """What the controls with names that start so contribute to the codes, and their weights."""
    scale = RIDGE * np.trace(offsets @ offsets.T) / len(offsets)
    weights = np.linalg.solve(
        offsets @ offsets.T + scale * np.eye(len(offsets)), offsets @ codes.T
    ).T
    chosen = [i for i, name in enumerate(ARKIT_BLENDSHAPES) if name.startswith(words)]
    return weights[:, chosen] @ offsets[chosen], weights[:, chosen]
