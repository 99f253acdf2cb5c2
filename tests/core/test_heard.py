"""Heard speech: performed in any style without the network, and kept as bytes."""

import struct
import tracemalloc
import zlib
from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest
from gaussian_heads.core.errors import AudioError
from gaussian_heads.core.progress import AnalysisCancelled
from gaussian_heads.core.spaces import ARKIT_INDEX
from gaussian_heads.core.speech import HeardSpeech, Prosody, SpeechStyle
from gaussian_heads.core.speech.heard_bytes import _HEADER, _PREFIX
from gaussian_heads.core.speech.mouth import MouthCurves

FPS = Fraction(24)
JAW, CLOSE, PRESS = (ARKIT_INDEX[n] for n in ("jawOpen", "mouthClose", "mouthPressLeft"))
LIPS = [ARKIT_INDEX[n] for n in ("mouthLowerDownLeft", "mouthUpperUpLeft")]
LEVEL = 1.0 / 65_535


@pytest.fixture(scope="module")
def heard(speech, sentence):
    return speech.listen(*sentence)


@pytest.fixture(scope="module")
def data(heard):
    return heard.to_bytes()


def require_same(track, other):
    assert track.layers.keys() == other.layers.keys()
    for name, codes in track.layers.items():
        assert np.array_equal(codes, other.layers[name]), name
    assert np.array_equal(track.head_pose, other.head_pose)


def repeated(heard, times):
    """Heard speech that says the same again and again."""
    prosody, duration_sec = heard.prosody, Fraction(len(heard.levels), heard.rate_hz)
    length = float(duration_sec)

    def each(moments):
        return np.concatenate([moments + i * length for i in range(times)])

    whole = Prosody(
        length * times,
        each(prosody.phrases),
        each(prosody.syllables_sec),
        each(prosody.accents_sec),
        np.tile(prosody.strengths, times),
    )
    return replace(
        heard,
        levels=np.tile(heard.levels, (times, 1)),
        closure_levels=np.tile(heard.closure_levels, times),
        duration_sec=duration_sec * times,
        prosody=whole,
    )


STYLES = {
    "as heard": {},
    "jaw, little": {"jaw": 0.3},
    "jaw, much": {"jaw": 2.0},
    "no lips": {"lips": 0.0},
    "lips": {"lips": 1.5},
    "rounding": {"rounding": 0.4},
    "rounded": {"rounding": 2.0},
    "all": {"jaw": 0.6, "lips": 1.3, "rounding": 0.5},
    "effort": {"effort": 2.0, "jaw": 1.2},
}


@pytest.mark.parametrize("name", STYLES)
def test_gains_after_hearing_are_those_of_the_network(speech, sentence, name):
    """To a level of what is stored, wherever the network's own curve does not saturate."""
    style = SpeechStyle(**STYLES[name])
    wanted = speech.curves(*sentence, style=style)
    heard = speech.listen(*sentence, effort=style.effort)
    levels = heard.levels.astype(np.float32) / 65_535
    closure = heard.closure_levels.astype(np.float32) / 65_535
    found = np.zeros_like(wanted.arkit)
    curves = MouthCurves(heard.channels, levels, closure)
    found[:, heard.channels] = curves.styled(style, heard.rate_hz)
    free = wanted.arkit < 1.0
    assert free.mean() > 0.99
    gain = max(style.jaw, style.lips, style.rounding, 1.0)
    assert np.abs(found - wanted.arkit)[free].max() < 1.5 * gain * LEVEL
    plain = speech.curves(*sentence, style=SpeechStyle(effort=style.effort)).arkit
    if style != SpeechStyle(effort=style.effort):
        assert np.abs(plain - wanted.arkit).max() > 0.05


@pytest.mark.parametrize("name", STYLES)
def test_lips_stay_as_closed_as_they_were_heard(heard, name):
    plain = heard.perform(fps=FPS).layers["speech"]
    shown = heard.perform(fps=FPS, style=SpeechStyle(**STYLES[name])).layers["speech"]
    touching = plain[:, PRESS] > 0.9 * 0.28
    assert touching.sum() > 15
    assert np.allclose(shown[touching][:, PRESS], plain[touching][:, PRESS], atol=LEVEL)
    assert (shown[touching][:, CLOSE] > 0.75 * shown[touching][:, JAW] - 0.001).all()
    assert shown[touching][:, LIPS].max() < 0.05


