"""Where a video lies on the timeline, and the performance in it on the timeline's own frames."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

import numpy as np
from jaxtyping import Float64

from .errors import TimingError
from .expression import ExpressionTrack
from .retiming import sample_track

# Read beyond both ends, so that smoothing knows what went before.
MARGIN_SEC = 0.2


@dataclass(frozen=True)
class VideoPlacement:
    """Scene frames [`left_frame`, `right_frame`) show a video at `fps`.

    All of the video would take `content_frames` scene frames from `content_start_frame` on; None plays it at
    its own speed. Without `right_frame` it is shown to its end. A reversed strip runs from the video's end.
    """

    fps: Fraction
    content_start_frame: float | int
    left_frame: float | int
    right_frame: float | int | None = None
    content_frames: float | int | None = None
    is_reversed: bool = False

    def __post_init__(self) -> None:
        if self.right_frame is not None and self.right_frame <= self.left_frame:
            raise TimingError("The movie strip has no length: drag its right handle to the right.")
        if self.content_frames is not None and self.content_frames <= 0:
            raise TimingError("The movie strip shows no frame of its file: add the movie again.")

    @property
    def first_frame(self) -> int:
        """First whole scene frame that shows the video."""
        return int(np.ceil(self.left_frame))

    def num_frames(self, duration_sec: float) -> int:
        """Whole scene frames that show a video of `duration_sec`."""
        right = self.right_frame
        if right is None:
            right = self.content_start_frame + duration_sec * float(self.fps)
        return max(int(np.ceil(right - 1e-6)) - self.first_frame, 1)

    def file_sec(self, duration_sec: float) -> Float64[np.ndarray, " S"]:
        """Seconds into the video at every whole scene frame that shows it."""
        frames = self.first_frame + np.arange(self.num_frames(duration_sec))
        length = self.content_frames or duration_sec * float(self.fps)
        seconds = (frames - self.content_start_frame) / length * duration_sec
        return duration_sec - seconds if self.is_reversed else seconds

    def span_sec(self, duration_sec: float) -> tuple[float, float]:
        """The part of the video to read for what is shown, its first and last second."""
        seconds = self.file_sec(duration_sec)
        begin = max(float(seconds.min()) - MARGIN_SEC, 0.0)
        return begin, min(float(seconds.max()) + MARGIN_SEC, duration_sec + MARGIN_SEC)

    def placed(
        self, track: ExpressionTrack, times_sec: Float64[np.ndarray, " T"], duration_sec: float
    ) -> ExpressionTrack:
        """A track whose frames lie at `times_sec` of the video, on the scene's frames."""
        frames = np.interp(
            self.file_sec(duration_sec), times_sec, np.arange(len(times_sec), dtype=np.float64)
        )
        return sample_track(track, frames, self.fps)
