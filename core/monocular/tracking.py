"""Follows one face through frames: found once, then read where the frame before left it."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Literal, Protocol, runtime_checkable

import numpy as np
from jaxtyping import Float32, UInt8

from ..errors import VideoError
from ..video import VideoFrame
from .crops import CropWindow, cut, window_of_landmarks
from .encoder import FaceReadings, MonocularEncoder
from .finder import FoundFace

FaceChoice = Literal["largest", "left", "right", "only"]
"""Which of several faces is followed: left and right as in the picture; "only" refuses to choose."""

LEAST_PRESENCE = 0.5
# A frame whose thumbnail differs from the one before by more (of 255, mean) begins another shot.
CUT_DIFFERENCE = 32.0
THUMBNAIL_PX = 16
# A picture is black where no pixel of its thumbnail is brighter.
BLACK = 14
# Further faces count where they are at least this large beside the largest.
SECOND_FACE = 0.5
# A found face is read so often before its window is believed: each reading centres the next.
FIRST_ROUNDS = 4
# Frames before and after over which the second reading's window is averaged, and their weights.
WINDOW_WEIGHTS = (1.0, 2.0, 3.0, 2.0, 1.0)
LOOK_AHEAD = len(WINDOW_WEIGHTS) // 2
# Between two looks for other faces, and for a face that was lost.
CHECK_SEC, SEARCH_SEC = 2.0, 0.2
# Least side of a window: below it there is nothing to read.
LEAST_WINDOW_PX = 8.0


@runtime_checkable
class FaceSource(Protocol):
    """What finds faces in a whole picture."""

    def find(self, pixels: UInt8[np.ndarray, "H W 3"]) -> list[FoundFace]: ...


@runtime_checkable
class FaceMeasurer(Protocol):
    """What measures lips and lids of the face in a window (lip gap, mouth width, lids), in the window's sides."""

    def measure(
        self, pixels: UInt8[np.ndarray, "H W 3"], face: CropWindow
    ) -> Float32[np.ndarray, " 4"] | None: ...


@dataclass(frozen=True, eq=False)
class TrackedFrame:
    """A frame's time and shot; where a face was, its window and what the crop in it shows, else None.

    `measured` is what a `FaceMeasurer` says of it.
    """

    time_sec: float
    shot: int
    window: CropWindow | None = None
    reading: FaceReadings | None = None
    is_black: bool = False
    measured: Float32[np.ndarray, " 4"] | None = None


@dataclass
class FaceTracker:
    """Follows the chosen face; `num_others` counts frames of looks that showed more than one."""

    encoder: MonocularEncoder
    finder: FaceSource
    face: FaceChoice = "largest"
    num_others: int = field(default=0, init=False)
    _last: CropWindow | None = field(default=None, init=False)
    _next_check_sec: float = field(default=-np.inf, init=False)
    _next_search_sec: float = field(default=-np.inf, init=False)
    _shot: int = field(default=0, init=False)
    _thumbnail: np.ndarray | None = field(default=None, init=False)

    def follow(self, frames: Iterable[VideoFrame]) -> Iterator[TrackedFrame]:
        """Every frame, each read in a window that neighbouring frames agree on.

        A first reading gives the landmarks that the window is centred on. The window of the second reading is
        averaged over the frames around it, since a window that shakes shakes the codes.
        """
        waiting: deque[_First] = deque()
        num_done = 0
        for frame in frames:
            waiting.append(self._first(frame))
            if len(waiting) - num_done > LOOK_AHEAD:
                yield self._second(waiting, num_done)
                num_done += 1
            while num_done > LOOK_AHEAD:
                waiting.popleft()
                num_done -= 1
        for index in range(num_done, len(waiting)):
            yield self._second(waiting, index)

    def _first(self, frame: VideoFrame) -> _First:
        """The window around the landmarks that are read in the window of the frame before."""
        is_black = self._see_cut(frame)
        window = None if is_black else self._followed(frame) or self._found(frame)
        self._last = window
        first = _First(frame.time_sec, self._shot, window, is_black)
        if window is not None:
            first.keep(frame.pixels)
            self._count_others(frame)
        return first

    def _followed(self, frame: VideoFrame) -> CropWindow | None:
        return None if self._last is None else self._centered(frame.pixels, self._last)

    def _found(self, frame: VideoFrame) -> CropWindow | None:
        """The chosen one of the faces that the finder shows and the encoder takes for faces."""
        if frame.time_sec < self._next_search_sec:
            return None
        self._next_check_sec = frame.time_sec + CHECK_SEC
        windows = []
        for face in self.finder.find(frame.pixels):
            window = self._centered(frame.pixels, face.window, rounds=FIRST_ROUNDS)
            if window is not None:
                windows.append(window)
        windows = _large(windows)
        if not windows:
            self._next_search_sec = frame.time_sec + SEARCH_SEC
            return None
        self.num_others += len(windows) > 1
        return self._chosen(windows, frame.time_sec)

    def _chosen(self, windows: Sequence[CropWindow], time_sec: float) -> CropWindow:
        if self.face == "only" and len(windows) > 1:
            raise VideoError(
                f"{len(windows)} faces are in the picture at {time_sec:.1f} s: say which one is meant "
                "(largest, left or right), or crop the video to one person."
            )
        if self.face == "left":
            return min(windows, key=lambda w: w.center_px[0])
        if self.face == "right":
            return max(windows, key=lambda w: w.center_px[0])
        return max(windows, key=lambda w: w.side_px)

    def _count_others(self, frame: VideoFrame) -> None:
        """Look now and then whether somebody else has come."""
        if frame.time_sec < self._next_check_sec:
            return
        self._next_check_sec = frame.time_sec + CHECK_SEC
        faces = _large([face.window for face in self.finder.find(frame.pixels)])
        if len(faces) > 1:
            self.num_others += 1
            if self.face == "only":
                self._chosen(faces, frame.time_sec)

    def _centered(
        self, pixels: np.ndarray, window: CropWindow, rounds: int = 1
    ) -> CropWindow | None:
        """The window around the landmarks that are read in `window`; None where no face is read."""
        for _ in range(rounds):
            reading = self.encoder.read(cut(pixels, window)[None])
            if reading.presence[0] < np.log(LEAST_PRESENCE / (1.0 - LEAST_PRESENCE)):
                return None
            window = window_of_landmarks(window.to_image(reading.landmarks[0]))
            if not _is_usable(window, pixels):
                return None
        return window

    def _see_cut(self, frame: VideoFrame) -> bool:
        """Begin another shot where the picture changes at once; whether the picture is black."""
        height, width = frame.pixels.shape[:2]
        whole = CropWindow((0.5 * width, 0.5 * height), float(max(height, width)))
        thumbnail = cut(frame.pixels, whole, THUMBNAIL_PX).astype(np.float32)
        before, self._thumbnail = self._thumbnail, thumbnail
        if before is not None and np.abs(thumbnail - before).mean() > CUT_DIFFERENCE:
            self._shot += 1
            self._last = None
            self._next_search_sec = self._next_check_sec = -np.inf
        return bool(thumbnail.max() < BLACK)

    def _second(self, waiting: Sequence[_First], index: int) -> TrackedFrame:
        first = waiting[index]
        if first.window is None:
            return TrackedFrame(first.time_sec, first.shot, is_black=first.is_black)
        window = _agreed(waiting, index)
        inside = first.inside(window)
        reading = self.encoder.read(cut(first.part, inside)[None])
        measured = None
        if isinstance(self.finder, FaceMeasurer):
            measured = self.finder.measure(first.part, inside)
        return TrackedFrame(first.time_sec, first.shot, window, reading, measured=measured)


