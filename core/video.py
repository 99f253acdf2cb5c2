"""Video files in, upright RGB frames with times out: any container and codec that PyAV's FFmpeg reads.

Times are seconds on the file's own clock, the one its sound runs on. Frames are turned as the camera was
held, have square pixels and standard range colours, and are shrunk as they are decoded, so that a long 4K
video never stands in memory.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Float32, UInt8

from .errors import VideoError
from .exif import UPRIGHT, turn_upright
from .video_container import (
    clock_start_sec,
    is_picture,
    opened,
    picture_stream,
    require_readable,
)
from .video_scan import VideoInfo, require_size, scan

if TYPE_CHECKING:
    import av

logger = logging.getLogger(__name__)

# A pause longer than this between two frames is a broken clock and no slow camera.
MAX_GAP_SEC = 60.0
# So much of a video may be damaged before it is refused.
MAX_DAMAGED_SHARE = 0.1
MIN_DAMAGED_FRAMES = 5
MAX_RATE = 240
# One channel of three hours at 48 kHz: 2 GiB, twice that while its parts are joined.
MAX_SOUND_SAMPLES = 2**29
# Standard definition has the colour matrix of BT.601 where a file does not say which.
HD_HEIGHT_PX = 720
_UNSPECIFIED_MATRIX = (0, 2, 3)
_HDR_TRANSFERS = (16, 18)
_BT709 = 1


@dataclass(frozen=True)
class VideoFrame:
    """One picture `[H, W, 3]` uint8 RGB, upright, and when it is shown."""

    time_sec: float
    pixels: UInt8[np.ndarray, "H W 3"]


@dataclass(frozen=True)
class VideoFile:
    """A video (or a single picture, as a video of one frame) that was looked through and can be decoded."""

    path: Path
    info: VideoInfo

    @classmethod
    def open(cls, path: Path | str) -> VideoFile:
        """Look through a file; raises `VideoError` where it cannot be decoded to its end."""
        path = Path(path)
        info = scan(path)
        return cls(path, info)

    def frames(
        self,
        max_side_px: int | None = None,
        *,
        begin_sec: float = 0.0,
        end_sec: float | None = None,
    ) -> Iterator[VideoFrame]:
        """Decode frame by frame, those shown in [begin_sec, end_sec); the longer side at most `max_side_px`.

        Damaged frames are left out; raises where too many are.
        """
        end_sec = np.inf if end_sec is None else end_sec
        last_sec = -np.inf
        for time_sec, frame in self._from(begin_sec):
            if time_sec >= end_sec:
                return
            # Broken clocks run backwards.
            if time_sec < begin_sec or time_sec <= last_sec:
                continue
            last_sec = time_sec
            yield VideoFrame(time_sec, self._pixels(frame, max_side_px))
        if last_sec == -np.inf and begin_sec == 0.0:
            raise VideoError(f"'{self.path}' holds no frame that can be decoded: export it again.")

    def _from(self, begin_sec: float) -> Iterator[tuple[float, av.VideoFrame]]:
        """Times and whole frames, from the last one that can be found before `begin_sec` on."""
        if begin_sec > 0:
            found = self._decoded(begin_sec)
            first = next(found, None)
            # Without an index, as in recordings of programmes, a seek may land behind or nowhere.
            if first is not None and first[0] <= begin_sec:
                yield first
                yield from found
                return
        yield from self._decoded(None)

    def _decoded(self, sought_sec: float | None) -> Iterator[tuple[float, av.VideoFrame]]:
        """Times and whole frames, from where a seek leads on; none where it cannot be told where that is."""
        import av

        num_damaged = num_decoded = 0
        with opened(self.path) as container:
            stream = picture_stream(container, self.path)
            stream.thread_type = "AUTO"
            start_sec = clock_start_sec(container)
            if sought_sec is not None:
                try:
                    container.seek(int((sought_sec + start_sec) * 1_000_000))
                except av.FFmpegError:
                    return
            for frame in _decoded(container, stream):
                num_decoded += 1
                if frame is None or frame.is_corrupt:
                    num_damaged += 1
                    self._require_sound(num_damaged, num_decoded)
                    continue
                if frame.time is None and sought_sec is not None:
                    return
                yield self._time_sec(frame, num_decoded, start_sec), frame

    def _time_sec(self, frame: av.VideoFrame, number: int, start_sec: float) -> float:
        if frame.time is None or is_picture(self.path):
            return float((number - 1) / self.info.fps)
        return max(frame.time - start_sec, 0.0)

    def _pixels(self, frame: av.VideoFrame, max_side_px: int | None) -> np.ndarray:
        aspect = self.info.pixel_aspect
        width, height = max(round(frame.width * aspect), 1), frame.height
        require_size(self.path, width, height)
        if max_side_px is not None and max(width, height) > max_side_px:
            share = max_side_px / max(width, height)
            width, height = max(round(width * share), 1), max(round(height * share), 1)
        pixels = self._converted(frame, width, height)
        if self.info.orientation != UPRIGHT:
            return turn_upright(pixels, self.info.orientation)
        quarters = round(frame.rotation / 90) % 4
        return np.ascontiguousarray(np.rot90(pixels, quarters)) if quarters else pixels

    def _converted(self, frame: av.VideoFrame, width: int, height: int) -> np.ndarray:
        import av

        try:
            return _rgb(frame, width, height)
        except av.FFmpegError as error:
            raise VideoError(
                f"The colours of '{self.path}' cannot be converted ({error.strerror}): export it again."
            ) from None

    def _require_sound(self, num_damaged: int, num_decoded: int) -> None:
        if num_damaged >= max(MIN_DAMAGED_FRAMES, MAX_DAMAGED_SHARE * self.info.num_frames) or (
            num_damaged == num_decoded == self.info.num_frames
        ):
            raise VideoError(
                f"'{self.path}' is damaged ({num_damaged} of its frames cannot be decoded): export or "
                "download the video again."
            )


def at_rate(frames: Iterable[VideoFrame], fps: Fraction | float | int) -> Iterator[VideoFrame]:
    """The frames on a constant grid: for each k the one nearest to k / fps seconds, with that time.

    The grid begins at the first frame's place on it and ends at the last frame's.
    """
    rate = Fraction(fps).limit_denominator(100_000)
    if not 0 < rate <= MAX_RATE:
        raise VideoError(
            f"A video cannot be read at {float(rate):.6g} frames a second: choose 1 to {MAX_RATE}."
        )
    index, previous = None, None
    for frame in frames:
        if previous is None:
            index = round(frame.time_sec * rate)
        else:
            if frame.time_sec - previous.time_sec > MAX_GAP_SEC:
                raise VideoError(
                    f"The video stands still for {frame.time_sec - previous.time_sec:.0f} seconds: "
                    "its clock is broken, export it again at a constant frame rate."
                )
            middle_sec = (previous.time_sec + frame.time_sec) / 2
            while index / rate < middle_sec:
                yield VideoFrame(float(index / rate), previous.pixels)
                index += 1
        previous = frame
    while previous is not None and index / rate <= previous.time_sec + 0.25 / float(rate):
        yield VideoFrame(float(index / rate), previous.pixels)
        index += 1


def is_image(path: Path | str) -> bool:
    """Whether the file is a single picture (PNG, JPEG, WebP, TIFF, BMP), by its first bytes."""
    return is_picture(Path(path))


def read_image(path: Path | str) -> UInt8[np.ndarray, "H W 3"]:
    """Read a picture as upright RGB `[H, W, 3]` uint8; transparency is dropped."""
    path = Path(path)
    require_readable(path, "picture")
    if not is_picture(path):
        raise VideoError(f"'{path}' is no picture: choose a PNG, JPEG, WebP, TIFF or BMP file.")
    return next(VideoFile.open(path).frames()).pixels


def read_sound(path: Path | str) -> tuple[Float32[np.ndarray, "S 1"], int]:
    """The sound of a video, its channels averaged, in [-1, 1], and its rate in Hz; sample 0 lies at 0 s of the frames.

    Fits `core.audio.load_audio` as its decoder.
    """
    path = Path(path)
    require_readable(path)
    with opened(path) as container:
        if not container.streams.audio:
            raise VideoError(f"'{path}' has no sound: choose a video that was recorded with sound.")
        stream = container.streams.audio[0]
        if stream.codec_context is None or not stream.rate or not stream.layout.nb_channels:
            raise VideoError(f"The sound of '{path}' cannot be decoded: export the video again.")
        rate = stream.rate
        pieces, num_samples = [], 0
        for piece in _sound_pieces(container, stream, path):
            num_samples += len(piece)
            if num_samples > MAX_SOUND_SAMPLES:
                raise VideoError(
                    f"The sound of '{path}' is longer than {MAX_SOUND_SAMPLES // 2**20} million samples: "
                    "cut it into parts."
                )
            pieces.append(piece)
    if num_samples == 0:
        raise VideoError(f"The sound of '{path}' is empty: choose another video.")
    return np.concatenate(pieces)[:, None], rate


def _sound_pieces(
    container: av.container.InputContainer, stream: av.AudioStream, path: Path
) -> Iterator[np.ndarray]:
    """Mono parts `[S]` float32 of a stream from the clock's beginning on, silence first where it starts late."""
    import av

    start_sec, rate, is_first = clock_start_sec(container), stream.rate, True
    resampler = av.AudioResampler(format="fltp", layout=stream.layout.name, rate=rate)
    for frame in container.decode(stream):
        if is_first and frame.time is not None and frame.time > start_sec:
            late = round((frame.time - start_sec) * rate)
            if late > MAX_SOUND_SAMPLES:
                raise VideoError(f"The clock of '{path}' is broken: export the video again.")
            yield np.zeros(late, np.float32)
        is_first = False
        for part in resampler.resample(frame):
            yield part.to_ndarray().mean(axis=0, dtype=np.float32)


