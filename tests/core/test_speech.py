"""The speech network that ships, from waveform to track."""

import json
from fractions import Fraction

import numpy as np
import pytest
from gaussian_heads.core.assets import SAMPLE_SENTENCE
from gaussian_heads.core.audio import resample
from gaussian_heads.core.errors import AudioError
from gaussian_heads.core.progress import AnalysisCancelled
from gaussian_heads.core.spaces import ARKIT_INDEX
from gaussian_heads.core.speech import SpeechStyle, model

JAW, CLOSE, PRESS = (ARKIT_INDEX[n] for n in ("jawOpen", "mouthClose", "mouthPressLeft"))
RATES = [Fraction(24000, 1001), Fraction(24), Fraction(25), Fraction(30000, 1001), Fraction(60)]
FPS = Fraction(30)


@pytest.fixture(scope="module")
def phones():
    return json.loads(SAMPLE_SENTENCE.with_name("sample.phones.json").read_text("utf8"))


# What jawOpen, mouthClose and mouthPress (both sides) at 1 do to the gap of ICT-FaceKit's inner lips.
GAP_MM = {JAW: 32.8, CLOSE: -38.9, PRESS: -2.5}
CLOSED_MM = 0.5


def parting(codes):
    """Lip gap in millimetres of ICT-FaceKit's head, from the weights that open and close it most."""
    return sum(codes[:, channel] * gap for channel, gap in GAP_MM.items())


def within(track, start_sec, end_sec):
    """Codes of the frames from one before `start_sec` to one after `end_sec`."""
    times, frame_sec = track.times_sec(), float(1 / track.fps)
    return track.layers["speech"][(times >= start_sec - frame_sec) & (times <= end_sec + frame_sec)]


