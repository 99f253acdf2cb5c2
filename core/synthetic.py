"""What rendered pictures and videos say about themselves: that they are computer-made, and of whom."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from .avatar.manifest import AvatarInfo
from .errors import VideoError
from .files import FULL, replace_on_success
from .video_container import opened

if TYPE_CHECKING:
    import av

# Fields of PNG, JPEG and EXR files; videos have the first as their comment too.
NOTE_FIELD, KIND_FIELD = "Synthetic", "DigitalSourceType"
VIDEO_FIELD = "comment"
# The IPTC's word for pictures that come out of a trained model.
KIND = "http://cv.iptc.org/newscodes/digitalsourcetype/trainedAlgorithmicMedia"
MAX_STATEMENT = 160


def note_fields(note: str) -> dict[str, str]:
    """The fields of a picture's metadata that hold a note."""
    return {NOTE_FIELD: note, VIDEO_FIELD: note, KIND_FIELD: KIND}


def synthetic_note(heads: Iterable[AvatarInfo]) -> str:
    """One sentence on the heads in a picture and where their likeness comes from; empty without any."""
    shown = list(dict.fromkeys(_described(info) for info in heads))
    if not shown:
        return ""
    return (
        f"Synthetic: rendered with Gaussian Heads, no camera recording. Shows {'; '.join(shown)}."
    )


def portrait_note(consent: str, digest: str, *, is_synthetic: bool) -> str:
    """One sentence on a film that was drawn from one photo, whose SHA-256 begins with `digest`."""
    whose = "a made-up person"
    if not is_synthetic:
        whose = f"the likeness of a real person, consent: {_short(consent)}"
    return f"Synthetic: drawn with Gaussian Heads from one photo ({digest}), no camera recording. Shows {whose}."


def mark_video(path: Path, note: str) -> None:
    """Write `note` into the metadata of a video file, whose pictures and sound stay to the bit."""
    import av

    with replace_on_success(path) as temporary, opened(path) as source:
        name = _container_name(path)
        try:
            with av.open(str(temporary), "w", format=name) as target:
                target.metadata.update(source.metadata)
                target.metadata[VIDEO_FIELD] = note
                _copy_packets(source, target)
        except (av.FFmpegError, ValueError) as error:
            if getattr(error, "errno", None) in FULL:
                raise OSError(error.errno, os.strerror(error.errno)) from None
            raise VideoError(
                f"'{path}' cannot be marked as synthetic ({error}): render into MP4 or MKV."
            ) from None


def video_note(path: Path) -> str:
    """What a video says of itself; empty where it says nothing."""
    with opened(path) as container:
        found = {name.lower(): text for name, text in container.metadata.items()}
    return found.get(VIDEO_FIELD, "")


def _described(info: AvatarInfo) -> str:
    name = _short(info.name)
    if info.provenance.is_synthetic:
        return f"'{name}', a made-up person"
    statement = _short(info.provenance.consent)
    if statement:
        return f"'{name}', the likeness of a real person, consent: {statement}"
    return f"'{name}', of a real or unknown person without a statement of consent"


def _short(text: str) -> str:
    """On one line and of a length that metadata takes."""
    words = " ".join(text.split())
    return words if len(words) <= MAX_STATEMENT else f"{words[: MAX_STATEMENT - 1]}…"


def _container_name(path: Path) -> str:
    names = {".mp4": "mp4", ".mov": "mov", ".mkv": "matroska", ".webm": "webm", ".avi": "avi"}
    try:
        return names[path.suffix.lower()]
    except KeyError:
        raise VideoError(
            f"'{path}' takes no note that it is synthetic: render into MP4, MOV, MKV, WebM or AVI."
        ) from None


def _copy_packets(
    source: av.container.InputContainer, target: av.container.OutputContainer
) -> None:
    kept = [s for s in source.streams if s.type in ("video", "audio")]
    copies = {stream.index: target.add_stream_from_template(stream) for stream in kept}
    for packet in source.demux(kept):
        # The last packet of each stream is an empty one.
        if packet.dts is None:
            continue
        packet.stream = copies[packet.stream.index]
        target.mux(packet)