def test_mouth_close_follows_a_jaw_that_opens_no_further():
    """A jaw of .8 at a gain of 2 stops at 1, and mouthClose keeps its part of it."""
    weights = np.array([[0.8, 0.688], [0.2, 0.172], [0.0, 0.0]], np.float32)
    curves = MouthCurves((JAW, CLOSE), weights, np.ones(3, np.float32))
    shown = curves.styled(SpeechStyle(jaw=2.0), 100)
    assert np.allclose(shown, [[1.0, 0.86], [0.4, 0.344], [0.0, 0.0]], atol=1e-6)


def test_a_track_is_what_was_heard_and_performed(speech, sentence):
    style = SpeechStyle(jaw=0.8, effort=1.5, sync_ms=30.0, smoothing_ms=40.0, gaze=0.5)
    options = {"fps": FPS, "start_sec": 0.5, "seed": 5, "style": style}
    performed = speech.listen(*sentence, effort=1.5).perform(**options)
    require_same(speech.track(*sentence, **options), performed)


def test_stored_speech_performs_to_the_bit_as_heard(heard, data):
    style = SpeechStyle(jaw=1.3, lips=0.7, smoothing_ms=60.0, sync_ms=-40.0)
    stored = HeardSpeech.from_bytes(data)
    for fps in (FPS, Fraction(30_000, 1001), Fraction(60)):
        for chosen in (None, style):
            options = {"fps": fps, "seed": 2, "style": chosen}
            require_same(stored.perform(**options), heard.perform(**options))
    assert stored.to_bytes() == data and stored.effort == 1.0
    assert stored.duration_sec == heard.duration_sec


def test_stored_speech_is_small(heard, data):
    assert len(data) / float(heard.duration_sec) * 60 < 110e3
    # Both sides of a mouth that moves alike are stored once.
    left, right = (heard.channels.index(ARKIT_INDEX[f"mouthSmile{s}"]) for s in ("Left", "Right"))
    assert np.array_equal(heard.levels[:, left], heard.levels[:, right])
    apart = heard.levels.copy()
    apart[:, right] ^= np.random.default_rng(0).integers(0, 256, len(apart), np.uint16)
    uneven = replace(heard, levels=apart)
    assert len(uneven.to_bytes()) > len(data) + 500
    assert np.array_equal(HeardSpeech.from_bytes(uneven.to_bytes()).levels, apart)


def test_frames_may_be_counted_and_lie_outside_the_sound(heard):
    wanted = heard.perform(fps=FPS, seed=1)
    wide = heard.perform(fps=FPS, start_sec=-2.0, num_frames=wanted.num_frames + 96, seed=1)
    inside = slice(48, 48 + wanted.num_frames)
    assert np.allclose(wide.layers["speech"][inside], wanted.layers["speech"], atol=1e-5)
    assert not wide.layers["speech"][:45].any() and not wide.layers["speech"][-42:].any()
    few = heard.perform(fps=FPS, start_sec=3.0, num_frames=3)
    assert few.num_frames == 3 and few.start_sec == 3.0


@pytest.mark.parametrize("options", [{"num_frames": 0}, {"num_frames": -3}, {"start_sec": 8.0}])
def test_performances_of_no_frames_are_refused(heard, options):
    with pytest.raises(AudioError, match="give 1 or more|earlier start"):
        heard.perform(fps=FPS, **options)


@pytest.mark.parametrize("frames", [6, -6])
def test_sync_moves_all_layers_together(heard, frames):
    """Positive: what was seen at frame t is seen `frames` later."""
    sync_ms = 1000 * frames / 24
    plain = heard.perform(fps=FPS, seed=4)
    moved = heard.perform(fps=FPS, seed=4, style=SpeechStyle(sync_ms=sync_ms))
    assert moved.num_frames == plain.num_frames and moved.start_sec == plain.start_sec
    then, now = (
        slice(max(frames, 0), min(frames, 0) or None),
        slice(max(-frames, 0), -frames if frames > 0 else None),
    )
    for name, codes in plain.layers.items():
        assert np.allclose(moved.layers[name][then], codes[now], atol=2e-5), name
    assert np.allclose(moved.head_pose[then], plain.head_pose[now], atol=1e-5)
    resting = moved.layers["speech"][:3] if frames > 0 else moved.layers["speech"][-1:]
    assert not resting.any()