def _decoded(
    container: av.container.InputContainer, stream: av.VideoStream
) -> Iterator[av.VideoFrame | None]:
    """Every frame; None for a packet that the decoder refuses."""
    import av

    for packet in container.demux(stream):
        try:
            yield from packet.decode()
        except av.error.EOFError:
            return
        except av.FFmpegError as error:
            logger.debug("A packet cannot be decoded: %s", error)
            yield None


def _rgb(frame: av.VideoFrame, width: int, height: int) -> np.ndarray:
    import av

    is_shrunk = width * height < frame.width * frame.height
    options = {
        "width": width,
        "height": height,
        "format": "rgb24",
        "interpolation": "AREA" if is_shrunk else "BICUBIC",
        "dst_color_range": "JPEG",
        "threads": 1,
    }
    if frame.colorspace in _UNSPECIFIED_MATRIX and not frame.format.is_rgb:
        options["src_colorspace"] = "ITU709" if frame.height >= HD_HEIGHT_PX else "ITU601"
    if frame.color_trc in _HDR_TRANSFERS:
        options |= {"dst_color_trc": _BT709, "dst_color_primaries": _BT709}
    try:
        return frame.reformat(**options).to_ndarray()
    except av.FFmpegError:
        # Colours that this FFmpeg has no conversion for: as they are.
        plain = {k: v for k, v in options.items() if not k.startswith("dst_color_")}
        return frame.reformat(**plain).to_ndarray()
