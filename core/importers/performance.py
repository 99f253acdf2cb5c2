"""One way to read every kind of recorded performance: by what is in the file, not by its name."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

from ..errors import TrackError
from ..expression import ExpressionTrack
from ..livelink import read_livelink_csv
from .audio2face import read_audio2face_json

_ZIP = b"PK\x03\x04"
_PEEK_BYTES = 4096


def read_performance(path: Path, fps: Fraction | None = None) -> ExpressionTrack:
    """The track in a Live Link Face CSV, an Audio2Face JSON or a track of this project (.npz).

    `fps` counts before the rate that a CSV or JSON says or shows; a .npz knows its own.
    """
    path = Path(path)
    try:
        with path.open("rb") as stream:
            start = stream.read(_PEEK_BYTES)
    except FileNotFoundError:
        raise TrackError(f"There is no file '{path}': check the path.") from None
    except OSError as error:
        raise TrackError(f"'{path}' cannot be read ({error.strerror}): check the file.") from None
    if start.startswith(_ZIP):
        return ExpressionTrack.load(path)
    if not start.strip():
        raise TrackError(f"'{path}' is empty: export the recording again.")
    text = start.replace(b"\x00", b"").lstrip(b"\xef\xbb\xbf\xff\xfe \t\r\n")
    if text.startswith((b"{", b"[")):
        return read_audio2face_json(path, fps)
    return read_livelink_csv(path, fps)