def test_smoothing_calms_the_mouth_without_a_delay(heard):
    fps = Fraction(100)
    tracks = {
        ms: heard.perform(fps=fps, style=SpeechStyle(smoothing_ms=ms)) for ms in (0, 40, 100, 200)
    }
    jaws = {ms: track.layers["speech"][:, JAW].astype(np.float64) for ms, track in tracks.items()}
    speeds = [np.abs(np.diff(jaw)).mean() for jaw in jaws.values()]
    assert speeds == sorted(speeds, reverse=True) and speeds[-1] < 0.5 * speeds[0]
    for ms in (40, 100, 200):
        shifts = range(-8, 9)
        fits = [np.corrcoef(jaws[0][20:-20], np.roll(jaws[ms], s)[20:-20])[0, 1] for s in shifts]
        assert abs(shifts[int(np.argmax(fits))]) <= 1
        assert abs(jaws[ms].mean() - jaws[0].mean()) < 0.01
    for name in ("upper_face", "blink", "gaze"):
        assert np.array_equal(tracks[0].layers[name], tracks[200].layers[name])


@pytest.mark.parametrize("smoothing_ms", [30.0, 100.0, 200.0])
def test_smoothing_opens_no_lips(heard, smoothing_ms):
    plain = heard.perform(fps=FPS).layers["speech"]
    smooth = heard.perform(fps=FPS, style=SpeechStyle(smoothing_ms=smoothing_ms)).layers["speech"]
    assert smooth.min() >= 0.0 and smooth.max() <= 1.0
    touching = plain[:, PRESS] > 0.97 * 0.28
    assert touching.sum() > 15
    assert np.allclose(smooth[touching][:, PRESS], plain[touching][:, PRESS], atol=LEVEL)
    assert (smooth[touching][:, CLOSE] > 0.82 * smooth[touching][:, JAW] - 0.001).all()
    assert smooth[touching][:, LIPS].max() < 0.03


def test_smoothing_shorter_than_a_row_changes_nothing(heard):
    require_same(
        heard.perform(fps=FPS), heard.perform(fps=FPS, style=SpeechStyle(smoothing_ms=9.0))
    )


def test_silence_is_heard_as_no_channel_and_kept(speech):
    heard = speech.listen(np.zeros(16_000, np.float32), 16_000)
    stored = HeardSpeech.from_bytes(heard.to_bytes())
    require_same(stored.perform(fps=FPS), heard.perform(fps=FPS))
    nothing = replace(heard, channels=(), levels=heard.levels[:, :0])
    assert not HeardSpeech.from_bytes(nothing.to_bytes()).perform(fps=FPS).layers["speech"].any()


def test_progress_of_a_performance_rises_and_may_stop_it(heard):
    told = []
    repeated(heard, 200).perform(fps=FPS, progress=told.append)
    assert told == sorted(told) and told[0] == 0 and told[-1] == 1 and len(told) >= 4
    with pytest.raises(AnalysisCancelled):
        heard.perform(fps=FPS, progress=lambda done: done < 0.5)


