"""Looking through a video file without decoding it: size, rate, length, and whether it is whole."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from .errors import VideoError
from .exif import UPRIGHT, exif_orientation
from .timing import NTSC_BASES
from .video_container import (
    MAX_PIXELS,
    clock_start_sec,
    is_picture_head,
    opened,
    picture_stream,
    require_readable,
)

if TYPE_CHECKING:
    import av

USUAL_RATE = Fraction(25)
MAX_DURATION_SEC = 6 * 3600
# Steps between frames that differ by more than this share are no rounding of the clock.
VARIABLE_SHARE = 0.3
# So much of what the header promises must be there.
WHOLE_SHARE = 0.9
_STANDARD_RATES = [Fraction(n) for n in (12, 15, 24, 25, 30, 48, 50, 60, 90, 100, 120, 240)]
_STANDARD_RATES += [Fraction(base * 1000, 1001) for base in NTSC_BASES]


@dataclass(frozen=True)
class VideoInfo:
    """What a video holds; width and height are of the upright picture with square pixels.

    `fps` is the usual rate where it varies. `pixel_aspect` and `orientation` (EXIF, of pictures) are
    already in width and height.
    """

    width: int
    height: int
    fps: Fraction
    duration_sec: float
    num_frames: int
    is_variable_rate: bool
    has_sound: bool
    pixel_aspect: float = 1.0
    orientation: int = UPRIGHT


def scan(path: Path) -> VideoInfo:
    """Read all of the file once; decodes the first frame, which must come out."""
    head = require_readable(path)
    is_picture = is_picture_head(head)
    with opened(path) as container:
        stream = picture_stream(container, path)
        require_size(path, stream.codec_context.width, stream.codec_context.height)
        first, times_sec, end_sec = _walk(container, stream, path)
        promised = stream.frames
        has_sound, aspect = bool(container.streams.audio), _pixel_aspect(stream)
        declared = stream.average_rate
        duration_sec = (container.duration or 0) / 1_000_000
    if is_picture:
        times_sec, declared = np.zeros(1), USUAL_RATE
    else:
        is_cut = len(times_sec) < WHOLE_SHARE * promised or end_sec < WHOLE_SHARE * duration_sec
        _require_whole(path, is_cut, times_sec, duration_sec)
    fps, is_variable = _rate(times_sec, declared)
    width, height = max(round(first.width * aspect), 1), first.height
    orientation = exif_orientation(head) if is_picture else UPRIGHT
    if orientation >= 5 or (orientation == UPRIGHT and round(first.rotation / 90) % 2):
        width, height = height, width
    return VideoInfo(
        width,
        height,
        fps,
        duration_sec=float(times_sec[-1] - times_sec[0] + 1 / fps),
        num_frames=len(times_sec),
        is_variable_rate=is_variable,
        has_sound=has_sound,
        pixel_aspect=aspect,
        orientation=orientation,
    )


def require_size(path: Path, width: int, height: int) -> None:
    """Raise for pictures that no memory should be asked for."""
    if width * height > MAX_PIXELS:
        raise VideoError(
            f"'{path}' has {width} x {height} pixels: make it smaller than {MAX_PIXELS // 1_000_000} "
            "megapixels first."
        )


def _walk(
    container: av.container.InputContainer, stream: av.VideoStream, path: Path
) -> tuple[av.VideoFrame, np.ndarray, float]:
    """The first frame that can be decoded, the frames' times in order, where sound or pictures end."""
    import av

    first, ticks, end_sec, start_sec = None, [], 0.0, clock_start_sec(container)
    for packet in container.demux(stream, *container.streams.audio):
        if packet.pts is not None and packet.time_base is not None:
            end = packet.pts + (packet.duration or 0)
            end_sec = max(end_sec, float(end * packet.time_base) - start_sec)
        if packet.stream.index != stream.index or not packet.size:
            continue
        ticks.append(packet.pts)
        if first is None:
            try:
                first = next(iter(packet.decode()), None)
            except av.FFmpegError:
                continue
    if first is None:
        first = _flushed(stream)
    if first is None:
        what = "frame that can be decoded" if ticks else "frames at all"
        raise VideoError(f"'{path}' holds no {what}: export the video again.")
    known = [tick for tick in ticks if tick is not None]
    if len(known) < len(ticks) or stream.time_base is None:
        rate = stream.average_rate or USUAL_RATE
        times_sec = np.arange(len(ticks)) / float(rate)
        return first, times_sec, max(end_sec, float(times_sec[-1]))
    times_sec = np.sort(np.array(known, float) * float(stream.time_base))
    return first, times_sec - start_sec, end_sec


def _flushed(stream: av.VideoStream) -> av.VideoFrame | None:
    """What the decoder still held back at the end of a very short file."""
    import av

    try:
        return next(iter(stream.decode(None)), None)
    except av.FFmpegError:
        return None


def _pixel_aspect(stream: av.VideoStream) -> float:
    aspect = float(stream.sample_aspect_ratio or 1)
    return aspect if 0.1 < aspect < 10 else 1.0


def _require_whole(path: Path, is_cut: bool, times_sec: np.ndarray, duration_sec: float) -> None:
    """Raise where a file was cut off, or where its clock goes on for ever."""
    last_sec = float(times_sec[-1])
    if is_cut:
        raise VideoError(
            f"'{path}' breaks off after {max(last_sec, 0):.1f} of {duration_sec:.1f} seconds: copy or "
            "download the whole file."
        )
    if last_sec - float(times_sec[0]) > MAX_DURATION_SEC:
        raise VideoError(
            f"'{path}' is longer than {MAX_DURATION_SEC // 3600} hours: cut it into parts."
        )


def _rate(times_sec: np.ndarray, declared: Fraction | None) -> tuple[Fraction, bool]:
    """The usual rate, and whether frames come at other times than its grid."""
    steps = np.diff(times_sec)
    steps = steps[steps > 0]
    if not len(steps):
        return (declared if declared and 1 <= declared <= 240 else USUAL_RATE), False
    usual = float(np.median(steps))
    is_variable = bool((np.abs(steps - usual) > VARIABLE_SHARE * usual).any())
    mean = float(steps.mean())
    if declared and not is_variable and abs(float(declared) * mean - 1) < 0.02:
        return declared, False
    # Clocks in milliseconds round a step; their mean does not.
    measured = 1 / usual if is_variable else 1 / mean
    nearest = min(_STANDARD_RATES, key=lambda rate: abs(float(rate) - measured))
    if abs(float(nearest) / measured - 1) < (0.05 if is_variable else 0.01):
        return nearest, is_variable
    return Fraction(min(max(measured, 0.1), 240.0)).limit_denominator(1001), is_variable
