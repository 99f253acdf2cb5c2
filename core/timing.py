"""Seconds and frames: the one place where one becomes the other.

Rates are exact fractions (30000/1001 is not 29.97), frames may be fractional, and a sound strip's place
on the timeline is one small dataclass, so that nothing else does this arithmetic.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from fractions import Fraction

from .errors import TimingError

# Rates that Blender and cameras write as rounded decimals although they are thousands over 1001.
NTSC_BASES = (24, 30, 48, 60, 120, 240)
MAX_RATE = 10_000
# As text without an exponent: that of 1e999999999 would be worked out to its last digit.
_RATE = re.compile(r"[+-]?(\d{1,15}(\.\d{0,15})?|\.\d{1,15})(/\d{1,15})?")
# The last frame that Blender counts to.
MAX_FRAME = 1_048_574


def frame_rate(fps: float | int | str | Fraction, fps_base: float | int = 1.0) -> Fraction:
    """Exact frames per second of `fps / fps_base`, Blender's two settings.

    A rate within 0.0005 of an NTSC one (29.97, 23.976; Blender's `fps_base` of 1.001) becomes that
    fraction exactly. Text may be "25", "29.97" or "30000/1001".
    """
    try:
        if isinstance(fps, str) and not _RATE.fullmatch(fps.strip()):
            raise ValueError(fps)
        rate = Fraction(fps) / Fraction(fps_base)
    except (ValueError, ZeroDivisionError, TypeError, OverflowError):
        raise TimingError(
            f"'{str(fps)[:40]}' is not a frame rate: give a number such as 25 or 30000/1001."
        ) from None
    if not 0 < rate <= MAX_RATE:
        raise TimingError(
            f"The frame rate {fps}/{fps_base} must lie between 0 and {MAX_RATE}: change it."
        )
    for base in NTSC_BASES:
        exact = Fraction(base * 1000, 1001)
        if abs(rate - exact) < Fraction(1, 2000):
            return exact
    return rate.limit_denominator(100_000)


def parse_frames(text: str) -> list[int]:
    """Frame numbers of "7", "1-50", "1-50:5" or several of these with commas between."""
    chosen: list[int] = []
    for part in text.split(","):
        span, _, step = part.strip().partition(":")
        # A leading minus belongs to a negative first frame.
        dash = span.find("-", 1)
        first, last = (span, span) if dash < 0 else (span[:dash], span[dash + 1 :])
        try:
            numbers = range(int(first), int(last) + 1, max(0, int(step or 1)))
        except ValueError:
            raise TimingError(
                f"'{text[:60]}' is no range of frames: write 7, 1-50 or 1-50:5."
            ) from None
        is_far = numbers and not -MAX_FRAME <= numbers[0] <= numbers[-1] <= MAX_FRAME
        if is_far or len(chosen) + len(numbers) > MAX_FRAME:
            raise TimingError(
                f"'{text[:60]}' goes beyond frame {MAX_FRAME}, the last that Blender has."
            )
        chosen.extend(numbers)
    if not chosen:
        raise TimingError(f"'{text[:60]}' holds no frame: the first must not come after the last.")
    return chosen


@dataclass(frozen=True)
class SoundPlacement:
    """Where a sound strip lies on the timeline, in scene frames.

    The sound's time 0 sits at `content_start_frame` plus `sound_offset_sec`; it is heard in
    [`left_frame`, `right_frame`). Trimming moves the handles only. A positive `sound_offset_sec`
    delays the sound.
    """

    fps: Fraction
    content_start_frame: float | int
    left_frame: float | int
    right_frame: float | int
    sound_offset_sec: float | int = 0.0

    def __post_init__(self) -> None:
        if not all(
            map(math.isfinite, (self.content_start_frame, self.left_frame, self.right_frame))
        ):
            raise TimingError(
                "The sound strip's position is not finite: move the strip and try again."
            )
        if self.right_frame - self.left_frame <= 0:
            raise TimingError("The sound strip has no length: drag its right handle to the right.")

    def file_sec(self, frame: float | int) -> float:
        """Seconds into the sound file at scene frame `frame` (may lie outside the file)."""
        return float(Fraction(frame - self.content_start_frame) / self.fps) - self.sound_offset_sec

    @property
    def first_frame(self) -> int:
        """First whole frame at which the strip is heard."""
        return math.ceil(self.left_frame)

    @property
    def last_frame(self) -> int:
        """Last whole frame at which the strip is heard."""
        return max(self.first_frame, math.ceil(self.right_frame) - 1)

    @property
    def num_frames(self) -> int:
        """Number of whole frames at which the strip is heard."""
        return self.last_frame - self.first_frame + 1

    @property
    def duration_sec(self) -> float:
        """Seconds that its whole frames take."""
        return float(self.num_frames / self.fps)
