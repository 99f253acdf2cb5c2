"""How far a batch is: each shot tells it in a small file, the batch adds it up."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from ...core.shots import Shot

TOLD_EVERY_SEC = 0.2
USUAL_FPS = 25


class ProgressFile:
    """A progress callback that writes how much is done (0 to 1) into `path` for another process."""

    def __init__(self, path: Path) -> None:
        self._path, self._told_sec = path, float("-inf")

    def __call__(self, done: float) -> None:
        """Tell `done`, five times a second at most."""
        if time.monotonic() - self._told_sec < TOLD_EVERY_SEC:
            return
        self._told_sec = time.monotonic()
        # Who listens may be gone, and the shot is worth more than its progress.
        with suppress(OSError):
            self._path.write_text(f"{done:.4f}\n", "utf8")


def read_progress(path: Path) -> float:
    """How far the shot is that tells it in `path`; 0 where it told nothing yet, or was caught writing."""
    try:
        done = float(path.read_text("utf8"))
    except (OSError, ValueError):
        return 0.0
    return min(max(done, 0.0), 1.0)


@dataclass(frozen=True)
class Standing:
    """How far a batch is: shots that ended, those at work with how far each is (0 to 1), and the whole.

    `done` weighs shots by their frames; `left_sec` is None while nothing can be said of it.
    """

    num_shots: int
    num_ended: int
    num_failed: int
    at_work: Mapping[str, float]
    done: float
    gone_sec: float
    left_sec: float | None


class Reckoning:
    """Adds up what shots tell, against the clock."""

    def __init__(self, shots: Sequence[Shot]) -> None:
        self._weights = shot_weights(shots)
        self._begun_sec = time.monotonic()

    def standing(self, results: Mapping[str, str], at_work: Mapping[str, float]) -> Standing:
        """How far the batch is, from the `results` of ended shots and the parts of those at work."""
        total = sum(self._weights.values())
        done = sum(self._weights[name] for name in results)
        done += sum(self._weights[name] * part for name, part in at_work.items())
        part, gone_sec = done / total if total else 1.0, time.monotonic() - self._begun_sec
        failed = sum(result == "failed" for result in results.values())
        left_sec = gone_sec * (1 - part) / part if part else None
        return Standing(
            len(self._weights), len(results), failed, dict(at_work), part, gone_sec, left_sec
        )


def shot_weights(shots: Sequence[Shot]) -> dict[str, float]:
    """About how many frames each of `shots` has; the mean of the others where it cannot be known."""
    known = {shot.name: _num_frames(shot) for shot in shots}
    counts = [count for count in known.values() if count]
    usual = sum(counts) / len(counts) if counts else 1.0
    return {name: count or usual for name, count in known.items()}


def _num_frames(shot: Shot) -> float | None:
    if shot.frames:
        return len(shot.frames)
    import soundfile

    try:
        return soundfile.info(str(shot.audio)).duration * float(shot.fps or USUAL_FPS)
    except (soundfile.LibsndfileError, OSError):
        # A video's sound, or a file that its shot will refuse with a sentence.
        return None
