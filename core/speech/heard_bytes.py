"""Heard speech as it is held and stored (docs/FORMAT.md): levels whose second differences are compressed.

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
from jaxtyping import UInt16

from ..errors import AudioError
from ..spaces import ARKIT_BLENDSHAPES
from .prosody import Prosody
from .style import STYLE_LIMITS

MAGIC, VERSION = b"GHHEARD\0", 1
MAX_RATE_HZ = 1000
# Twelve hours of 30 channels that move at 100 frames a second.
MAX_LEVELS = 2**27
MAX_DURATION_SEC = 86_400
COMPRESSION_LEVEL = 9
# zlib makes nothing smaller than by this.
MOST_COMPRESSED = 1032
PIECE_BYTES = 2**20
_PREFIX = struct.Struct("<8sHI")
_HEADER = struct.Struct("<HHHIQIdIII")


@dataclass(frozen=True, eq=False)
class StoredSpeech:
    """Mouth curves of some ARKit channels in whole levels, and the prosody of a sound.

    Row `i` lies at `(i + 0.5) / rate_hz` seconds of the sound, which lasts `duration_sec`. `levels` are
    weights of `channels`, ascending indices of ARKit-52, and `closure_levels` how far the lips touch, both 0
    to 65 535 for 0 to 1. `effort` is that of the style it was heard with.
    """

    channels: tuple[int, ...]
    levels: UInt16[np.ndarray, "F C"]
    closure_levels: UInt16[np.ndarray, " F"]
    rate_hz: int
    duration_sec: Fraction
    prosody: Prosody
    effort: float = 1.0

    def __post_init__(self) -> None:
        num_levels = len(self.levels) * (len(self.channels) + 1)
        if num_levels > MAX_LEVELS or self.duration_sec > MAX_DURATION_SEC:
            raise AudioError(
                f"A sound of {float(self.duration_sec) / 3600:.1f} hours is more than can be kept: "
                "cut it into shorter ones."
            )

    def to_bytes(self) -> bytes:
        """Compact bytes, some 70 kB for a minute of speech."""
        columns, of_channel = _distinct([*self.levels.T, self.closure_levels])
        prosody = self.prosody
        header = _Header(
            len(self.channels),
            len(columns),
            self.rate_hz,
            len(self.levels),
            *self.duration_sec.as_integer_ratio(),
            self.effort,
            len(prosody.phrases),
            len(prosody.syllables_sec),
            len(prosody.accents_sec),
        )
        compressor = zlib.compressobj(COMPRESSION_LEVEL)
        body = [compressor.compress(piece) for piece in _planes(columns)]
        times = (prosody.phrases, prosody.syllables_sec, prosody.accents_sec, prosody.strengths)
        body += [compressor.compress(np.ascontiguousarray(each, "<f8").tobytes()) for each in times]
        start = _HEADER.pack(*astuple(header)) + bytes(self.channels) + bytes(of_channel)
        rest = b"".join([start, *body, compressor.flush()])
        return _PREFIX.pack(MAGIC, VERSION, zlib.crc32(rest)) + rest

    @classmethod
    def from_bytes(cls, data: object) -> StoredSpeech:
        """What `to_bytes` wrote, of this class; raises `AudioError` with the reason where it is something else."""
        header, rest = _read_header(data)
        size = header.num_channels
        channels, of_channel = tuple(rest[:size]), list(rest[size : 2 * size + 1])
        compressed = rest[2 * size + 1 :]
        header.check(channels, of_channel, len(compressed))
        body = _Body(compressed)
        columns = [_column(body, header.num_frames) for _ in range(header.num_columns)]
        times = np.frombuffer(body.read(8 * header.num_times), "<f8").astype(np.float64)
        body.require_end()
        levels = np.empty((header.num_frames, size), np.uint16)
        for index, column in enumerate(of_channel[:-1]):
            levels[:, index] = columns[column]
        return cls(
            channels,
            levels,
            columns[of_channel[-1]],
            header.rate_hz,
            header.duration_sec,
            header.prosody(times),
            header.effort,
        )


@dataclass(frozen=True)
class _Header:
    """The fields of the header in their order."""

    num_channels: int
    num_columns: int
    rate_hz: int
    num_frames: int
    duration_numerator: int
    duration_denominator: int
    effort: float
    num_phrases: int
    num_syllables: int
    num_accents: int

    @property
    def num_times(self) -> int:
        return 2 * self.num_phrases + self.num_syllables + 2 * self.num_accents

    @property
    def duration_sec(self) -> Fraction:
        return Fraction(self.duration_numerator, self.duration_denominator)

    def check(self, channels: tuple[int, ...], of_channel: list[int], num_bytes: int) -> None:
        """Refuse sizes that do not go together, or that `num_bytes` cannot hold."""
        if len(of_channel) != self.num_channels + 1 or list(channels) != sorted(set(channels)):
            raise _refused("its channels make no sense")
        if max(channels, default=0) >= len(ARKIT_BLENDSHAPES):
            raise _refused("its channels make no sense")
        if not 0 < self.num_columns <= len(of_channel) or max(of_channel) >= self.num_columns:
            raise _refused("its channels make no sense")
        if min(self.num_frames, self.rate_hz, self.duration_numerator) == 0:
            raise _refused("its length makes no sense")
        if self.rate_hz > MAX_RATE_HZ or self.duration_denominator == 0:
            raise _refused("its length makes no sense")
        is_far = abs(self.duration_sec * self.rate_hz - self.num_frames) > 2
        if is_far or self.duration_sec > MAX_DURATION_SEC:
            raise _refused("its length makes no sense")
        # `nan` is not within any limits.
        least, most = STYLE_LIMITS["effort"]
        if not least <= self.effort <= most:
            raise _refused("its effort is out of range")
        # Syllables and phrases last a tenth of a second and more.
        events = max(self.num_phrases, self.num_syllables, self.num_accents)
        if events > 10 * math.ceil(self.duration_sec) + 10:
            raise _refused("it has more syllables than anybody can speak")
        num_levels = self.num_frames * (self.num_channels + 1)
        body_bytes = 2 * self.num_frames * self.num_columns + 8 * self.num_times
        if num_levels > MAX_LEVELS or body_bytes > MOST_COMPRESSED * num_bytes:
            raise _refused("it is shorter than it says")

    def prosody(self, times: np.ndarray) -> Prosody:
        """Prosody from its times and strengths one after the other."""
        if not np.isfinite(times).all():
            raise _refused("its times are not numbers")
        counts = [2 * self.num_phrases, self.num_syllables, self.num_accents]
        *moments, strengths = np.split(times, np.cumsum(counts))
        duration_sec = float(self.duration_sec)
        for each in moments:
            is_inside = not len(each) or (each[0] >= 0.0 and each[-1] <= duration_sec + 1.0)
            if not is_inside or (np.diff(each) < 0.0).any():
                raise _refused("its times are out of order")
        if len(strengths) and not (strengths.min() > 0.0 and strengths.max() <= 1.0):
            raise _refused("its stresses are out of range")
        phrases, syllables, accents = moments
        return Prosody(duration_sec, phrases.reshape(-1, 2), syllables, accents, strengths)


class _Body:
    """The compressed part, unpacked as far as it is asked for."""

    def __init__(self, compressed: bytes) -> None:
        self._decompressor = zlib.decompressobj()
        self._left = compressed

    def read(self, num_bytes: int) -> bytes:
        """The next bytes, exactly so many."""
        pieces, missing = [], num_bytes
        while missing:
            piece = self._piece(min(missing, PIECE_BYTES))
            if not piece:
                raise _refused("it is shorter than it says")
            pieces.append(piece)
            missing -= len(piece)
        return b"".join(pieces)

    def require_end(self) -> None:
        """Refuse what goes on."""
        if self._piece(1) or self._decompressor.unused_data or not self._decompressor.eof:
            raise _refused("it does not end where it says")

    def _piece(self, most_bytes: int) -> bytes:
        try:
            piece = self._decompressor.decompress(self._left, most_bytes)
        except zlib.error:
            raise _refused("it is damaged") from None
        self._left = self._decompressor.unconsumed_tail
        return piece


def _distinct(columns: list[np.ndarray]) -> tuple[list[np.ndarray], list[int]]:
    """Columns that differ, and which of them each is: both sides of a mouth often move alike."""
    kept: list[np.ndarray] = []
    numbers = []
    for column in columns:
        same = (number for number, other in enumerate(kept) if np.array_equal(other, column))
        number = next(same, len(kept))
        if number == len(kept):
            kept.append(column)
        numbers.append(number)
    return kept, numbers


def _planes(columns: list[np.ndarray]) -> Iterator[bytes]:
    """Each column's second differences modulo 65 536: their high bytes, then their low bytes."""
    for column in columns:
        change = np.diff(column, n=2, prepend=np.zeros(2, np.uint16))
        yield (change >> 8).astype(np.uint8).tobytes()
        yield (change & 255).astype(np.uint8).tobytes()


