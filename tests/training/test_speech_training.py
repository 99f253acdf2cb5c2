# ruff: noqa: E402 (torch may be missing)
"""Data, crops and the training loop of the speech network, on generated speech."""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="the training environment is not installed")
pytest.importorskip("onnxscript", reason="the training environment is not installed")

from gaussian_heads.training import DATA_VARIABLE
from gaussian_heads.training.lip_curves import correlation
from gaussian_heads.training.networks.speech import SpeechNetworkConfig, mel_bank
from gaussian_heads.training.speech import Trainer
from gaussian_heads.training.speech_augment import AugmentConfig, Crop, CropMaker
from gaussian_heads.training.speech_data import UNKNOWN, SpectrumCache
from gaussian_heads.training.speech_phones import PHONE_INDEX, SILENCE, flite_phone
from gaussian_heads.training.speech_recordings import (
    HELD_OUT,
    VALIDATION,
    Recording,
    data_folder,
    read_phones,
    training_recordings,
)
from gaussian_heads.training.speech_settings import SMALL
from gaussian_heads.training.speech_spoken import frame_labels

TINY = replace(SMALL, network=SpeechNetworkConfig(num_mels=20, width=16, blocks=((1, 1),)), batch=2)
CROP = AugmentConfig(crop_frames=60, silent_chance=0.0)


def recording(name, speaker, text="some words", corpus="multi_en"):
    return Recording(name, corpus, speaker, text, Path(name), [("AA", 0.1, 0.3)])


@pytest.fixture
def cache(tmp_path):
    """Five clips of 1 s: quiet, then a loud low vowel; the last two are captured motion and music."""
    frames, sources = 100, ("multi_en", "en-flite", "de-espeak", "facegood_zh", "music")
    log_power = np.full((len(sources) * frames, 257), -6.0, np.float16)
    labels = np.zeros(len(log_power), np.uint8)
    motion = np.full((len(log_power), 4), np.nan, np.float16)
    for clip in range(3):
        span = slice(clip * frames + 40, (clip + 1) * frames)
        log_power[span, :40], labels[span] = 1.0, PHONE_INDEX["AA"]
    labels[300:400], motion[300:400] = UNKNOWN, 0.5
    log_power[400:, 100:] = 1.0
    index = [{"source": source, "frames": frames} for source in sources]
    log_power.tofile(tmp_path / "log_power.f16")
    np.save(tmp_path / "labels.npy", labels)
    np.save(tmp_path / "motion.npy", motion)
    (tmp_path / "index.json").write_text(json.dumps(index), encoding="utf8")
    return SpectrumCache(tmp_path)


def test_twenty_recordings_are_kept_out_and_none_is_used_for_tuning():
    assert len(set(HELD_OUT)) == 20 and not set(HELD_OUT) & set(VALIDATION)


def test_readers_and_texts_of_kept_recordings_are_not_trained_on():
    everything = [
        recording(HELD_OUT[0], "libri_533", "a text of its own"),
        recording("533-1066-0009", "libri_533"),
        recording("61-1", "libri_61", "A text, of its own!"),
        recording("61-2", "libri_61", "another text"),
        recording("coffee_00e09cf0a01d", "crowd_unknown", "two coffees"),
        recording("coffee_zz", "crowd_unknown", "two coffees"),
    ]
    assert [r.name for r in training_recordings(everything)] == ["61-2", "coffee_zz"]


def test_phone_times_are_read_with_the_aligners_lead_taken_off(tmp_path):
    words = [{"w": [{"b": 0.1, "d": 0.05, "t": "P"}, {"b": 0.15, "d": 0.1, "t": "+NSN+"}]}]
    (tmp_path / "a.json").write_text(json.dumps({"w": words}), encoding="utf8")
    phones = read_phones(tmp_path / "a.json")
    assert [phone[0] for phone in phones] == ["P", "SIL"]
    assert phones[0][1:] == pytest.approx((0.11, 0.16))
    labels = frame_labels(phones, 100.0, 30)
    assert (labels[11:16] == PHONE_INDEX["P"]).all() and labels[10] == labels[16] == SILENCE


def test_missing_data_are_reported_with_what_to_do(tmp_path, monkeypatch):
    monkeypatch.delenv(DATA_VARIABLE, raising=False)
    with pytest.raises(SystemExit, match="--data or set GAUSSIAN_HEADS_DATA"):
        data_folder(tmp_path)


