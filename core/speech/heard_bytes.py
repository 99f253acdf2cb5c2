"""Heard speech as bytes (docs/FORMAT.md): differences from row to row in byte planes, compressed.

Bytes may come from anywhere: sizes are checked before anything is unpacked, and numbers before they are used.
"""

from __future__ import annotations

import math
import struct
import zlib
from collections.abc import Iterator
from dataclasses import astuple, dataclass
from fractions import Fraction

import numpy as np

from ..errors import AudioError
from ..spaces import ARKIT_BLENDSHAPES
from .heard import MAX_HEARD_FRAMES, HeardSpeech
from .prosody import Prosody

MAGIC, VERSION = b"GHHEARD\0", 1
MAX_RATE_HZ = 1000
# zlib makes nothing smaller than this.
MOST_COMPRESSED = 1032
_PREFIX = struct.Struct("<8sHI")
_HEADER = struct.Struct("<HHIQIdIII")


@dataclass(frozen=True)
class _Header:
    """The fields of the header in their order."""

    num_channels: int
    rate_hz: int
    num_frames: int
    duration_numerator: int
    duration_denominator: int
    effort: float
    num_phrases: int
    num_syllables: int
    num_accents: int

    @property
    def level_bytes(self) -> int:
        return 2 * self.num_frames * (self.num_channels + 1)

    @property
    def num_times(self) -> int:
        return 2 * self.num_phrases + self.num_syllables + 2 * self.num_accents

    @property
    def body_bytes(self) -> int:
        return self.level_bytes + 8 * self.num_times


def pack(heard: HeardSpeech) -> bytes:
    """Heard speech as bytes that `unpack` reads."""
    prosody = heard.prosody
    header = _Header(
        len(heard.channels),
        heard.rate_hz,
        len(heard.levels),
        heard.duration_sec.numerator,
        heard.duration_sec.denominator,
        heard.effort,
        len(prosody.phrases),
        len(prosody.syllables_sec),
        len(prosody.accents_sec),
    )
    compressor = zlib.compressobj(9)
    body = [compressor.compress(column) for column in _columns(heard)]
    times = (prosody.phrases, prosody.syllables_sec, prosody.accents_sec, prosody.strengths)
    body += [compressor.compress(np.ascontiguousarray(each, "<f8").tobytes()) for each in times]
    rest = b"".join(
        [_HEADER.pack(*astuple(header)), bytes(heard.channels), *body, compressor.flush()]
    )
    return _PREFIX.pack(MAGIC, VERSION, zlib.crc32(rest)) + rest


def unpack(data: bytes) -> HeardSpeech:
    """Heard speech from the bytes of `pack`; raises `AudioError` where they are something else."""
    header, channels, compressed = _checked_header(data)
    body = _decompressed(compressed, header.body_bytes)
    planes = np.frombuffer(body, np.uint8, header.level_bytes)
    planes = planes.reshape(header.num_channels + 1, 2, header.num_frames)
    levels = np.empty((header.num_frames, header.num_channels + 1), np.uint16)
    for column, (high, low) in enumerate(planes):
        change = (high.astype(np.uint16) << 8) | low
        levels[:, column] = np.cumsum(change, dtype=np.uint16)
    times = np.frombuffer(body, "<f8", offset=header.level_bytes).astype(np.float64)
    duration_sec = Fraction(header.duration_numerator, header.duration_denominator)
    return HeardSpeech(
        channels,
        np.ascontiguousarray(levels[:, :-1]),
        np.ascontiguousarray(levels[:, -1]),
        header.rate_hz,
        duration_sec,
        _checked_prosody(header, times, float(duration_sec)),
        header.effort,
    )


def _columns(heard: HeardSpeech) -> Iterator[bytes]:
    """Each channel's changes from row to row: their high bytes, then their low bytes."""
    for levels in [*heard.levels.T, heard.closure_levels]:
        change = np.diff(levels, prepend=np.uint16(0))
        yield (change >> 8).astype(np.uint8).tobytes() + (change & 255).astype(np.uint8).tobytes()


def _checked_header(data: bytes) -> tuple[_Header, tuple[int, ...], bytes]:
    """Header, channels and compressed body."""
    if len(data) < _PREFIX.size + _HEADER.size or not data.startswith(MAGIC):
        raise _refused("they are something else or cut off")
    _, version, checksum = _PREFIX.unpack_from(data)
    if version != VERSION:
        raise AudioError(
            f"This speech was stored in version {version}, this release reads {VERSION}: analyse it again."
        )
    rest = data[_PREFIX.size :]
    if zlib.crc32(rest) != checksum:
        raise _refused("they are damaged or cut off")
    header = _Header(*_HEADER.unpack_from(rest))
    channels = tuple(rest[_HEADER.size : _HEADER.size + header.num_channels])
    compressed = rest[_HEADER.size + header.num_channels :]
    _check_sizes(header, channels, len(compressed))
    return header, channels, compressed


def _check_sizes(header: _Header, channels: tuple[int, ...], num_bytes: int) -> None:
    is_known = len(channels) == header.num_channels and list(channels) == sorted(set(channels))
    if not is_known or any(channel >= len(ARKIT_BLENDSHAPES) for channel in channels):
        raise _refused("their channels are none of ARKit's")
    frames = header.num_frames
    if not (0 < frames <= MAX_HEARD_FRAMES and 0 < header.rate_hz <= MAX_RATE_HZ):
        raise _refused("their length makes no sense")
    if header.duration_denominator == 0 or header.duration_numerator == 0:
        raise _refused("their length makes no sense")
    duration_sec = Fraction(header.duration_numerator, header.duration_denominator)
    if abs(duration_sec * header.rate_hz - frames) > 2:
        raise _refused("their length makes no sense")
    if not (math.isfinite(header.effort) and header.effort >= 0.0):
        raise _refused("their effort is no number")
    # A syllable and a phrase last longer than a tenth of a second.
    most = 10 * math.ceil(duration_sec) + 10
    if max(header.num_phrases, header.num_syllables, header.num_accents) > most:
        raise _refused("they hold more syllables than anybody speaks")
    if header.body_bytes > MOST_COMPRESSED * num_bytes:
        raise _refused("they are cut off")


def _decompressed(compressed: bytes, num_bytes: int) -> bytes:
    """Exactly `num_bytes`, never more than that in memory."""
    decompressor = zlib.decompressobj()
    try:
        body = decompressor.decompress(compressed, num_bytes + 1)
    except zlib.error:
        raise _refused("they are damaged") from None
    if len(body) != num_bytes or not decompressor.eof or decompressor.unused_data:
        raise _refused("they hold less or more than they say")
    return body


def _checked_prosody(header: _Header, times: np.ndarray, duration_sec: float) -> Prosody:
    if not np.isfinite(times).all():
        raise _refused("they hold times that are not numbers")
    counts = [2 * header.num_phrases, header.num_syllables, header.num_accents]
    phrases, syllables, accents, strengths = np.split(times, np.cumsum(counts))
    for each in (phrases, syllables, accents):
        is_inside = not len(each) or (each.min() >= 0.0 and each.max() <= duration_sec + 1.0)
        if not is_inside or (np.diff(each) < 0.0).any():
            raise _refused("their syllables are not in order")
    if len(strengths) and not (strengths.min() > 0.0 and strengths.max() <= 1.0):
        raise _refused("their stresses are out of range")
    return Prosody(duration_sec, phrases.reshape(-1, 2), syllables, accents, strengths)


def _refused(reason: str) -> AudioError:
    return AudioError(f"These bytes are no heard speech ({reason}): analyse the sound again.")
