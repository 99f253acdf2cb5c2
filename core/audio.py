"""Sound files in, mono float32 waveforms out: any rate, channel count and format libsndfile reads."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import BinaryIO

import numpy as np
from jaxtyping import Float32

from .errors import AudioError
from .progress import Progress, report

SPEECH_RATE_HZ = 16_000
MIN_RATE_HZ = 2_000
MAX_RATE_HZ = 768_000
MAX_DURATION_SEC = 6 * 3600
BLOCK_FRAMES = 1 << 18
SNIFF_BYTES = 512

Decoder = Callable[[Path], tuple[np.ndarray, int]]
"""Reads a file libsndfile refuses: path → (samples `[S]` or `[S, C]` in [-1, 1], rate in Hz)."""


class UnsupportedFormatError(AudioError):
    """Sound in a container that libsndfile does not read (m4a, for one); another decoder may."""


def load_audio(
    path: Path | str,
    decoder: Decoder | None = None,
    *,
    target_rate: int | None = None,
    progress: Progress | None = None,
) -> tuple[Float32[np.ndarray, " S"], int]:
    """Read a sound file as mono float32 `[S]` and its sample rate in Hz.

    Channels are averaged. `decoder` is asked where libsndfile refuses the format. With `target_rate`
    the sound is resampled while it is read, so that an hour-long file never stands in memory whole
    at its own rate.
    """
    path = Path(path)
    with _open_file(path) as stream:
        try:
            blocks, sample_rate, num_frames = _open_blocks(path, stream)
        except UnsupportedFormatError:
            if decoder is None:
                raise
            samples, sample_rate = decoder(path)
            blocks, num_frames = _cut(np.asarray(samples, np.float32)), len(samples)
        _check_rate(path, sample_rate)
        rate = target_rate or sample_rate
        mono = _reported(_mono_blocks(path, blocks, sample_rate), num_frames, progress)
        pieces = [*_resampled(mono, sample_rate, rate)]
    waveform = np.concatenate(pieces) if pieces else np.zeros(0, np.float32)
    if waveform.size == 0:
        raise AudioError(f"'{path}' holds no sound (zero samples): choose another file.")
    report(progress, 1.0)
    return waveform, rate


def resample(
    waveform: Float32[np.ndarray, " S"],
    sample_rate: int,
    target_rate: int = SPEECH_RATE_HZ,
    progress: Progress | None = None,
) -> Float32[np.ndarray, " R"]:
    """Band-limited resampling of a mono waveform from `sample_rate` to `target_rate` Hz.

    The samples are the same whether they pass whole or block by block, as `load_audio` does it.
    """
    for rate in (sample_rate, target_rate):
        if not MIN_RATE_HZ <= rate <= MAX_RATE_HZ:
            raise AudioError(f"A sample rate of {rate} Hz is out of range: {_range_sentence()}")
    if sample_rate == target_rate or waveform.size == 0:
        return waveform
    blocks = _reported(_cut(waveform), len(waveform), progress)
    return np.concatenate([*_resampled(blocks, sample_rate, target_rate)])


def _open_file(path: Path) -> BinaryIO:
    if path.is_dir():
        raise AudioError(f"'{path}' is a folder: choose a sound file in it.")
    try:
        stream = path.open("rb")
    except FileNotFoundError:
        raise AudioError(f"There is no sound file '{path}': check the path.") from None
    except OSError as error:
        raise AudioError(
            f"'{path}' cannot be opened ({error.strerror}): check its permissions."
        ) from None
    if not stream.read(1):
        stream.close()
        raise AudioError(f"'{path}' is empty (0 bytes): choose another sound file.")
    stream.seek(0)
    return stream


def _open_blocks(path: Path, stream: BinaryIO) -> tuple[Iterator[np.ndarray], int, int]:
    """Blocks of samples `[S, C]` float32, the rate, and how many samples there may be."""
    import soundfile

    try:
        sound = soundfile.SoundFile(stream)
    except (soundfile.LibsndfileError, TypeError):
        # TypeError: soundfile asks for the layout of a file called .raw; it has no header to read.
        stream.seek(0)
        _raise_unreadable(path, stream.read(SNIFF_BYTES))

    # Files may have a thousand channels.
    frames = max(BLOCK_FRAMES // max(sound.channels, 1), 1)

    def read_blocks() -> Iterator[np.ndarray]:
        with sound:
            while True:
                try:
                    block = sound.read(frames, dtype="float32", always_2d=True)
                except soundfile.LibsndfileError as error:
                    raise AudioError(
                        f"'{path}' is damaged ({error.error_string}): export the sound again."
                    ) from None
                if not len(block):
                    return
                yield block

    return read_blocks(), sound.samplerate, sound.frames


def _raise_unreadable(path: Path, head: bytes) -> None:
    if looks_like_text(head):
        raise AudioError(
            f"'{path}' is a text file, not sound: choose a wav, flac, ogg or mp3 file."
        )
    if head[:4] in (b"RIFF", b"fLaC", b"OggS", b"FORM"):
        raise AudioError(f"'{path}' is a damaged or truncated sound file: export the sound again.")
    raise UnsupportedFormatError(
        f"'{path}' is in a format that libsndfile does not read: "
        "inside Blender it is read through aud, elsewhere convert it to wav, flac, ogg or mp3."
    )


def looks_like_text(head: bytes) -> bool:
    """Whether the first bytes of a file are words and no data."""
    controls = sum(byte < 32 and byte not in b"\t\n\r\f" for byte in head)
    if controls:
        return False
    try:
        head.decode("utf8")
    except UnicodeDecodeError as error:
        # A multi-byte letter may be cut by the end of what was read.
        return error.start > len(head) - 4
    return True


def _check_rate(path: Path, sample_rate: int) -> None:
    if not MIN_RATE_HZ <= sample_rate <= MAX_RATE_HZ:
        raise AudioError(f"'{path}' claims a rate of {sample_rate} Hz: {_range_sentence()}")


def _range_sentence() -> str:
    return f"give sound between {MIN_RATE_HZ} and {MAX_RATE_HZ} Hz."


def _mono_blocks(
    path: Path, blocks: Iterator[np.ndarray], sample_rate: int
) -> Iterator[np.ndarray]:
    num_samples = 0
    for block in blocks:
        mono = block if block.ndim == 1 else block.mean(axis=1, dtype=np.float32)
        if not np.isfinite(mono).all():
            raise AudioError(
                f"'{path}' holds samples that are not numbers: export the sound again."
            )
        num_samples += len(mono)
        if num_samples > MAX_DURATION_SEC * sample_rate:
            raise AudioError(
                f"'{path}' is longer than {MAX_DURATION_SEC // 3600} hours: cut it into parts."
            )
        yield mono


def _cut(samples: np.ndarray) -> Iterator[np.ndarray]:
    """`samples` in blocks."""
    for first in range(0, len(samples), BLOCK_FRAMES):
        yield samples[first : first + BLOCK_FRAMES]


def _reported(
    blocks: Iterator[np.ndarray], num_samples: int, progress: Progress | None
) -> Iterator[np.ndarray]:
    """The same blocks; `progress` hears how many of the samples have passed."""
    passed = 0
    for block in blocks:
        report(progress, min(passed / max(num_samples, 1), 1.0))
        passed += len(block)
        yield block


def _resampled(
    blocks: Iterator[np.ndarray], sample_rate: int, target_rate: int
) -> Iterator[np.ndarray]:
    if sample_rate == target_rate:
        yield from blocks
        return
    import soxr

    stream = soxr.ResampleStream(sample_rate, target_rate, 1, dtype="float32")
    for block in blocks:
        yield stream.resample_chunk(block)
    yield stream.resample_chunk(np.zeros(0, np.float32), last=True)