def test_an_hour_is_performed_and_kept_within_bounded_memory(heard):
    """An hour at 24 frames a second: a track is 18 MB for each layer, and what is heard 13 MB."""
    hour = repeated(heard, 483)
    assert hour.duration_sec > 3600
    tracemalloc.start()
    try:
        stored = hour.to_bytes()
        packed_bytes = tracemalloc.get_traced_memory()[1]
        tracemalloc.reset_peak()
        again = HeardSpeech.from_bytes(stored)
        unpacked_bytes = tracemalloc.get_traced_memory()[1]
        tracemalloc.reset_peak()
        track = again.perform(fps=FPS, style=SpeechStyle(smoothing_ms=200.0, jaw=1.2))
        performed_bytes = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert track.num_frames == -(-hour.duration_sec * FPS // 1)
    assert packed_bytes < 40e6 and unpacked_bytes < 60e6
    held = sum(codes.nbytes for codes in track.layers.values()) + again.levels.nbytes
    assert performed_bytes < held + 110e6
    once = heard.perform(fps=FPS, style=SpeechStyle(smoothing_ms=200.0, jaw=1.2))
    assert track.layers["speech"].max() == pytest.approx(once.layers["speech"].max(), abs=0.05)


def resealed(data, **changes):
    """The bytes with fields of the header changed and the checksum made right again."""
    names = ("channels", "columns", "rate", "frames", "numerator", "denominator", "effort")
    names += ("phrases", "syllables", "accents")
    values = dict(zip(names, _HEADER.unpack_from(data, _PREFIX.size), strict=True)) | changes
    rest = _HEADER.pack(*values.values()) + data[_PREFIX.size + _HEADER.size :]
    return sealed(rest)


def sealed(rest, version=1):
    return _PREFIX.pack(b"GHHEARD\0", version, zlib.crc32(rest)) + rest


@pytest.mark.parametrize("part", [0.0, 0.001, 0.004, 0.1, 0.5, 0.999])
def test_bytes_that_are_cut_off_are_refused(data, part):
    with pytest.raises(AudioError, match="analyse the sound again"):
        HeardSpeech.from_bytes(data[: int(part * len(data))])


def test_any_changed_byte_is_refused(data):
    for position in np.random.default_rng(1).integers(0, len(data), 300):
        changed = bytearray(data)
        changed[position] ^= 0x41
        with pytest.raises(AudioError, match="analyse the sound again"):
            HeardSpeech.from_bytes(bytes(changed))


@pytest.mark.parametrize("value", [None, "text", 3, [1, 2], b"", b"GHHEARD\0", b"\0" * 4000])
def test_what_is_no_stored_speech_is_refused(value):
    with pytest.raises(AudioError, match="analyse the sound again"):
        HeardSpeech.from_bytes(value)


def test_a_later_version_is_refused_by_name(data):
    with pytest.raises(AudioError, match="of version 2, this release reads version 1"):
        HeardSpeech.from_bytes(sealed(data[_PREFIX.size :], version=2))


LIES = [
    {"channels": 60_000}, {"channels": 16}, {"columns": 0}, {"columns": 400}, {"columns": 1},
    {"rate": 0}, {"rate": 60_000}, {"frames": 0}, {"frames": 745}, {"frames": 2**32 - 1},
    {"frames": 2**31, "numerator": 2**31, "denominator": 100}, {"denominator": 0},
    {"numerator": 0}, {"numerator": 2**63}, {"effort": float("nan")}, {"effort": -1.0},
    {"effort": float("inf")}, {"phrases": 2**32 - 1}, {"syllables": 2**31}, {"accents": 100},
    {"phrases": 3}, {"syllables": 5},
]  # fmt: skip


@pytest.mark.parametrize("lies", LIES, ids=str)
def test_headers_that_lie_are_refused(data, lies):
    with pytest.raises(AudioError, match="analyse the sound again"):
        HeardSpeech.from_bytes(resealed(data, **lies))


def test_a_bomb_is_refused_before_it_fills_the_memory():
    """200 MB of zeros in 200 kB, which say that they are one second, or all that fits."""
    compressor = zlib.compressobj(9)
    block = bytes(2**20)
    body = b"".join([*(compressor.compress(block) for _ in range(200)), compressor.flush()])
    for seconds in (1, 80_000):
        header = _HEADER.pack(1, 1, 100, 100 * seconds, seconds, 1, 1.0, 0, 0, 0)
        tracemalloc.start()
        try:
            with pytest.raises(AudioError, match="analyse the sound again"):
                HeardSpeech.from_bytes(sealed(header + bytes([JAW, 0, 0]) + body))
            assert tracemalloc.get_traced_memory()[1] < 80e6
        finally:
            tracemalloc.stop()


@pytest.mark.parametrize(
    "times",
    [[float("nan"), 0.5], [0.5, float("inf")], [0.5, 0.2], [-1.0, 0.5], [0.1, 9.0]],
    ids=str,
)
def test_times_that_make_no_sense_are_refused(times):
    header = _HEADER.pack(0, 1, 100, 100, 1, 1, 1.0, 1, 0, 0)
    body = zlib.compress(bytes(200) + struct.pack("<2d", *times))
    with pytest.raises(AudioError, match="its times"):
        HeardSpeech.from_bytes(sealed(header + bytes([0]) + body))
    body = zlib.compress(bytes(200) + struct.pack("<2d", 0.1, 0.5))
    assert HeardSpeech.from_bytes(sealed(header + bytes([0]) + body)).prosody.phrases[0, 1] == 0.5


def test_a_stress_out_of_range_is_refused():
    header = _HEADER.pack(0, 1, 100, 100, 1, 1, 1.0, 0, 1, 1)
    for strength in (0.0, 1.5, float("nan")):
        body = zlib.compress(bytes(200) + struct.pack("<3d", 0.1, 0.1, strength))
        with pytest.raises(AudioError, match="its stresses|its times"):
            HeardSpeech.from_bytes(sealed(header + bytes([0]) + body))
