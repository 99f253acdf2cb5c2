"""Sounds in which nobody speaks, and damage to sounds: levels, spectra, timing, what each one does."""

import time

import numpy as np
import pytest

pytest.importorskip("scipy")
from gaussian_heads.training import speech_damage, speech_music, speech_noises, speech_tones
from gaussian_heads.training.sound_shaping import (
    decays,
    filtered,
    scattered,
    set_at,
    shaped_noise,
    wander,
)
from gaussian_heads.training.speech_damage import DAMAGES, degrade
from gaussian_heads.training.speech_distractors import KINDS, distractors
from gaussian_heads.training.speech_instruments import INSTRUMENTS, plucked
from scipy.signal import correlate, stft

RATE = 16_000
MINUTES = 6.0
MAKERS = {
    f.__name__.strip("_"): f for f in (*speech_noises.NOISES, *speech_tones.TONES, *KINDS.values())
}


@pytest.fixture(scope="module")
def items():
    return list(distractors(MINUTES, seed=1))


@pytest.fixture(scope="module")
def voice():
    """Four seconds of harmonics in syllables, with a hiss: broad like a voice, peak .5."""
    seconds = np.arange(4 * RATE) / RATE
    phase = 2 * np.pi * np.cumsum(110 + 25 * np.sin(1.7 * seconds)) / RATE
    buzz = sum(np.sin(k * phase + k * k) / k**0.7 for k in range(1, 40))
    syllables = np.clip(np.sin(2 * np.pi * 3.1 * seconds), 0, None) ** 0.6
    sound = buzz * syllables + 0.02 * np.random.default_rng(0).standard_normal(len(seconds))
    return (0.5 * sound / np.abs(sound).max()).astype(np.float32)


def power(waveform):
    """Frequencies `[K]` and power `[K, T]` of 32 ms frames."""
    hz, _, spectrum = stft(waveform, RATE, nperseg=512)
    return hz, np.abs(spectrum) ** 2


def flatness(waveform):
    """Geometric over arithmetic mean of the power below 6 kHz, frames weighted by their power."""
    hz, frames = power(waveform)
    frames = frames[(hz > 100) & (hz < 6000)] + 1e-12 * frames.max()
    flat = np.exp(np.log(frames).mean(0)) / frames.mean(0)
    return np.average(flat, weights=frames.mean(0))


def loud_share(waveform):
    """The part of the frames that are within 25 dB of the loud ones."""
    level_db = 10 * np.log10(power(waveform)[1].sum(0) + 1e-20)
    return np.mean(level_db > np.percentile(level_db, 95) - 25)


def band_share(waveform, low_hz, high_hz):
    hz, frames = power(waveform)
    return frames[(hz >= low_hz) & (hz < high_hz)].sum() / frames.sum()


def lag_samples(before, after):
    """Samples by which `after` comes later; differences keep a strong low pitch from deciding alone."""
    before, after = np.diff(before, 2), np.diff(after, 2)
    return int(correlate(after, before, method="fft").argmax()) - (len(before) - 1)


def test_items_are_audible_in_range_and_without_offset(items):
    for kind, waveform in items:
        assert kind in KINDS and waveform.dtype == np.float32 and waveform.ndim == 1
        assert 5 * RATE <= len(waveform) <= 20 * RATE
        assert np.isfinite(waveform).all() and 0.015 < np.abs(waveform).max() <= 1.0
        assert abs(waveform.mean(dtype=np.float64)) < 1e-4


def test_kinds_share_the_minutes(items):
    spent = dict.fromkeys(KINDS, 0.0)
    for kind, waveform in items:
        spent[kind] += len(waveform) / RATE
    assert MINUTES * 60 <= sum(spent.values()) < MINUTES * 60 + 20
    assert set(spent) == {"breath", "music", "noise", "tones"}
    assert max(spent.values()) - min(spent.values()) < 20


def test_seeds_repeat_and_differ(items):
    again = list(distractors(0.5, seed=1))
    other = list(distractors(0.5, seed=2))
    for (kind, one), (same, two) in zip(again, items, strict=False):
        assert kind == same and np.array_equal(one, two)
    shared = min(len(again[0][1]), len(other[0][1]))
    assert not np.allclose(again[0][1][:shared], other[0][1][:shared], atol=1e-3)


def test_no_two_items_are_alike(items):
    second = {}
    for kind, waveform in items:
        piece = waveform[2 * RATE : 4 * RATE]
        for other in second.setdefault(kind, []):
            shared = np.dot(piece, other)
            assert abs(shared) < 0.9 * np.linalg.norm(piece) * np.linalg.norm(other) + 1e-6
        second[kind].append(piece)


def test_spectra_tell_the_kinds_apart(items):
    flat = {kind: np.median([flatness(w) for k, w in items if k == kind]) for kind in KINDS}
    loud = {kind: np.median([loud_share(w) for k, w in items if k == kind]) for kind in KINDS}
    assert max(flat["music"], flat["tones"]) < 0.08 < min(flat["breath"], flat["noise"])
    assert loud["breath"] < 0.75 < loud["noise"]


