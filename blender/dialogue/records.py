"""What a line was heard from and keyed with, as text in the .blend; and what a sound holds, told cheaply.

What was heard is remembered with the scene. What was keyed is remembered in the Action with the keys, so that
both always come and go together: an undo may bring back the one without the scene.
"""

from __future__ import annotations

import hashlib
import json
import os
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import TypeVar

import bpy

from ...core.errors import TimingError
from ...core.json_text import parse_json
from ...core.timing import SoundPlacement, frame_rate

NUM_PIECES, PIECE_BYTES = 256, 16_384
_MAX_CACHED = 512
# No frame, second, seed or setting comes near.
MAX_NUMBER = 1e12

Record = TypeVar("Record", "HeardRecord", "KeyedRecord")


@dataclass(frozen=True)
class SoundState:
    """A sound as a strip plays it: a digest of its content, empty where it cannot be read, and its speed."""

    digest: str
    speed: str = ""


@dataclass(frozen=True)
class HeardRecord:
    """Which seconds of which sound were listened to, and with what effort."""

    digest: str
    speed: str
    start_sec: float
    end_sec: float
    effort: float

    def covers(self, place: SoundPlacement) -> bool:
        """Whether all that the strip plays was listened to, give or take a frame."""
        start, end = heard_span_sec(place)
        frame_sec = float(1 / place.fps)
        return self.start_sec - frame_sec < start and end < self.end_sec + frame_sec


@dataclass(frozen=True)
class KeyedRecord:
    """What the keys of a line were made from, and the frames that they lie on.

    `slot` is the handle of the Action's slot that holds them, `is_whole` false where some of its frames were not keyed, were cleared, or hold keys of another line. `direction` is the digest of the acting direction, empty without one.
    """

    digest: str
    speed: str
    seed: int
    style: dict[str, float]
    fps: str
    content_start_frame: float
    left_frame: float
    right_frame: float
    sound_offset_sec: float
    first_frame: int
    last_frame: int
    slot: int = 0
    is_whole: bool = True
    direction: str = ""

    @property
    def placement(self) -> SoundPlacement:
        """Where the strip lay."""
        return SoundPlacement(
            frame_rate(self.fps),
            self.content_start_frame,
            self.left_frame,
            self.right_frame,
            self.sound_offset_sec,
        )

    def shift_to(self, place: SoundPlacement) -> float | None:
        """Frames by which the strip was moved as a whole since; None where it changed in another way."""
        by_frames = place.content_start_frame - self.content_start_frame
        moved = (self.left_frame + by_frames, self.right_frame + by_frames)
        is_rigid = (
            frame_rate(self.fps) == place.fps
            and self.sound_offset_sec == place.sound_offset_sec
            and moved == (place.left_frame, place.right_frame)
            and float(by_frames).is_integer()
        )
        return by_frames if is_rigid else None


def heard_span_sec(place: SoundPlacement) -> tuple[float, float]:
    """The seconds of its file that a strip plays on whole frames."""
    start = place.file_sec(place.first_frame)
    return start, start + float(place.num_frames / place.fps)


def placement_values(place: SoundPlacement) -> dict[str, object]:
    """The fields of a `KeyedRecord` that say where the strip lies."""
    return {
        "fps": str(place.fps),
        "content_start_frame": float(place.content_start_frame),
        "left_frame": float(place.left_frame),
        "right_frame": float(place.right_frame),
        "sound_offset_sec": float(place.sound_offset_sec),
    }


def to_text(record: HeardRecord | KeyedRecord) -> str:
    """The record as it is stored."""
    return json.dumps(asdict(record))


def from_text(kind: type[Record], text: object) -> Record | None:
    """The record that `text` holds; None where it is none of that kind."""
    key = (kind, text if isinstance(text, str) else "")
    if key not in _records:
        if len(_records) >= _MAX_CACHED:
            _records.clear()
        _records[key] = _parsed(*key)
    return _records[key]


_records: dict[tuple[type, str], object] = {}


def _parsed(kind: type[Record], text: str) -> Record | None:
    """The record in a text that may come from anybody's file; None where a value is not what it must be."""
    try:
        values = parse_json(text)
        record = kind(**values)
        is_sound = all(_is_sound(getattr(record, f.name), f.type) for f in fields(kind))
        if is_sound and isinstance(record, KeyedRecord):
            record.placement.file_sec(0)
    except (ValueError, TypeError, ArithmeticError, TimingError):
        return None
    return record if is_sound else None


def _is_sound(value: object, type_name: str) -> bool:
    """Whether a value is of the type that a field says, and no absurd number."""
    if type_name == "dict[str, float]":
        return isinstance(value, dict) and all(_is_sound(v, "float") for v in value.values())
    if type_name in ("int", "float"):
        kinds = int if type_name == "int" else (int, float)
        is_number = isinstance(value, kinds) and not isinstance(value, bool)
        return is_number and abs(value) <= MAX_NUMBER
    return isinstance(value, {"str": str, "bool": bool}[type_name])


def sound_state(strip: bpy.types.Strip, content_start_frame: float) -> SoundState:
    """What `strip` plays now, however it is cut and wherever it lies."""
    sound = strip.sound
    if sound is None:
        return SoundState("")
    if sound.packed_file is not None:
        digest = _packed_digest(sound)
    else:
        digest = _file_digest(bpy.path.abspath(sound.filepath, library=sound.library))
    return SoundState(digest, _speed(strip, content_start_frame))


def _speed(strip: bpy.types.Strip, content_start_frame: float) -> str:
    keys = [round(key.timeline_frame - content_start_frame, 3) for key in strip.retiming_keys]
    pitch = getattr(strip, "pitch", 1.0)
    if not keys and pitch == 1.0:
        return ""
    return json.dumps([keys, round(pitch, 5), getattr(strip, "pitch_correction", True)])


_digests: dict[tuple[object, ...], str] = {}


def _packed_digest(sound: bpy.types.Sound) -> str:
    key = ("packed", sound.session_uid, sound.packed_file.size)
    if key not in _digests:
        _digests[key] = _digest(sound.packed_file.data)
    return _digests[key]


def _file_digest(path: str) -> str:
    try:
        status = os.stat(path)
        key = (path, status.st_size, status.st_mtime_ns)
        if key not in _digests:
            _digests[key] = _digest_of_file(Path(path), status.st_size)
    except OSError:
        return ""
    return _digests[key]


def _digest_of_file(path: Path, size: int) -> str:
    with path.open("rb") as stream:
        if size <= NUM_PIECES * PIECE_BYTES:
            return _digest(stream.read())
        pieces = []
        for start in _starts(size):
            stream.seek(start)
            pieces.append(stream.read(PIECE_BYTES))
    return _finish(size, pieces)


def _digest(data: bytes) -> str:
    """A digest of all of a short sound, and of pieces spread over a long one."""
    if len(data) <= NUM_PIECES * PIECE_BYTES:
        return _finish(len(data), [data])
    return _finish(len(data), [data[start : start + PIECE_BYTES] for start in _starts(len(data))])


def _starts(size: int) -> list[int]:
    return [(size - PIECE_BYTES) * i // (NUM_PIECES - 1) for i in range(NUM_PIECES)]


def _finish(size: int, pieces: list[bytes]) -> str:
    digest = hashlib.sha256(str(size).encode())
    for piece in pieces:
        digest.update(piece)
    return digest.hexdigest()[:32]