@dataclass(eq=False)
class _First:
    """What the first reading leaves of a frame: the window, and the part of the picture around it."""

    time_sec: float
    shot: int
    window: CropWindow | None
    is_black: bool
    corner: tuple[int, int] = (0, 0)
    part: np.ndarray | None = None

    def keep(self, pixels: np.ndarray) -> None:
        """Keep the pixels that windows like this one can reach."""
        reach = self.window.side_px
        bounds = []
        for center, limit in zip(self.window.center_px, pixels.shape[1::-1], strict=True):
            low = int(np.clip(center - reach, 0, limit - 1))
            bounds.append((low, int(np.clip(center + reach + 1, low + 1, limit))))
        (left, right), (top, bottom) = bounds
        self.corner, self.part = (left, top), pixels[top:bottom, left:right].copy()

    def inside(self, window: CropWindow) -> CropWindow:
        """The window, as seen from the kept part."""
        x, y = window.center_px
        return CropWindow((x - self.corner[0], y - self.corner[1]), window.side_px, window.roll_rad)


def _agreed(waiting: Sequence[_First], index: int) -> CropWindow:
    """The mean window of the frames around `index` in the same shot, without gaps."""
    first = waiting[index]
    total, mass = np.zeros(3), 0.0
    for step in (range(0, LOOK_AHEAD + 1), range(-1, -LOOK_AHEAD - 1, -1)):
        for offset in step:
            place = index + offset
            if not 0 <= place < len(waiting):
                break
            other = waiting[place]
            if other.window is None or other.shot != first.shot:
                break
            weight = WINDOW_WEIGHTS[LOOK_AHEAD + offset]
            total += weight * _row(other.window)
            mass += weight
    x, y, log_side = total / mass
    return CropWindow((float(x), float(y)), float(np.exp(log_side)))


def _row(window: CropWindow) -> Float32[np.ndarray, " 3"]:
    return np.array([*window.center_px, np.log(window.side_px)], np.float32)


def _large(windows: Sequence[CropWindow]) -> list[CropWindow]:
    """Those of different faces that are not much smaller than the largest."""
    kept: list[CropWindow] = []
    for window in sorted(windows, key=lambda w: -w.side_px):
        apart = all(
            np.hypot(*np.subtract(window.center_px, other.center_px)) > 0.35 * other.side_px
            for other in kept
        )
        if apart and window.side_px >= SECOND_FACE * max(
            [window.side_px, *(w.side_px for w in kept)]
        ):
            kept.append(window)
    return kept


def _is_usable(window: CropWindow, pixels: np.ndarray) -> bool:
    height, width = pixels.shape[:2]
    x, y = window.center_px
    is_inside = 0.0 <= x <= width and 0.0 <= y <= height
    return is_inside and LEAST_WINDOW_PX <= window.side_px <= 4.0 * max(height, width)
