"""Whatever sound comes in, the track is finite, in range and the same mouth."""

from concurrent.futures import ThreadPoolExecutor
from fractions import Fraction

import numpy as np
import pytest
from gaussian_heads.core.assets import SAMPLE_SENTENCE, SPEECH_MODEL
from gaussian_heads.core.audio import load_audio, resample
from gaussian_heads.core.spaces import ARKIT_INDEX
from gaussian_heads.core.speech import SpeechModel, SpeechStyle, model
from gaussian_heads.core.speech.style import STYLE_LIMITS

RATE = 16_000
FPS = Fraction(25)
JAW = ARKIT_INDEX["jawOpen"]
SAMPLE_RATES = [8_000, 11_025, 12_000, 22_050, 32_000, 44_100, 48_000, 88_200, 96_000, 192_000]
FRAME_RATES = [Fraction(24_000, 1001), *map(Fraction, (24, 25, 48, 50)), Fraction(60_000, 1001)]
FRAME_RATES += [*map(Fraction, (72, 90, 100)), Fraction(120_000, 1001), Fraction(120)]


@pytest.fixture(scope="module")
def speech():
    return SpeechModel.open(SPEECH_MODEL, num_threads=1)


@pytest.fixture(scope="module")
def sentence():
    """Three and a half seconds of the sample sentence at 16 kHz."""
    waveform, rate = load_audio(SAMPLE_SENTENCE)
    return resample(waveform, rate, RATE)[: 7 * RATE // 2]


@pytest.fixture(scope="module")
def plain(speech, sentence):
    return speech.curves(sentence, RATE)


def noise(size, seed=0):
    return np.random.default_rng(seed).standard_normal(size).astype(np.float32)


def tone(hz, size=RATE, amplitude=0.5):
    return (amplitude * np.sin(2 * np.pi * hz * np.arange(size) / RATE)).astype(np.float32)


def burst(size=RATE):
    """Silence, then all at once as loud as can be."""
    return np.repeat(np.array([0.0, 1.0], np.float32), size // 2) * np.sign(noise(size))


AWKWARD = {
    "silence": np.zeros(RATE, np.float32),
    "one click": np.eye(1, RATE, RATE // 2, np.float32)[0],
    "constant": np.ones(RATE, np.float32),
    "Nyquist": np.tile(np.array([1.0, -1.0], np.float32), RATE // 2),
    "low tone": tone(20.0),
    "tone": tone(440.0),
    "high tone": tone(7900.0),
    "noise": 0.3 * noise(RATE),
    "clipped noise": np.clip(10 * noise(RATE), -1, 1),
    "near silence": np.float32(1e-7) * noise(RATE),
    "denormals": np.float32(1e-40) * noise(RATE),
    "one bit": np.float32(2**-15) * np.sign(noise(RATE)),
    "peak 1000": 1000 * tone(300.0),
    "peak 1e20": np.float32(1e20) * noise(RATE),
    "greatest floats": np.finfo(np.float32).max * tone(300.0, amplitude=1.0),
    "burst": burst(),
}
CLIPPED_BY = (2.0, 3.0, 5.0, 10.0)
RESTING = ("silence", "constant", "near silence", "denormals", "one bit")


def require_sound_values(track, num_frames):
    assert track.num_frames == num_frames
    for name, codes in track.layers.items():
        assert codes.shape == (num_frames, 52), name
        assert np.isfinite(codes).all() and codes.min() >= 0 and codes.max() <= 1, name
    assert track.head_pose.shape == (num_frames, 6) and np.isfinite(track.head_pose).all()


def require_same(curves, expected, mean=0.0, most=1e-4):
    """Weights, closure and voice agree: at every frame to `most`, or on average to `mean`."""
    for name in ("arkit", "lip_closure", "voice"):
        one, other = getattr(curves, name), getattr(expected, name)
        apart = np.abs(one - other)
        assert apart.max() <= most or apart.mean() <= mean, (name, apart.max(), apart.mean())


def follows(curves, expected):
    """Correlation of the jaw's opening with the expected."""
    shared = min(len(curves.arkit), len(expected.arkit))
    return np.corrcoef(curves.arkit[:shared, JAW], expected.arkit[:shared, JAW])[0, 1]


@pytest.mark.parametrize("sample_rate", [8_000, RATE, 44_100])
@pytest.mark.parametrize("name", AWKWARD)
def test_any_sound_gives_finite_weights_in_range(speech, name, sample_rate):
    waveform = AWKWARD[name].copy()
    track = speech.track(waveform, sample_rate, fps=FPS)
    require_sound_values(track, -(-RATE * 25 // sample_rate))
    assert np.array_equal(waveform, AWKWARD[name])
    curves = speech.curves(waveform, sample_rate)
    for values in (curves.arkit, curves.lip_closure, curves.voice):
        assert np.isfinite(values).all() and values.min() >= 0 and values.max() <= 1


@pytest.mark.parametrize("name", RESTING)
def test_the_mouth_rests_where_there_is_nothing_to_hear(speech, name):
    arkit = speech.curves(np.tile(AWKWARD[name], 3), RATE).arkit
    # A constant begins and ends with a click.
    heard = arkit[50:-50]
    assert heard[:, JAW].max() < 0.05 and heard.max() < 0.15


@pytest.mark.parametrize("end", [0, 1], ids=["least", "greatest"])
def test_styles_at_their_limits_stay_in_range(speech, sentence, end):
    style = SpeechStyle(**{name: limits[end] for name, limits in STYLE_LIMITS.items()})
    for waveform in (sentence, AWKWARD["burst"], AWKWARD["peak 1000"]):
        track = speech.track(waveform, RATE, fps=FPS, style=style)
        require_sound_values(track, -(-len(waveform) * 25 // RATE))


@pytest.mark.parametrize("sample_rate", SAMPLE_RATES)
def test_any_sample_rate_moves_the_same_mouth(speech, sentence, plain, sample_rate):
    curves = speech.curves(resample(sentence, RATE, sample_rate), sample_rate)
    assert abs(len(curves.arkit) - len(plain.arkit)) <= 1
    # Below 16 kHz the hiss of s and f is gone, and with it some of what the mouth shows.
    assert follows(curves, plain) > (0.97 if sample_rate >= RATE else 0.8)


@pytest.mark.parametrize("sample_rate", [8_000, RATE, 44_100, 192_000])
@pytest.mark.parametrize("length_ms", [50, 51, 75, 100, 230, 499])
def test_sounds_from_50_ms_up_are_animated(speech, sentence, length_ms, sample_rate):
    spoken = resample(sentence[RATE : 2 * RATE], RATE, sample_rate)
    spoken = spoken[: length_ms * sample_rate // 1000]
    frames = -(-Fraction(len(spoken) * 30, sample_rate) // 1)
    require_sound_values(speech.track(spoken, sample_rate, fps=Fraction(30)), frames)


@pytest.mark.parametrize("offset", [-0.9, 0.05, 0.4, 20.0])
def test_an_offset_moves_nothing(speech, sentence, plain, offset):
    shifted = sentence + np.float32(offset) * np.abs(sentence).max()
    curves = speech.curves(shifted, RATE)
    assert follows(curves, plain) > 0.97
    assert np.abs(curves.arkit[50:] - plain.arkit[50:]).mean() < 0.01


@pytest.mark.parametrize("peak", [1e-3, 1.0, 30.0, 1000.0])
def test_level_matters_little_even_beyond_full_scale(speech, sentence, plain, peak):
    curves = speech.curves(sentence * np.float32(peak / np.abs(sentence).max()), RATE)
    assert np.abs(curves.arkit - plain.arkit).mean() < 0.01


@pytest.mark.parametrize("drive", CLIPPED_BY)
def test_clipped_speech_still_speaks(speech, sentence, plain, drive):
    clipped = np.clip(sentence * np.float32(drive / np.abs(sentence).max()), -1, 1)
    assert follows(speech.curves(clipped, RATE), plain) > 0.85


def test_polarity_does_not_matter(speech, sentence, plain):
    assert np.abs(speech.curves(-sentence, RATE).arkit - plain.arkit).mean() < 0.01


@pytest.mark.parametrize("frames", [130, 250, 1000])
def test_pieces_of_any_size_join_to_the_whole(speech, sentence, monkeypatch, frames):
    long = np.concatenate([sentence, AWKWARD["burst"], 1e-3 * sentence, AWKWARD["silence"]])
    monkeypatch.setattr(model, "CHUNK_FRAMES", 10**6)
    whole = speech.curves(long, RATE)
    monkeypatch.setattr(model, "CHUNK_FRAMES", frames)
    require_same(speech.curves(long, RATE), whole, most=1e-3)


def test_a_cut_of_a_sound_moves_as_within_the_whole(speech, sentence):
    """What lies further off than a frame's own past and future does not reach it."""
    spec = speech.specification
    long = np.tile(sentence, 3)
    whole = speech.curves(long, RATE).arkit
    step = spec.samples_step // spec.hop
    first = len(whole) // 2 // step * step
    begin = max(first - -(-spec.past_frames // step) * step, 0)
    end = first + 100 + spec.future_frames
    cut = speech.curves(long[begin * spec.hop : end * spec.hop], RATE).arkit
    assert np.abs(cut[first - begin :][:100] - whole[first : first + 100]).max() < 1e-3


@pytest.mark.parametrize("fps", FRAME_RATES, ids=str)
def test_frames_of_any_rate_show_their_own_time(speech, sentence, fps):
    track = speech.track(sentence, RATE, fps=fps, start_sec=0.13)
    seconds = Fraction(len(sentence), RATE) - Fraction(13, 100)
    require_sound_values(track, -(-seconds * fps // 1))
    assert np.allclose(np.diff(track.times_sec()), float(1 / fps))
    curves = speech.curves(sentence, RATE)
    heard_sec = (np.arange(len(curves.arkit)) + 0.5) / curves.rate_hz
    expected = np.interp(track.times_sec(), heard_sec, curves.arkit[:, JAW])
    jaw = track.layers["speech"][:, JAW]
    assert np.corrcoef(jaw, expected)[0, 1] > 0.98
    assert np.abs(jaw - expected).mean() < 0.015


def test_views_and_read_only_sound_are_taken_as_they_are(speech, sentence, plain):
    stereo = np.stack([sentence, 0 * sentence], 1)
    stereo.flags.writeable = False
    require_same(speech.curves(stereo[:, 0], RATE), plain)
    backwards = np.ascontiguousarray(sentence[::-1])
    require_same(speech.curves(backwards[::-1], RATE), plain)


def test_threads_may_share_a_model(speech, sentence, plain):
    with ThreadPoolExecutor(3) as pool:
        heard = list(pool.map(lambda _: speech.curves(sentence, RATE), range(3)))
    for curves in heard:
        require_same(curves, plain)
    require_same(SpeechModel.open(SPEECH_MODEL, num_threads=2).curves(sentence, RATE), plain)