def test_phone_names_of_flite_map_to_classes():
    assert [flite_phone(n) for n in ("pau", "ax", "zh", "??")] == ["SIL", "AH", "ZH", None]


@pytest.mark.skipif(not shutil.which("flite"), reason="flite is not installed")
def test_flite_speaks_with_exact_times():
    from gaussian_heads.training.speech_synthesis import Delivery, speak_flite

    utterance = speak_flite("papa", "slt", Delivery(stretch=1.1))
    names = [name for name, _, _ in utterance.phones]
    assert names == ["SIL", "P", "AA", "P", "AH", "SIL"]
    assert utterance.phones[-1][2] == pytest.approx(len(utterance.waveform) / 16_000, abs=0.05)
    for (_, _, end), (_, start, _) in zip(utterance.phones, utterance.phones[1:], strict=False):
        assert end == start


def test_crops_are_positive_and_keep_their_labels_at_the_sound(cache):
    maker = CropMaker(cache, 20, CROP, seed=0)
    for _ in range(20):
        crop = maker.draw()
        assert crop.mel_power.shape == (60, 20) and crop.labels.shape == (60,)
        assert np.isfinite(crop.mel_power).all() and (crop.mel_power >= 0).all()
    mel, labels, _ = maker._crop(0)
    loud = mel.mean(1) > 0.5 * mel.mean(1).max()
    assert np.mean(loud == (labels != SILENCE)) > 0.95


def test_captured_motion_has_no_phones_and_phones_no_motion(cache):
    maker = CropMaker(cache, 20, replace(CROP, outside_frames=0), seed=0)
    captured, spoken = maker._crop(3), maker._crop(0)
    assert (captured.labels == -1).all() and np.allclose(captured.motion, 0.5)
    assert (spoken.labels >= 0).all() and np.isnan(spoken.motion).all()


@pytest.mark.parametrize(
    ("left_out", "kept"),
    [
        ({}, {0, 1, 2, 3}),
        ({"has_synthetic": False}, {0, 3}),
        ({"has_captured": False}, {0, 1, 2}),
    ],
)
def test_what_an_ablation_leaves_out_is_never_drawn(cache, left_out, kept):
    maker = CropMaker(cache, 20, replace(CROP, **left_out), seed=0)
    assert {maker._pick(maker.speech) for _ in range(300)} == kept


def test_without_augmentation_a_crop_is_the_sound_itself(cache):
    config = replace(CROP, is_on=False, crop_frames=100, outside_frames=0)
    crop = CropMaker(cache, 20, config, seed=0)._crop(0)
    expected = 10.0 ** np.asarray(cache.log_power[:100], np.float32) @ mel_bank(20)
    assert np.allclose(crop.mel_power, expected, rtol=1e-3)


def test_crops_in_which_nobody_speaks_hold_no_vowel(cache):
    maker = CropMaker(cache, 20, replace(CROP, silent_chance=1.0), seed=0)
    for _ in range(10):
        crop = maker.draw()
        assert not crop.labels.any() and np.isnan(crop.motion).all()
        low, high = crop.mel_power[:, :8].mean(1), crop.mel_power.mean(1)
        assert (low < 100 * high.min()).all()


def crop_of(labels):
    """A batch of two crops of noise with these labels."""
    motion = torch.full((*labels.shape, 4), torch.nan)
    return Crop(torch.rand(*labels.shape, 20), labels, motion)


def test_a_run_that_was_stopped_goes_on_where_it_was(tmp_path):
    torch.manual_seed(1)
    crop = crop_of(torch.randint(0, 44, (2, 60)))
    first = Trainer(TINY, tmp_path)
    losses = [float(first.train_step(crop).phones) for _ in range(4)]
    assert losses[-1] < losses[0]
    first.save()
    second = Trainer(TINY, tmp_path)
    assert second.resume() and second.step == 4
    for one, other in zip(first.network.parameters(), second.network.parameters(), strict=True):
        assert torch.equal(one, other)
    assert second.schedule.get_last_lr() == first.schedule.get_last_lr()


def test_a_checkpoint_of_other_settings_is_not_taken(tmp_path):
    Trainer(TINY, tmp_path).save()
    with pytest.raises(SystemExit, match="other settings"):
        Trainer(replace(TINY, batch=3), tmp_path).resume()


def test_correlation_of_a_still_curve_is_nothing():
    moving = np.arange(5.0)
    assert correlation(moving, 2 * moving + 1) == pytest.approx(1.0)
    assert correlation(moving, np.zeros(5)) == 0.0