def _column(body: _Body, num_frames: int) -> UInt16[np.ndarray, " F"]:
    high, low = (np.frombuffer(body.read(num_frames), np.uint8) for _ in range(2))
    change = (high.astype(np.uint16) << 8) | low
    return np.cumsum(np.cumsum(change, dtype=np.uint16), dtype=np.uint16)


def _read_header(data: object) -> tuple[_Header, bytes]:
    """The header, and what comes after it."""
    if not isinstance(data, bytes) or not data.startswith(MAGIC):
        raise _refused("it is something else")
    if len(data) < _PREFIX.size + _HEADER.size:
        raise _refused("it is cut off")
    _, version, checksum = _PREFIX.unpack_from(data)
    if version != VERSION:
        raise AudioError(
            f"This heard speech is of version {version}, this release reads version {VERSION}: "
            "analyse the sound again."
        )
    if zlib.crc32(memoryview(data)[_PREFIX.size :]) != checksum:
        raise _refused("it is damaged or cut off")
    header = _Header(*_HEADER.unpack_from(data, _PREFIX.size))
    return header, data[_PREFIX.size + _HEADER.size :]


def _refused(reason: str) -> AudioError:
    return AudioError(
        f"This is no heard speech that can be read ({reason}): analyse the sound again."
    )
