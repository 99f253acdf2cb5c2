"""What the lips of an avatar do beside what was seen of a real mouth: correlation, liveliness, closures."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from ...core.avatar import Avatar
from ...core.errors import AvatarError, TrackError
from ...core.measure import measure_landmarks
from ...core.monocular.encoded import EncodedVideo
from ..lip_curves import correlation
from ..personalization.motion_scores import Phone, bilabials_closed
from ..speech_recordings import read_phones

# What stands beside the clips of the data folder: curves of MediaPipe, and phones.
TRACKED_FILE, TRACKED_HZ, PHONES_FOLDER = "mouth_25fps.npz", 25, "phones"
READER, TRACKER = "reader", "tracker"


@dataclass(frozen=True)
class Curve:
    """A lip gap `[T]` at seconds `[T]`, rising, in any one unit; 0 at contact."""

    times_sec: np.ndarray
    gap: np.ndarray

    def at(self, times_sec: np.ndarray) -> np.ndarray:
        """The gap at any times; the first and last value hold beyond the ends."""
        return np.interp(times_sec, self.times_sec, self.gap)


@dataclass(frozen=True)
class Seen:
    """What is known of a real mouth: curves by who saw it, and the phones that were spoken."""

    curves: dict[str, Curve]
    phones: tuple[Phone, ...] = ()

    @classmethod
    def beside(cls, path: Path, tracked: Path | None = None, phones: Path | None = None) -> Seen:
        """What lies beside a clip, or in the files that are named; raises `TrackError` for named ones that fail."""
        curves = {}
        curve = _tracked_curve(tracked or path.parent / TRACKED_FILE, path.stem)
        if curve is not None:
            curves[TRACKER] = curve
        elif tracked is not None:
            raise TrackError(
                f"'{tracked}' holds no curve '{path.stem}_lip_gap': write one row a frame at {TRACKED_HZ} fps."
            )
        found = phones or path.parent / PHONES_FOLDER / f"{path.stem}.json"
        return cls(curves, _phones(found) if phones or found.is_file() else ())

    def read(self, encoded: EncodedVideo) -> Seen:
        """The same with what our encoder read of the mouth."""
        rows = np.flatnonzero(encoded.is_present)
        gap = encoded.mouth_mm[rows, 0].astype(np.float64)
        return replace(self, curves={READER: Curve(encoded.times_sec[rows], gap), **self.curves})


def _tracked_curve(path: Path, stem: str) -> Curve | None:
    if not path.is_file():
        return None
    try:
        with np.load(path, allow_pickle=False) as stored:
            if f"{stem}_lip_gap" not in stored:
                return None
            gap = stored[f"{stem}_lip_gap"].astype(np.float64)
    except (OSError, ValueError) as error:
        raise TrackError(
            f"The curves '{path}' cannot be read ({error}): write them again."
        ) from None
    return Curve(np.arange(len(gap)) / TRACKED_HZ, gap)


def _phones(path: Path) -> tuple[Phone, ...]:
    try:
        return tuple(read_phones(path))
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise TrackError(
            f"The phones '{path}' cannot be read ({error}): align the recording again."
        ) from None


def avatar_landmarks(avatar: Avatar, codes: Sequence[np.ndarray]) -> np.ndarray:
    """The 68 landmarks `[T, 68, 3]` (m) of codes, the head unposed."""
    points = [avatar.landmarks(code) for code in codes]
    if not points or points[0] is None:
        raise AvatarError(
            f"The avatar '{avatar.name}' has no landmarks, so its mouth cannot be measured: choose another."
        )
    return np.stack(points)


def gap_curve(avatar: Avatar, times_sec: np.ndarray, landmarks: np.ndarray) -> Curve:
    """The lip gap (mm) of an avatar with landmarks `[T, 68, 3]` (m)."""
    neutral = avatar_landmarks(avatar, [np.zeros(avatar.code_dim, np.float32)])[0]
    columns = measure_landmarks(landmarks, neutral, avatar.lip_contact_offset_mm)
    return Curve(times_sec, columns["lip_gap"].astype(np.float64))


def lip_figures(ours: Curve, seen: Seen) -> dict[str, Any]:
    """r against every curve, over all frames and in speech, how far the gap moves, and closures of p, b, m."""
    figures: dict[str, Any] = {"gap_p95_mm": round(float(np.percentile(ours.gap, 95)), 2)}
    in_speech = [(start, end) for name, start, end in seen.phones if name != "SIL"]
    for name, curve in seen.curves.items():
        inside = (curve.times_sec >= ours.times_sec[0]) & (curve.times_sec <= ours.times_sec[-1])
        times_sec, gap = curve.times_sec[inside], curve.gap[inside]
        if len(gap) < 3:
            continue
        shown = ours.at(times_sec)
        found = {"r": round(correlation(shown, gap), 3)}
        spoken = np.zeros(len(gap), bool)
        for start, end in in_speech:
            spoken |= (times_sec >= start) & (times_sec < end)
        if spoken.sum() >= 3:
            found["r_in_speech"] = round(correlation(shown[spoken], gap[spoken]), 3)
        figures[f"against_{name}"] = found
    if in_speech:
        curves = {"avatar": ours, **seen.curves}
        figures["closed"] = {name: _closures(curve, seen.phones) for name, curve in curves.items()}
    return figures


def _closures(curve: Curve, phones: Sequence[Phone]) -> str:
    hits = bilabials_closed(curve.times_sec, curve.gap, phones)
    return f"{sum(hits)} of {len(hits)}"