def test_track_has_its_layers_and_covers_the_sound(speech, sentence):
    waveform, rate = sentence
    track = speech.track(waveform, rate, fps=FPS)
    assert (
        set(track.layers) == {"speech", "upper_face", "blink", "gaze"}
        and track.code_space == "arkit52"
    )
    assert track.num_frames == -(-len(waveform) * 30 // rate)
    codes = track.layers["speech"]
    assert codes.min() >= 0 and codes.max() <= 1
    assert not codes[:, ARKIT_INDEX["eyeBlinkLeft"]].any()


@pytest.mark.parametrize("fps", RATES, ids=str)
def test_lips_close_on_the_sample_sentences_p_b_m_at_any_rate(speech, sentence, phones, fps):
    track = speech.track(*sentence, fps=fps)
    bilabials = [phone for phone in phones if phone[0] in "pbm"]
    closed = [parting(within(track, start, end)).min() < CLOSED_MM for _, start, end in bilabials]
    assert len(closed) == 19 and np.mean(closed) >= 0.8


def test_lips_part_on_the_sample_sentences_open_vowels(speech, sentence, phones):
    track = speech.track(*sentence, fps=FPS)
    vowels = [phone for phone in phones if phone[0] in ("aa", "ae", "ao", "ay", "eh", "ah")]
    opened = [parting(within(track, start, end)).max() for _, start, end in vowels]
    assert len(opened) > 8 and np.mean(np.array(opened) > 2.5) >= 0.9


def test_lips_round_for_rounded_sounds(speech, sentence, phones):
    codes = speech.track(*sentence, fps=FPS)

    def rounding(names):
        chosen = [within(codes, start, end) for name, start, end in phones if name in names]
        names = [ARKIT_INDEX["mouthPucker"], ARKIT_INDEX["mouthFunnel"]]
        return np.mean([piece[:, names].sum(1).max() for piece in chosen])

    assert rounding(("w", "uw", "ow")) > rounding(("iy", "s", "z", "ih")) + 0.15


def test_silence_and_faint_hiss_leave_the_mouth_at_rest(speech):
    hiss = np.random.default_rng(0).normal(0, 1e-4, 48_000).astype(np.float32)
    for waveform in (np.zeros(48_000, np.float32), hiss):
        codes = speech.track(waveform, 16_000, fps=FPS).layers["speech"]
        assert codes[:, JAW].max() < 0.05 and codes.max() < 0.1


def test_mouth_rests_in_the_pause_before_a_sentence(speech, sentence):
    waveform, rate = sentence
    delayed = np.concatenate([np.zeros(2 * rate, np.float32), waveform])
    codes = speech.track(delayed, rate, fps=FPS).layers["speech"]
    assert codes[:50, JAW].max() < 0.05 < codes[60:, JAW].max()


@pytest.mark.parametrize("offset", [0.0, 0.05])
@pytest.mark.parametrize("silent_ms", [0, 7, 20, 50, 110, 500])
def test_mouth_rests_until_the_first_word(speech, sentence, phones, silent_ms, offset):
    """A file begins with the noise of its room, or with digital silence and then that noise."""
    waveform, rate = sentence
    first_word_sec = phones[0][2]
    assert phones[0][0] == "pau" and first_word_sec > 0.15
    silent = np.full(silent_ms * rate // 1000, offset, np.float32)
    sound = np.concatenate([silent, waveform + np.float32(offset)])
    curves = speech.curves(sound, rate)
    resting = round(100 * (silent_ms / 1000 + first_word_sec - 0.08))
    assert curves.arkit[:resting].max() < 0.02 and curves.lip_closure[:resting].max() < 0.02
    assert curves.voice[: resting - 4].max() < 0.15
    assert curves.arkit[resting:, JAW].max() > 0.3


def test_rates_show_the_same_motion(speech, sentence):
    fine = speech.track(*sentence, fps=Fraction(100))
    for fps in RATES:
        track = speech.track(*sentence, fps=fps)
        for channel in (JAW, ARKIT_INDEX["mouthPucker"]):
            curve = track.layers["speech"][:, channel]
            expected = np.interp(
                track.times_sec(), fine.times_sec(), fine.layers["speech"][:, channel]
            )
            assert np.corrcoef(curve, expected)[0, 1] > 0.97
            assert np.abs(curve - expected).mean() < 0.02


def test_analysis_is_deterministic_and_the_seed_leaves_the_mouth_alone(speech, sentence):
    first, again = (speech.track(*sentence, fps=FPS, seed=3) for _ in range(2))
    other = speech.track(*sentence, fps=FPS, seed=4)
    assert all(np.array_equal(first.layers[name], again.layers[name]) for name in first.layers)
    assert np.array_equal(first.head_pose, again.head_pose)
    assert np.array_equal(first.layers["speech"], other.layers["speech"])
    assert not np.array_equal(first.head_pose, other.head_pose)
    for name in ("upper_face", "blink", "gaze"):
        assert not np.array_equal(first.layers[name], other.layers[name])


def test_pieces_of_a_long_sound_meet_without_a_seam(speech, sentence, monkeypatch):
    waveform, rate = sentence
    long = np.tile(waveform, 6)
    whole = speech.curves(long, rate)
    monkeypatch.setattr(model, "CHUNK_FRAMES", 700)
    pieces = speech.curves(long, rate)
    for name in ("arkit", "lip_closure", "voice"):
        one, other = getattr(whole, name), getattr(pieces, name)
        assert one.shape == other.shape and np.abs(one - other).max() < 1e-3


def test_sample_rate_of_the_sound_does_not_matter(speech, sentence):
    waveform, rate = sentence
    expected = speech.track(waveform, rate, fps=FPS).layers["speech"]
    upsampled = resample(waveform, rate, 44_100)
    codes = speech.track(upsampled, 44_100, fps=FPS).layers["speech"]
    shared = min(len(codes), len(expected))
    assert np.abs(codes[:shared] - expected[:shared]).mean() < 0.01


def test_loudness_of_the_sound_does_not_matter(speech, sentence):
    waveform, rate = sentence
    expected = speech.track(waveform, rate, fps=FPS).layers["speech"]
    codes = speech.track(0.05 * waveform, rate, fps=FPS).layers["speech"]
    assert np.abs(codes - expected).mean() < 0.01


@pytest.mark.parametrize("fps", [Fraction(24), Fraction(25)], ids=str)
def test_a_later_start_shows_the_same_frames(speech, sentence, fps):
    whole = speech.track(*sentence, fps=fps, seed=1)
    late = speech.track(*sentence, fps=fps, start_sec=2.0, seed=1)
    first = int(2 * fps)
    assert late.num_frames == whole.num_frames - first and late.start_sec == 2.0
    for name, codes in late.layers.items():
        assert np.allclose(codes, whole.layers[name][first:], atol=1e-5)
    assert np.allclose(late.head_pose, whole.head_pose[first:], atol=1e-7)


def test_a_start_before_the_sound_waits_at_rest(speech, sentence):
    track = speech.track(*sentence, fps=Fraction(25), start_sec=-1.0)
    assert track.layers["speech"][:20, JAW].max() < 0.05


def test_articulation_scales_the_mouth_and_keeps_closures(speech, sentence, phones):
    plain = speech.track(*sentence, fps=FPS)
    small = speech.track(*sentence, fps=FPS, style=SpeechStyle(articulation=0.5))
    assert np.allclose(small.layers["speech"], 0.5 * plain.layers["speech"], atol=1e-6)
    bilabials = [phone for phone in phones if phone[0] in "pbm"]
    closed = [parting(within(small, start, end)).min() < CLOSED_MM for _, start, end in bilabials]
    assert np.mean(closed) >= 0.85


def test_very_short_sounds_work(speech):
    for num_samples in (1, 100, 321):
        track = speech.track(np.full(num_samples, 0.1, np.float32), 16_000, fps=FPS)
        assert track.num_frames == 1


def test_progress_rises_to_one_and_may_stop_the_analysis(speech, sentence, monkeypatch):
    monkeypatch.setattr(model, "CHUNK_FRAMES", 200)
    told = []
    speech.track(*sentence, fps=FPS, progress=told.append)
    assert told == sorted(told) and told[0] == 0 and told[-1] == 1 and len(told) >= 4
    with pytest.raises(AnalysisCancelled):
        speech.track(*sentence, fps=FPS, progress=lambda done: done < 0.5)


BAD_SOUNDS = {
    "zero samples": np.zeros(0, np.float32),
    "not numbers": np.array([0, np.nan, 0], np.float32),
    "not numbers ": np.array([0, np.inf, 0], np.float32),
}


@pytest.mark.parametrize("reason", BAD_SOUNDS)
def test_bad_sounds_are_refused(speech, reason):
    with pytest.raises(AudioError, match=reason.strip()):
        speech.curves(BAD_SOUNDS[reason], 16_000)


def test_a_start_after_the_end_is_refused(speech, sentence):
    with pytest.raises(AudioError, match="ends at 7.46 s"):
        speech.track(*sentence, fps=FPS, start_sec=7.5)


@pytest.mark.parametrize(
    "values",
    [{"articulation": -1}, {"blinks_per_min": float("nan")}, {"gaze": 2.5}, {"head": -0.1}],
)
def test_styles_out_of_range_are_refused(values):
    with pytest.raises(AudioError, match=next(iter(values))):
        SpeechStyle(**values)
