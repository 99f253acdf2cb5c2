"""From a video of a face to keys in three steps, so that the middle one may run in a thread."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import numpy as np

from ..core.averaging import under_bell
from ..core.direction.readout import acted_units
from ..core.errors import GaussianHeadsError
from ..core.expression import ExpressionTrack
from ..core.progress import Progress, part
from ..core.video import VideoFile
from ..core.video_placement import VideoPlacement
from .queued import QueuedJob

if TYPE_CHECKING:
    from ..core.monocular.encoded import EncodedVideo

# Videos whose encoding is kept at hand, for what the redo panel asks afterwards.
MAX_RECENT = 4
SCANNED_PART, WATCHED_PART = 0.02, 0.98


class Encoder(Protocol):
    """What watches a video: `core.monocular.video.encode_video`, or a stand-in of the tests."""

    def __call__(self, path: Path, **options: object) -> EncodedVideo:
        """See `encode_video`."""


@dataclass(frozen=True)
class WatchRequest:
    """All that watching needs; holds nothing of Blender's, so a thread may have it.

    `face` is whose face counts where there are several ("largest", "left", "right"); with `use_rest` the
    face at rest in the video counts as neutral; `neck_pivot` (m) is where the head turns.
    """

    path: Path
    placement: VideoPlacement
    face: str = "largest"
    use_rest: bool = False
    smoothing_ms: float = 0.0
    neck_pivot: tuple[float, float, float] | None = None


@dataclass(frozen=True)
class Watched:
    """A performance on the scene's frames, and what should be known of the video."""

    track: ExpressionTrack
    notes: tuple[str, ...]


@dataclass(frozen=True, eq=False)
class WatchedUnits:
    """What the face acts beneath its speech, in Action Units `[T, 18]` (0 to 5) on the scene's frames, and notes."""

    intensities: np.ndarray
    notes: tuple[str, ...]


@dataclass(frozen=True)
class Watching:
    """A video to watch and for whom."""

    request: WatchRequest
    object_uid: int
    line_id: str = ""


class WatchingJob(QueuedJob):
    """One video that a thread watches; the encoder is opened by the thread too.

    `look` is what it looks for: `watch`, or `watch_units`.
    """

    doing = "Watching"

    def __init__(
        self,
        watching: Watching,
        open_encoder: Callable[[], Encoder],
        look: Callable[..., Watched | WatchedUnits] | None = None,
    ) -> None:
        super().__init__()
        self.listenings = (watching,)
        self.finished: list[Watched | WatchedUnits | GaussianHeadsError] = []
        self._open_encoder = open_encoder
        self._look = look or watch

    def result(self) -> list[Watched | WatchedUnits | GaussianHeadsError]:
        """What was seen or why nothing; empty where the job was stopped; waits."""
        try:
            self._work.result()
        except GaussianHeadsError:
            if not self.is_cancelled:
                raise
        return self.finished

    def watched(self) -> Watched | WatchedUnits:
        """What was seen; raises the reason where there is none."""
        outcome = self.finished[0]
        if isinstance(outcome, GaussianHeadsError):
            raise outcome
        return outcome

    def _do(self, progress: Progress) -> None:
        try:
            outcome = self._look(self.listenings[0].request, self._open_encoder(), progress)
        except GaussianHeadsError as error:
            if self.is_cancelled:
                raise
            outcome = error
        self.finished.append(outcome)


_recent: dict[tuple, EncodedVideo] = {}


def face_encoder() -> Encoder:
    """The encoder that ships."""
    from ..core.monocular.video import encode_video

    return encode_video


def watch(request: WatchRequest, encode: Encoder, progress: Progress | None = None) -> Watched:
    """Encode the face in a video and put its performance on the scene's frames."""
    encoded, duration_sec = _encoded(request, encode, progress)
    pivot = None if request.neck_pivot is None else np.array(request.neck_pivot, np.float32)
    track = encoded.track(neck_pivot=pivot, use_rest=request.use_rest)
    placed = request.placement.placed(track, encoded.times_sec, duration_sec)
    return Watched(smoothed(placed, request.smoothing_ms), tuple(encoded.notes))


def watch_units(
    request: WatchRequest, encode: Encoder, progress: Progress | None = None
) -> WatchedUnits:
    """Encode the face in a video and put what it acts beneath its speech on the scene's frames."""
    encoded, duration_sec = _encoded(request, encode, progress)
    acted = acted_units(encoded.action_units(), encoded.fps)
    seconds = request.placement.file_sec(duration_sec)
    columns = [np.interp(seconds, encoded.times_sec, column) for column in acted.T]
    return WatchedUnits(np.stack(columns, axis=1).astype(np.float32), tuple(encoded.notes))


def _encoded(
    request: WatchRequest, encode: Encoder, progress: Progress | None
) -> tuple[EncodedVideo, float]:
    """The face in a video, encoded unless that was done just now, and how long the video is (s)."""
    from ..core.monocular.video import EncodingChoices

    info = VideoFile.open(request.path).info
    begin_sec, end_sec = request.placement.span_sec(info.duration_sec)
    choices = EncodingChoices(begin_sec=begin_sec, end_sec=end_sec, face=request.face)
    stat = request.path.stat()
    key = (encode, str(request.path), stat.st_mtime_ns, stat.st_size, choices)
    if key not in _recent:
        watching = part(progress, SCANNED_PART, WATCHED_PART)
        encoded = encode(request.path, progress=watching, choices=choices)
        while len(_recent) >= MAX_RECENT:
            _recent.pop(next(iter(_recent)))
        _recent[key] = encoded
    return _recent[key], info.duration_sec


def smoothed(track: ExpressionTrack, smoothing_ms: float) -> ExpressionTrack:
    """The track averaged over a bell of about `smoothing_ms`; its ends are held."""
    sigma_frames = smoothing_ms / 1000 * float(track.fps) / 2
    if sigma_frames < 0.1:
        return track
    layers = {name: under_bell(codes, sigma_frames) for name, codes in track.layers.items()}
    return replace(track, layers=layers, head_pose=under_bell(track.head_pose, sigma_frames))
