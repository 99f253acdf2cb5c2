"""How near films of 256 pixels come to the true ones, and what a tracker sees of their lips."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ...core.measure import LEFT_EYE_OUTSIDE, RIGHT_EYE_OUTSIDE
from ...core.monocular.landmarker import LIP_PAIRS, TO_68, FaceLandmarker
from ..evaluate_metrics import foreground, psnr_db, ssim_map
from ..lip_curves import correlation
from ..personalization.motion_scores import Phone, closure_j

# The box about the lips' landmarks is so much larger than they are.
MOUTH_MARGIN = 0.3
LIPS = slice(48, 68)


@dataclass(frozen=True)
class TrueFilm:
    """Frames as they were, and which of their pixels count."""

    wanted: np.ndarray  # [N, S, S, 3] uint8
    mask: np.ndarray  # [N, S, S] head and shoulders, dilated by 8 px
    mouth: np.ndarray  # [N, S, S]

    @classmethod
    def of(cls, wanted: np.ndarray, alpha: np.ndarray, points: np.ndarray) -> TrueFilm:
        """Of pictures, their coverage `[N, S, S]` in [0, 1], and landmarks `[N, 68 or more, 2]` in [0, 1]."""
        masks = np.stack([foreground(one) for one in alpha])
        return cls(wanted, masks, np.stack([_mouth_box(one, wanted.shape[1]) for one in points]))


@dataclass(frozen=True)
class Likeness:
    """Means over frames; flicker is how far the frames' changes are from the true changes (of 255)."""

    psnr_db: float
    ssim: float
    mouth_psnr_db: float
    flicker: float


@dataclass(frozen=True)
class SeenLips:
    """A tracker's landmarks against those that it sees in the true film, in pixels of 256, and its lip gaps.

    `landmarks_px` is the mean distance of all 68, `lips_px` that of the lips' about their own means (LMD);
    `gap_correlation` is over all frames.
    """

    landmarks_px: float
    lips_px: float
    gap_correlation: float


def likeness(films: Sequence[TrueFilm], drawn: Sequence[np.ndarray]) -> Likeness:
    """Of pictures `[N, S, S, 3]` uint8 for each film."""
    rows, flicker = [], []
    for film, pictures in zip(films, drawn, strict=True):
        ours, wanted = (p.astype(np.float32) / 255 for p in (pictures, film.wanted))
        for a, b, mask, mouth in zip(ours, wanted, film.mask, film.mouth, strict=True):
            ssim = float(ssim_map(a, b)[mask].mean())
            rows.append((psnr_db(a, b, mask), ssim, psnr_db(a, b, mouth)))
        changes = np.abs(np.diff(ours, axis=0) - np.diff(wanted, axis=0))
        flicker.append(255 * float(changes[film.mask[1:]].mean()))
    psnr, ssim, mouth_psnr = np.mean(rows, axis=0)
    return Likeness(float(psnr), float(ssim), float(mouth_psnr), float(np.mean(flicker)))


def tracked(landmarker: FaceLandmarker, pictures: np.ndarray) -> np.ndarray:
    """The tracker's points `[N, 478, 2]` (px) in pictures `[N, S, S, 3]` uint8; not a number where it sees no face."""
    found = np.full((len(pictures), 478, 2), np.nan)
    for row, picture in enumerate(pictures):
        faces = landmarker.points(picture)
        if faces:
            found[row] = faces[0][:478]
    return found


def seen_lips(ours: np.ndarray, wanted: np.ndarray) -> SeenLips:
    """Compare tracked points `[N, 478, 2]` of a film with those of the true one."""
    a, b = (points[:, list(TO_68)] for points in (ours, wanted))
    own = [points[:, LIPS] - points[:, LIPS].mean(1, keepdims=True) for points in (a, b)]
    gaps, wanted_gaps = gap_curve(ours), gap_curve(wanted)
    known = np.isfinite(gaps) & np.isfinite(wanted_gaps)
    return SeenLips(
        float(np.nanmean(np.linalg.norm(a - b, axis=2))),
        float(np.nanmean(np.linalg.norm(own[0] - own[1], axis=2))),
        correlation(gaps[known], wanted_gaps[known]),
    )


def seen_closures(points: np.ndarray, times_sec: np.ndarray, phones: Sequence[Phone]) -> float:
    """Closure J of a tracker's points `[N, 478, 2]`, over the frames in which it sees a face."""
    gaps = gap_curve(points)
    known = np.isfinite(gaps)
    return closure_j(times_sec[known], gaps[known], phones)


def gap_curve(points: np.ndarray) -> np.ndarray:
    """The inner lips' distance `[N]` over that of the eyes' outer corners, of a tracker's points `[N, 478, 2]`."""
    upper, lower = np.array(LIP_PAIRS).T
    gaps = np.linalg.norm(points[:, upper] - points[:, lower], axis=2).mean(1)
    corners = points[:, [TO_68[RIGHT_EYE_OUTSIDE], TO_68[LEFT_EYE_OUTSIDE]]]
    return gaps / np.linalg.norm(corners[:, 0] - corners[:, 1], axis=1)


def _mouth_box(points: np.ndarray, size_px: int) -> np.ndarray:
    low, high = points[LIPS].min(0), points[LIPS].max(0)
    reach = MOUTH_MARGIN * (high - low).max()
    steps = (np.arange(size_px) + 0.5) / size_px
    columns = (steps > low[0] - reach) & (steps < high[0] + reach)
    rows = (steps > low[1] - reach) & (steps < high[1] + reach)
    return rows[:, None] & columns[None]
