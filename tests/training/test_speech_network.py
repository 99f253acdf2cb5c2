# ruff: noqa: E402 (torch may be missing)
"""The speech network, its front end and mouth decoder, and the file they are exported to."""

import json

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="the training environment is not installed")
pytest.importorskip("onnxscript", reason="the training environment is not installed")

from gaussian_heads.core.speech import SpeechModel
from gaussian_heads.training.networks.speech import (
    FrontEnd,
    SpeechNetwork,
    SpeechNetworkConfig,
    mel_bank,
    normalise,
    power_spectrum,
)
from gaussian_heads.training.speech_export import SpeechGraph, export_speech
from gaussian_heads.training.speech_phones import PHONES

TINY = SpeechNetworkConfig(num_mels=20, width=16, dilations=(1, 2), context_frames=30)


def noise(num_samples, seed=0):
    """Noise that comes and goes, as syllables do: steady noise leaves the mouth at rest."""
    syllables = np.sin(np.arange(num_samples) / 16_000 * 2 * np.pi * 4) > 0
    values = np.random.default_rng(seed).normal(0, 0.1, num_samples)
    return (values * np.where(syllables, 1.0, 1e-3)).astype(np.float32)


def test_front_end_is_the_power_spectrum_in_mel_bands():
    waveform = noise(3200)
    expected = power_spectrum(waveform) @ mel_bank(20)
    mel = FrontEnd(20)(torch.from_numpy(waveform)[None])[0].T.numpy()
    assert mel.shape == (20, 20)
    assert np.allclose(mel, expected, rtol=1e-3, atol=1e-5)


def test_every_mel_band_hears_something_at_every_warp():
    for warp in (0.82, 1.0, 1.22):
        assert (mel_bank(80, warp).sum(0) > 0).all()


def test_features_do_not_depend_on_loudness_and_are_flat_in_silence():
    mel = torch.rand(1, 20, 200) + 0.1
    assert torch.allclose(normalise(mel, 30), normalise(100 * mel, 30), atol=1e-3)
    assert not normalise(torch.zeros(1, 20, 200), 30).any()


def test_network_gives_two_frames_per_step():
    logits = SpeechNetwork(TINY).eval()(torch.zeros(2, 20, 14))
    assert logits.shape == (2, len(PHONES), 14)


@pytest.mark.filterwarnings("default")
def test_exported_file_keeps_the_contract_and_computes_the_same(tmp_path):
    torch.manual_seed(0)
    network = SpeechNetwork(TINY).eval()
    path = tmp_path / "speech.onnx"
    export_speech(network, path)
    model = SpeechModel.open(path, num_threads=1)
    graph = SpeechGraph(network).eval()
    assert model.specification.past_frames == graph.context_frames()
    for num_samples in (320, 6400, 48_000):
        waveform = noise(num_samples)
        curves = model.curves(waveform, 16_000)
        arkit, closure = curves.arkit, curves.lip_closure
        with torch.no_grad():
            expected = [value.numpy() for value in graph(torch.from_numpy(waveform))]
        assert arkit.shape == (num_samples // 160, 52)
        assert num_samples < 6400 or arkit.max() > 0.05
        assert np.abs(arkit - expected[0]).max() < 2e-3
        assert np.abs(closure - expected[1]).max() < 2e-2


@pytest.mark.filterwarnings("default")
def test_a_frame_depends_on_nothing_beyond_the_stated_context(tmp_path):
    torch.manual_seed(0)
    network = SpeechNetwork(TINY).eval()
    graph = SpeechGraph(network).eval()
    context = graph.context_frames()
    frames = 4 * context
    waveform = torch.from_numpy(noise(160 * frames))
    changed = waveform.clone()
    changed[: 160 * context] = torch.from_numpy(noise(160 * context, seed=1))
    with torch.no_grad():
        before, after = graph(waveform)[0], graph(changed)[0]
    assert torch.allclose(before[2 * context :], after[2 * context :], atol=1e-5)
    assert not torch.allclose(before[:context], after[:context], atol=1e-5)


def test_metadata_of_the_shipped_network_name_its_making():
    from gaussian_heads.core.assets import SPEECH_MODEL

    provenance = json.loads(SPEECH_MODEL.with_suffix(".json").read_text("utf8"))
    assert provenance["config"]["seed"] == 0 and len(provenance["held_out"]) == 20
    assert SPEECH_MODEL.stat().st_size < 8_000_000


@pytest.mark.filterwarnings("default")
def test_steady_noise_leaves_the_mouth_at_rest_whatever_the_network_says():
    torch.manual_seed(0)
    graph = SpeechGraph(SpeechNetwork(SpeechNetworkConfig(width=16, dilations=(1,)))).eval()
    steady = np.random.default_rng(0).normal(0, 0.1, 32_000).astype(np.float32)
    with torch.no_grad():
        assert not graph(torch.from_numpy(steady))[0].any()
        assert graph(torch.from_numpy(noise(32_000)))[0].max() > 0.05
