"""The network that ships among sounds of every kind: where nobody speaks the mouth rests, and under
damage or other sounds it does what it does for the clean voice."""

import numpy as np
import pytest

pytest.importorskip("scipy")
from gaussian_heads.core.assets import SAMPLE_SENTENCE, SPEECH_MODEL
from gaussian_heads.core.audio import SPEECH_RATE_HZ, load_audio
from gaussian_heads.core.spaces import ARKIT_INDEX
from gaussian_heads.core.speech import SpeechModel
from gaussian_heads.training import speech_noises, speech_tones
from gaussian_heads.training.speech_damage import DAMAGES
from gaussian_heads.training.speech_distractors import KINDS

JAW = ARKIT_INDEX["jawOpen"]
SECONDS, SEEDS = 6, range(4)
MAKERS = {
    maker.__name__.strip("_"): maker
    for maker in (*speech_noises.NOISES, *speech_tones.TONES, KINDS["breath"], KINDS["music"])
}
# Sounds that leave the mouth at rest; some sweeps through the pitches of a voice move it.
RESTING = tuple(name for name in MAKERS if name != "sweep")
# Damages under which the mouth moves as for the clean voice, and sounds 10 dB fainter than the voice. Sound that is
# clipped hard or coded with few bits loses some closures.
FOLLOWED = tuple(name for name in DAMAGES if name not in ("hard_clipping", "low_bit_rate"))
FOLLOWED_BESIDE = tuple(KINDS)
LEAST_JAW_R, LEAST_CLOSURE_R = 0.88, 0.6


@pytest.fixture(scope="module")
def speech():
    return SpeechModel.open(SPEECH_MODEL, num_threads=1)


@pytest.fixture(scope="module")
def voice():
    return load_audio(SAMPLE_SENTENCE, target_rate=SPEECH_RATE_HZ)[0]


def heard_alone(speech, name):
    """Jaw and voice of all frames but the first half second of every example of a sound."""
    jaw, voice = [], []
    for seed in SEEDS:
        sound = MAKERS[name](SECONDS * SPEECH_RATE_HZ, np.random.default_rng(seed))
        sound = sound - sound.mean()
        level = (0.02, 0.1, 0.3, 0.9)[seed] / np.abs(sound).max()
        curves = speech.curves((level * sound).astype(np.float32), SPEECH_RATE_HZ)
        jaw.append(curves.arkit[50:, JAW])
        voice.append(curves.voice[50:])
    return np.concatenate(jaw), np.concatenate(voice)


def mean_follows(speech, voice, change):
    """Correlations of jaw and lip closure with those of the clean voice, means over seeds."""
    plain = speech.curves(voice, SPEECH_RATE_HZ)
    rows = []
    for seed in SEEDS:
        changed = change(voice.astype(np.float64), np.random.default_rng(seed))
        curves = speech.curves(changed.astype(np.float32), SPEECH_RATE_HZ)
        pairs = (curves.arkit[:, JAW], plain.arkit[:, JAW]), (curves.lip_closure, plain.lip_closure)
        rows.append([np.corrcoef(*pair)[0, 1] for pair in pairs])
    return np.mean(rows, 0)


@pytest.mark.parametrize("name", RESTING)
def test_sounds_without_a_voice_do_not_talk(speech, name):
    jaw, voice = heard_alone(speech, name)
    assert np.percentile(jaw, 99) < 0.05 and jaw.max() < 0.2
    if speech.specification.style_names:  # version 1 does not tell voices from other sounds
        assert np.percentile(voice, 95) < 0.5


def test_a_voice_moves_the_mouth_far_beyond_what_counts_as_rest(speech, voice):
    curves = speech.curves(voice, SPEECH_RATE_HZ)
    assert np.percentile(curves.arkit[:, JAW], 75) > 0.1
    assert np.mean(curves.voice > 0.5) > 0.6


@pytest.mark.parametrize("name", FOLLOWED)
def test_damage_leaves_the_motion_as_it_is(speech, voice, name):
    jaw, closure = mean_follows(speech, voice, DAMAGES[name])
    assert jaw > LEAST_JAW_R and closure > LEAST_CLOSURE_R


@pytest.mark.parametrize("kind", FOLLOWED_BESIDE)
def test_the_mouth_follows_a_voice_among_other_sounds(speech, voice, kind):
    def beside(clean, rng):
        other = KINDS[kind](len(clean), rng)
        other = other - other.mean()
        return clean + other * (np.std(clean) / np.std(other) * 10 ** (-10 / 20))

    jaw, closure = mean_follows(speech, voice, beside)
    assert jaw > LEAST_JAW_R and closure > 0.5
