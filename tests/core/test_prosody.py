"""Syllables, stresses and pauses of made-up voices with known ones, and of sounds that are no speech."""

import os
import time
from pathlib import Path

import numpy as np
import pytest
from gaussian_heads.core.audio import load_audio
from gaussian_heads.core.speech import analyse_prosody, pitch
from gaussian_heads.core.speech.pitch import track_pitch

from .voices import RATE, speak

DATA = Path(os.environ.get("GAUSSIAN_HEADS_DATA") or "missing")
RECORDINGS = sorted((DATA / "speech" / "multi_en" / "audio").glob("*.flac"))


@pytest.fixture(scope="module")
def voice():
    return speak(40.0, seed=5)


def analyse(waveform):
    return analyse_prosody(waveform.astype(np.float32), len(waveform) / RATE)


def share_near(times, others, within_sec=0.06):
    """The share of `times` that have one of the others within 60 ms."""
    return np.mean(np.abs(times[:, None] - others[None]).min(1) < within_sec)


@pytest.mark.parametrize("base_hz", [95.0, 150.0, 230.0])
def test_syllables_stresses_and_phrases_of_a_known_voice_are_found(base_hz):
    voice = speak(30.0, seed=int(base_hz), base_hz=base_hz)
    prosody = analyse(voice.waveform)
    assert share_near(voice.syllables_sec, prosody.syllables_sec) > 0.97
    assert share_near(prosody.syllables_sec, voice.syllables_sec) > 0.97
    # By chance a syllable would be stressed in one case of four.
    assert share_near(voice.stressed_sec, prosody.accents_sec) > 0.7
    assert share_near(prosody.accents_sec, voice.stressed_sec) > 0.7
    assert prosody.phrases.shape == voice.phrases.shape
    assert np.abs(prosody.phrases - voice.phrases).max() < 0.05
    assert prosody.strengths.min() > 0 and prosody.strengths.max() <= 1


def test_pitch_is_that_of_the_voice():
    for hz in (90.0, 140.0, 260.0):
        time_sec = np.arange(RATE) / RATE
        buzz = sum(np.sin(2 * np.pi * hz * k * time_sec) / k for k in range(1, 9))
        track = track_pitch((0.1 * buzz).astype(np.float32))
        assert np.abs(track.pitch_hz[5:-5] / hz - 1).max() < 0.01
        assert track.periodicity[5:-5].min() > 0.9


@pytest.mark.parametrize("change", ["quiet", "offset", "noisy", "clipped", "other rate of blocks"])
def test_level_offset_noise_clipping_and_blocks_hardly_matter(voice, change, monkeypatch):
    expected = analyse(voice.waveform)
    waveform = voice.waveform.astype(np.float64)
    if change == "quiet":
        waveform *= 0.01
    elif change == "offset":
        waveform += 0.3
    elif change == "noisy":
        waveform += np.random.default_rng(0).normal(0, 0.1 * waveform.std(), len(waveform))
    elif change == "clipped":
        waveform = np.clip(3 * waveform, -0.5, 0.5)
    else:
        monkeypatch.setattr(pitch, "BLOCK_FRAMES", 333)
    prosody = analyse(waveform)
    least = 0.6 if change == "clipped" else 0.9
    assert share_near(expected.accents_sec, prosody.accents_sec) > least
    assert abs(len(prosody.phrases) - len(expected.phrases)) <= 1
    if change == "other rate of blocks":
        assert np.array_equal(prosody.accents_sec, expected.accents_sec)
        assert np.array_equal(prosody.strengths, expected.strengths)


def not_speech():
    time_sec, rng = np.arange(5 * RATE) / RATE, np.random.default_rng(0)
    notes = rng.choice([220, 247, 262, 294, 330, 392], 20).repeat(RATE // 4)
    phase = 2 * np.pi * np.cumsum(notes) / RATE
    decay = np.tile(np.exp(-np.arange(RATE // 4) / 2000), 20)
    beeping = np.sin(2 * np.pi * 3 * time_sec) > 0
    return {
        "silence": 0 * time_sec,
        "a constant": 0 * time_sec + 0.5,
        "a low tone": 0.3 * np.sin(2 * np.pi * 110 * time_sec),
        "a high tone": 0.3 * np.sin(2 * np.pi * 1000 * time_sec),
        "beeps": 0.3 * np.sin(2 * np.pi * 440 * time_sec) * beeping,
        "a sweep": 0.3 * np.sin(2 * np.pi * (100 * time_sec + 40 * time_sec**2)),
        "hum": 0.1 * np.sign(np.sin(2 * np.pi * 100 * time_sec)),
        "a chord": sum(0.1 * np.sin(2 * np.pi * hz * time_sec) for hz in (220, 277.2, 329.6)),
        "a melody": 0.2
        * decay
        * (np.sin(phase) + 0.5 * np.sin(2 * phase) + 0.3 * np.sin(3 * phase)),
        "white noise": rng.normal(0, 0.1, len(time_sec)),
        "rumble": 0.001 * np.cumsum(rng.normal(0, 1, len(time_sec))),
        "clicks": 0.9 * (np.arange(len(time_sec)) % 8000 == 0),
        "breath": rng.normal(0, 0.03, len(time_sec)) * np.sin(2 * np.pi * 0.4 * time_sec) ** 2,
    }


@pytest.mark.parametrize("name", not_speech())
def test_other_sounds_are_no_speech(name):
    prosody = analyse(not_speech()[name])
    assert len(prosody.phrases) == len(prosody.accents_sec) == 0


@pytest.mark.parametrize("num_samples", [1, 159, 800, 801, 1600])
def test_very_short_sounds_work(voice, num_samples):
    piece = voice.waveform[int(0.35 * RATE) :][:num_samples]
    prosody = analyse(piece)
    assert prosody.phrases.shape[1] == 2 and (prosody.phrases <= prosody.duration_sec).all()


def test_speaking_is_told_by_time(voice):
    prosody = analyse(voice.waveform)
    start, end = voice.phrases[2]
    assert prosody.is_speaking(0.5 * (start + end))
    assert not prosody.is_speaking(end + 0.15) and prosody.is_speaking(end + 0.15, 0.3)


def test_an_hour_takes_seconds(voice):
    waveform = np.tile(voice.waveform, 3)
    begin = time.process_time()
    analyse(waveform)
    # 200 times real time on an idle core; a test machine is not idle.
    assert len(waveform) / RATE / (time.process_time() - begin) > 60


@pytest.mark.skipif(not RECORDINGS, reason="needs GAUSSIAN_HEADS_DATA with speech/multi_en")
def test_recordings_of_people_have_the_rhythm_of_speech():
    for path in RECORDINGS[:: len(RECORDINGS) // 12]:
        waveform, rate = load_audio(path, target_rate=RATE)
        prosody = analyse_prosody(waveform, len(waveform) / rate)
        spoken_sec = np.diff(prosody.phrases, axis=1).sum()
        assert spoken_sec > 0.4 * prosody.duration_sec
        assert 1.5 < len(prosody.syllables_sec) / spoken_sec < 6.0
        assert 0.4 < len(prosody.accents_sec) / spoken_sec < 2.2