def test_breath_pauses_and_reaches_high(items):
    for waveform in [w for kind, w in items if kind == "breath"]:
        assert 0.05 < loud_share(waveform) < 0.97
        assert band_share(waveform, 1000, 8000) > 0.1


def test_sounds_are_made_faster_than_a_hundred_times_real_time():
    begin = time.process_time()
    made_sec = sum(len(waveform) / RATE for _, waveform in distractors(4.0, seed=9))
    assert made_sec > 100 * (time.process_time() - begin)


@pytest.mark.parametrize("name", MAKERS)
def test_every_maker_fills_its_length_and_varies(name):
    made = [MAKERS[name](3 * RATE + 1, np.random.default_rng(seed)) for seed in (0, 0, 1, 2)]
    for sound in made:
        assert sound.shape == (3 * RATE + 1,) and np.isfinite(sound).all()
        assert np.abs(sound).max() > 0
    assert np.array_equal(made[0], made[1])
    spectra = [np.log(power(sound)[1].sum(1) + 1e-12) for sound in made[1:]]
    assert np.abs(spectra[0] - spectra[1]).mean() > 0.05
    assert np.abs(spectra[1] - spectra[2]).mean() > 0.05


@pytest.mark.parametrize("layer", speech_music.LAYERS)
def test_layers_of_music_play(layer):
    piece = speech_music.Piece(4.0, 0.5, 4, 57.0, speech_music.SCALES[0], (0, 3, 4, 0))
    sounds = [
        speech_music.LAYERS[layer](4 * RATE, piece, np.random.default_rng(seed))
        for seed in range(4)
    ]
    assert all(np.isfinite(sound).all() for sound in sounds)
    assert sum(np.abs(sound).max() > 0 for sound in sounds) >= 3


@pytest.mark.parametrize("hz", [82.4, 220.0, 440.0, 987.8])
@pytest.mark.parametrize("make", dict.fromkeys(INSTRUMENTS), ids=lambda make: make.__name__)
def test_instruments_are_in_tune(make, hz):
    """The strongest period of a note is one of its pitch, or for a bell one of its partials."""
    tone = make(np.random.default_rng(3))(hz, RATE)
    assert np.isfinite(tone).all()
    hop = np.fft.rfftfreq(len(tone), 1 / RATE)
    spectrum = np.abs(np.fft.rfft(tone * np.hanning(len(tone))))
    order = hop[spectrum.argmax()] / hz
    if make.__name__ == "bell":
        assert 0.01 < order < RATE / 2 / hz
    else:
        assert abs(order - round(order)) < 0.02 * max(order, 1) and round(order) >= 1


def test_a_plucked_string_dies_away():
    tone = plucked(np.random.default_rng(0))(196.0, 3 * RATE)
    early, late = (np.square(tone[a:b]).mean() for a, b in ((0, 4000), (40_000, 44_000)))
    assert late < 0.05 * early


