"""Opening video files with PyAV, and what its faults mean in words."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from .audio import looks_like_text
from .errors import VideoError

if TYPE_CHECKING:
    import av

# Long enough for the EXIF note of a camera's picture, which stands at the beginning.
HEAD_BYTES = 1 << 17
BUFFER_BYTES = 1 << 18
MAX_PIXELS = 150_000_000
# Containers that hold their pictures and sound themselves. Left out are lists of other files (concat, HLS, DASH,
# image sequences) and descriptions of streams (SDP, RTSP), whose readers open files and sockets on their own.
SELF_CONTAINED = (
    "mov", "mp4", "m4a", "3gp", "3g2", "mj2", "matroska", "webm", "avi", "mpegts", "mpeg", "mpegvideo", "m4v",
    "h264", "hevc", "av1", "obu", "ivf", "mjpeg", "flv", "ogg", "asf", "mxf", "nut", "dv", "gxf", "wtv", "rm",
    "gif", "apng", "yuv4mpegpipe", "png_pipe", "jpeg_pipe", "webp_pipe", "tiff_pipe", "bmp_pipe", "gif_pipe",
    "wav", "w64", "flac", "mp3", "aac", "ac3", "eac3", "aiff", "au", "caf", "wv", "ape", "tta", "amr",
)  # fmt: skip
# FFmpeg's own readers may ask for nothing by name, whatever a file says.
_ALONE = {"format_whitelist": ",".join(SELF_CONTAINED), "protocol_whitelist": "none"}
_PICTURE_HEADS = (b"\x89PNG", b"\xff\xd8\xff", b"BM", b"II*\0", b"MM\0*")
_PHONE_BRANDS = (b"heic", b"heix", b"hevc", b"mif1", b"msf1", b"avif")


def is_picture_head(head: bytes) -> bool:
    """Whether these first bytes of a file are those of a single picture."""
    return head.startswith(_PICTURE_HEADS) or (head[:4] == b"RIFF" and head[8:12] == b"WEBP")


def is_picture(path: Path) -> bool:
    """Whether the file is a single picture; False where it cannot be read."""
    try:
        with path.open("rb") as stream:
            return is_picture_head(stream.read(16))
    except OSError:
        return False


def require_readable(path: Path, kind: str = "video") -> bytes:
    """The first bytes of a file that may be a `kind`; raises for all that cannot be one."""
    if path.is_dir():
        raise VideoError(f"'{path}' is a folder: choose a {kind} file in it.")
    try:
        with path.open("rb") as stream:
            head = stream.read(HEAD_BYTES)
    except FileNotFoundError:
        raise VideoError(f"There is no {kind} '{path}': check the path.") from None
    except OSError as error:
        raise VideoError(
            f"'{path}' cannot be opened ({error.strerror}): check its permissions."
        ) from None
    if not head:
        raise VideoError(f"'{path}' is empty (0 bytes): choose another {kind}.")
    if head[4:8] == b"ftyp" and head[8:12] in _PHONE_BRANDS:
        raise VideoError(f"'{path}' is a HEIC or AVIF picture: save it as JPEG or PNG first.")
    if looks_like_text(head[:512]):
        raise VideoError(f"'{path}' is a text file, not a {kind}: choose another file.")
    return head


@contextmanager
def opened(path: Path) -> Iterator[av.container.InputContainer]:
    """The container of a file that is read from the disk alone; FFmpeg's faults become sentences."""
    import av

    try:
        with path.open("rb") as stream:
            # By its name a .jpg would be a numbered sequence of files.
            is_jpeg = stream.peek(3).startswith(b"\xff\xd8\xff")
            with av.open(
                stream,
                format="jpeg_pipe" if is_jpeg else None,
                buffer_size=BUFFER_BYTES,
                metadata_errors="replace",
                io_open=_refuse_other_files,
                options=dict(_ALONE),
            ) as container:
                yield container
    except av.error.ArgumentError:
        raise VideoError(
            f"'{path}' is no video in one file (a playlist or the description of a stream, for one), or it is "
            "damaged: export it again, as MP4 for one."
        ) from None
    except av.FFmpegError as error:
        raise VideoError(
            f"'{path}' is no video that can be read, or it is damaged ({error.strerror}): export it "
            "again, as MP4 for one."
        ) from None


def picture_stream(container: av.container.InputContainer, path: Path) -> av.VideoStream:
    """The stream of pictures; the cover of a sound file is none."""
    import av

    cover = av.stream.Disposition.attached_pic
    for stream in container.streams.video:
        if not stream.disposition & cover and stream.codec_context is not None:
            # Frames may be larger than the container says.
            stream.codec_context.options = {"max_pixels": str(MAX_PIXELS)}
            return stream
    if container.streams.audio:
        raise VideoError(f"'{path}' holds sound and no pictures: choose a video.")
    raise VideoError(f"'{path}' holds no pictures that can be decoded: choose another video.")


def count_pictures(path: Path) -> int:
    """How many compressed pictures the file holds whole; 0 where it cannot be read."""
    try:
        with opened(path) as container:
            packets = container.demux(picture_stream(container, path))
            return sum(packet.size > 0 and not packet.is_corrupt for packet in packets)
    except (VideoError, OSError):
        return 0


def clock_start_sec(container: av.container.InputContainer) -> float:
    """When the file's clock starts: sound and pictures begin at this time or later."""
    return (container.start_time or 0) / 1_000_000


def _refuse_other_files(url: str, _flags: int, _options: dict[str, str]) -> None:
    """Playlists name other files and addresses; nothing but the file itself is ever opened."""
    raise VideoError(f"The video wants to open '{url}': choose a video that is one file.")
