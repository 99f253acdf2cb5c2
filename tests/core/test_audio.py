"""Sound files of every kind to mono waveforms, and what is said of those that are none."""

import numpy as np
import pytest
import soundfile
from gaussian_heads.core import audio
from gaussian_heads.core.audio import UnsupportedFormatError, load_audio, resample
from gaussian_heads.core.errors import AudioError


def tone(hz, rate, seconds=1.0, level=0.5):
    return (level * np.sin(2 * np.pi * hz * np.arange(int(rate * seconds)) / rate)).astype("f4")


def strength(waveform, hz, rate):
    """Amplitude of the component at `hz`, away from the ends."""
    middle = waveform[len(waveform) // 4 : -len(waveform) // 4]
    turns = np.exp(-2j * np.pi * hz * np.arange(len(middle)) / rate)
    window = np.hanning(len(middle))
    return 2 * abs((middle * window * turns).sum()) / window.sum()


@pytest.mark.parametrize("extension", ["wav", "flac", "ogg", "mp3", "aiff"])
def test_channels_are_averaged_in_every_format(tmp_path, extension):
    path = tmp_path / f"tone.{extension}"
    soundfile.write(path, np.stack([tone(440, 44_100), 0 * tone(440, 44_100)], 1), 44_100)
    waveform, rate = load_audio(path)
    assert rate == 44_100 and waveform.dtype == np.float32
    assert abs(len(waveform) - 44_100) <= 2400  # mp3 pads to whole frames
    assert strength(waveform, 440, rate) == pytest.approx(0.25, abs=0.01)


@pytest.mark.parametrize("rate", [8_000, 11_025, 22_050, 48_000, 96_000])
def test_resampling_keeps_the_pitch_and_the_level(rate):
    waveform = resample(tone(1000, rate), rate, 16_000)
    assert abs(len(waveform) - 16_000) <= 1
    assert strength(waveform, 1000, 16_000) == pytest.approx(0.5, abs=0.005)


def test_resampling_removes_what_would_alias():
    assert strength(resample(tone(12_000, 48_000), 48_000), 4_000, 16_000) < 1e-3


def test_resampling_while_reading_gives_the_same(tmp_path, monkeypatch):
    path = tmp_path / "noise.wav"
    noise = np.random.default_rng(1).uniform(-0.5, 0.5, 50_000).astype("f4")
    soundfile.write(path, noise, 44_100, subtype="FLOAT")
    monkeypatch.setattr(audio, "BLOCK_FRAMES", 777)
    whole, _ = load_audio(path)
    streamed, rate = load_audio(path, target_rate=16_000)
    assert np.array_equal(whole, noise) and rate == 16_000
    expected = resample(whole, 44_100)
    assert abs(len(streamed) - len(expected)) <= 1
    assert np.abs(streamed[: len(expected)] - expected[: len(streamed)]).max() < 1e-4


def write_bytes(path, data):
    path.write_bytes(data)
    return path


def write_sound(path, samples, rate=16_000, **options):
    soundfile.write(path, np.asarray(samples, "f4"), rate, **options)
    return path


def write_truncated(path):
    write_sound(path, np.random.default_rng(0).uniform(-1, 1, 40_000))
    return write_bytes(path, path.read_bytes()[:5000])


BAD_FILES = {
    "There is no sound file": lambda folder: folder / "missing.wav",
    "is a folder": lambda folder: folder,
    "is empty": lambda folder: write_bytes(folder / "a.wav", b""),
    "is a text file": lambda folder: write_bytes(folder / "a.wav", "Grüße, mother!\n".encode()),
    "zero samples": lambda folder: write_sound(folder / "a.wav", []),
    "are not numbers": lambda folder: write_sound(
        folder / "a.wav", [0, np.nan, 0], subtype="FLOAT"
    ),
    "claims a rate of 5 Hz": lambda folder: write_sound(folder / "a.wav", np.zeros(9), 5),
    "is damaged": lambda folder: write_truncated(folder / "a.flac"),
    "damaged or truncated": lambda folder: write_bytes(folder / "a.wav", b"RIFF\x00\x00\x00\x00x"),
    "through aud": lambda folder: write_bytes(folder / "a.m4a", b"\0\0\0\x20ftypM4A " + bytes(99)),
    "does not read": lambda folder: write_bytes(folder / "a.raw", bytes(range(256))),
}


@pytest.mark.parametrize("reason", BAD_FILES)
def test_bad_files_are_refused_with_one_sentence(tmp_path, reason):
    with pytest.raises(AudioError) as caught:
        load_audio(BAD_FILES[reason](tmp_path))
    message = str(caught.value)
    assert reason in message and "\n" not in message and message.endswith(".")


def test_too_long_a_file_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(audio, "MAX_DURATION_SEC", 1)
    with pytest.raises(AudioError, match="longer than"):
        load_audio(write_sound(tmp_path / "a.wav", np.zeros(16_001)))


def test_a_decoder_reads_what_libsndfile_refuses(tmp_path):
    path = write_bytes(tmp_path / "a.m4a", b"\0\0\0\x20ftypM4A " + bytes(99))
    stereo = np.stack([np.full(900, 0.5), np.full(900, -0.1)], 1)
    waveform, rate = load_audio(path, decoder=lambda _: (stereo, 32_000))
    assert rate == 32_000 and np.allclose(waveform, 0.2)
    with pytest.raises(UnsupportedFormatError):
        load_audio(path)


def test_a_decoder_is_not_asked_for_what_libsndfile_reads(tmp_path):
    path = write_sound(tmp_path / "a.wav", tone(300, 16_000))

    def refuse(_):
        raise AssertionError("asked")

    assert len(load_audio(path, decoder=refuse)[0]) == 16_000


@pytest.mark.parametrize("rates", [(0, 16_000), (16_000, -1), (10**9, 16_000)])
def test_absurd_rates_are_refused(rates):
    with pytest.raises(AudioError, match="out of range"):
        resample(np.zeros(10, np.float32), *rates)