def test_shaping_keeps_level_spectrum_and_place():
    rng = np.random.default_rng(0)
    low = shaped_noise(RATE, rng, lambda hz: hz < 1000)
    assert np.std(low) == pytest.approx(1, abs=0.01) and band_share(low, 1100, 8000) < 0.01
    impulse = np.zeros(4000)
    impulse[1500] = 1.0
    assert filtered(impulse, lambda hz: 1 / (1 + (hz / 900) ** 2)).argmax() == 1500
    assert decays(RATE, 0.5)[RATE // 2] == pytest.approx(1e-3, rel=0.01)
    grains = [np.array([1.0, 0.5])]
    placed = scattered(100, np.array([10 / RATE, 50 / RATE]), np.array([1.0, 2.0]), grains, rng)
    expected = np.zeros(100)
    expected[[10, 11, 50, 51]] = 1.0, 0.5, 2.0, 1.0
    assert np.allclose(placed, expected, atol=1e-9)
    curve = wander(RATE, 4.0, rng)
    assert np.abs(curve).max() <= 1 and np.abs(np.diff(curve)).max() < 2.1 * 4 / RATE
    target = np.zeros(10)
    set_at(target, np.ones(8), 6 / RATE)
    set_at(target, np.ones(8), 12 / RATE)
    assert target.tolist() == [0] * 6 + [1] * 4


@pytest.mark.parametrize("name", DAMAGES)
def test_damage_keeps_length_and_timing_and_changes_the_sound(name, voice):
    for seed in range(12):
        damaged = DAMAGES[name](voice.astype(np.float64), np.random.default_rng(seed))
        assert damaged.shape == voice.shape and np.isfinite(damaged).all()
        assert not np.allclose(damaged, voice, atol=1e-6)
        centred = damaged - damaged.mean()
        assert abs(lag_samples(voice, centred)) <= 16
        again = DAMAGES[name](voice.astype(np.float64), np.random.default_rng(seed))
        assert np.array_equal(damaged, again)


def test_degrade_combines_repeats_and_leaves_its_input(voice):
    before = voice.copy()
    made = [degrade(voice, np.random.default_rng(seed)) for seed in range(60)]
    assert np.array_equal(before, voice)
    for seed, damaged in enumerate(made):
        assert damaged.dtype == np.float32 and damaged.shape == voice.shape
        assert np.isfinite(damaged).all() and not np.array_equal(damaged, voice)
        assert abs(lag_samples(voice, damaged - damaged.mean())) <= 16, seed
    assert np.array_equal(made[7], degrade(voice, np.random.default_rng(7)))


@pytest.mark.parametrize("size", [1, 37, 800, 5001])
def test_degrade_takes_any_length_and_silence(size):
    for seed in range(40):
        for waveform in (np.zeros(size, np.float32), np.full(size, 0.3, np.float32)):
            damaged = degrade(waveform, np.random.default_rng(seed))
            assert damaged.shape == (size,) and np.isfinite(damaged).all()


def test_degrade_is_faster_than_a_hundred_times_real_time(voice):
    begin = time.process_time()
    for seed in range(50):
        degrade(voice, np.random.default_rng(seed))
    assert 50 * len(voice) / RATE > 100 * (time.process_time() - begin)


def damaged(name, voice, seed):
    return DAMAGES[name](voice.astype(np.float64), np.random.default_rng(seed))


def test_telephone_has_its_band(voice):
    white = np.random.default_rng(1).standard_normal(2 * RATE)
    for seed in range(5):
        narrow = damaged("telephone", white, seed)
        assert band_share(narrow, 400, 3200) > 0.75
        assert band_share(narrow, 0, 150) + band_share(narrow, 4500, 8000) < 0.01


def test_clipping_flattens_the_peaks(voice):
    for seed in range(5):
        hard = damaged("hard_clipping", voice, seed)
        limit = np.abs(hard).max()
        assert 0.02 <= limit / np.abs(voice).max() <= 0.6
        below = np.abs(voice) < limit
        assert np.allclose(hard[below], voice[below]) and (~below).sum() > 100
        soft = damaged("soft_clipping", voice, seed)
        order = np.argsort(voice)
        assert (np.diff(soft[order]) >= -1e-9).all()
        slopes = np.diff(soft[order][:: len(voice) // 50]) / (
            np.diff(voice[order][:: len(voice) // 50]) + 1e-12
        )
        assert slopes[-1] < 0.7 * slopes.max()


def test_eight_bits_leave_at_most_256_levels(voice):
    for seed in range(8):
        coarse = damaged("eight_bits", voice, seed)
        assert len(np.unique(np.round(coarse, 12))) <= 256
        assert np.corrcoef(coarse, voice)[0, 1] > 0.97


def test_a_low_bit_rate_makes_holes(voice):
    _, before = power(voice)
    for seed in range(6):
        coded = damaged("low_bit_rate", voice, seed)
        _, after = power(coded)
        faint = 1e-7 * before.max()
        assert np.mean(after < faint) > np.mean(before < faint) + 0.05
        assert np.corrcoef(coded, voice)[0, 1] > 0.6


def test_lost_packets_replace_10_to_30_ms(voice):
    for seed in range(8):
        changed = np.flatnonzero(damaged("lost_packets", voice, seed) != voice)
        runs = np.split(changed, np.flatnonzero(np.diff(changed) > 1) + 1)
        assert 0 < len(changed) < 0.3 * len(voice)
        assert min(len(run) for run in runs) <= 480


def test_rooms_answer_after_the_direct_sound():
    impulse = np.zeros(RATE)
    impulse[1000] = 1.0
    falls = []
    for seed in range(20):
        answer = damaged("small_room", impulse, seed)
        assert np.abs(answer[:1000]).max() < 1e-9 and np.abs(answer).argmax() == 1000
        assert np.sum(answer**2) == pytest.approx(1.0, abs=0.02)
        assert np.count_nonzero(np.abs(answer[1001:1400]) > 0.02) > 3
        falls.append(np.sum(answer[1000 + 3200 :] ** 2) / np.sum(answer**2))
    assert max(falls) > 10 * min(falls) and max(falls) < 0.2


def test_gain_and_offset_stay_in_their_ranges(voice):
    gains = [np.std(damaged("gain", voice, seed)) / np.std(voice) for seed in range(40)]
    assert 0.01 <= min(gains) < 0.1 and 3.0 < max(gains) <= 10.0
    offsets = [np.mean(damaged("offset", voice, seed) - voice) for seed in range(40)]
    assert -0.3 <= min(offsets) < -0.1 and 0.1 < max(offsets) <= 0.3
    assert {"gain", "offset"} <= set(speech_damage.DAMAGES)
