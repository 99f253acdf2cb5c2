# ruff: noqa: E402 (torch may be missing)
"""The speech network, its front end and mouth decoder, and the file they are exported to."""

import json

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="the training environment is not installed")
pytest.importorskip("onnxscript", reason="the training environment is not installed")

from gaussian_heads.core.spaces import ARKIT_INDEX
from gaussian_heads.core.speech import SpeechModel
from gaussian_heads.core.speech.beginning import MIRRORED_SEC
from gaussian_heads.training.networks.speech import (
    FrontEnd,
    SpeechNetwork,
    SpeechNetworkConfig,
    mel_bank,
    normalise,
    power_spectrum,
)
from gaussian_heads.training.speech_export import SpeechGraph, export_speech
from gaussian_heads.training.speech_inventory import ALL_PHONES

TINY = SpeechNetworkConfig(num_mels=20, width=16, blocks=((1, 1), (2, 0)), context_frames=30)
STYLE = torch.ones(4)


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
    for logits in SpeechNetwork(TINY).eval()(torch.zeros(2, 20, 14)):
        assert logits.phones.shape == (2, len(ALL_PHONES), 14) and logits.voice.shape == (2, 14)


def test_phones_settle_when_more_has_been_heard_but_not_more_than_is_said():
    network = SpeechNetwork(TINY).eval()
    features = torch.rand(1, 20, 80)
    changed = features.clone()
    changed[:, :, 40:] = 0.0
    with torch.no_grad():
        pairs = zip(network(features), network(changed), strict=True)
        first = [int(torch.nonzero((a.phones - b.phones).abs().amax((0, 1)))[0]) for a, b in pairs]
    ahead = [40 - frame for frame in first]
    assert ahead[0] > ahead[1] > 0
    assert ahead[0] <= network.settled_frames and ahead[1] <= network.coming_frames


def graph_of(config=TINY, voice=8.0):
    """A graph that hears somebody speak (or nobody, where `voice` is negative), whatever it hears."""
    torch.manual_seed(0)
    network = SpeechNetwork(config).eval()
    with torch.no_grad():
        for head in (network.coming, network.settled):
            head.linear.bias[[44, 89]] = voice
    return SpeechGraph(network).eval()


@pytest.mark.filterwarnings("default")
def test_exported_file_keeps_the_contract_and_computes_the_same(tmp_path):
    graph = graph_of()
    path = tmp_path / "speech.onnx"
    export_speech(graph.network, path)
    model = SpeechModel.open(path, num_threads=1)
    assert model.specification.past_frames == graph.past_frames
    assert model.specification.future_frames == graph.future_frames
    for num_samples in (320, 6400, 48_000):
        waveform = noise(num_samples)
        curves = model.curves(waveform, 16_000)
        # What comes before the sound is its own beginning, backwards.
        mirrored = waveform[: round(16_000 * MIRRORED_SEC)][::-1]
        around = torch.from_numpy(np.concatenate([mirrored, waveform]))
        with torch.no_grad():
            outputs = graph(around, STYLE)
        arkit, closure, voice = (v.numpy()[len(mirrored) // 160 :] for v in outputs)
        assert arkit.shape == (num_samples // 160, 52)
        assert num_samples < 6400 or arkit.max() > 0.05
        assert np.abs(curves.arkit - arkit).max() < 2e-3
        assert np.abs(curves.lip_closure - closure).max() < 2e-2
        assert np.abs(curves.voice - voice).max() < 2e-3


def test_a_frame_depends_on_nothing_beyond_the_stated_past_and_future():
    graph = graph_of()
    past, future = graph.past_frames, graph.future_frames
    frames, middle = 2 * (past + future), past + future
    waveform = torch.from_numpy(noise(160 * frames))
    changed = waveform.clone()
    changed[160 * middle : 160 * (middle + 2)] += 0.3
    with torch.no_grad():
        difference = (graph(waveform, STYLE)[0] - graph(changed, STYLE)[0]).abs().amax(1)
    moved = torch.nonzero(difference > 1e-5)[:, 0]
    assert middle - future <= moved.min() and moved.max() < middle + 2 + past
    assert moved.min() < middle


def test_the_shipped_sizes_look_ahead_by_a_fifth_of_a_second_at_most():
    graph = SpeechGraph(SpeechNetwork(SpeechNetworkConfig()))
    assert 5 < graph.future_frames <= 20


def test_style_scales_what_it_names():
    graph, waveform = graph_of(), torch.from_numpy(noise(16_000))
    with torch.no_grad():
        usual = graph(waveform, STYLE)[0]
        jaw = graph(waveform, torch.tensor([1.0, 0.5, 1.0, 1.0]))[0]
    opened = ARKIT_INDEX["jawOpen"]
    assert torch.allclose(jaw[:, opened], 0.5 * usual[:, opened], atol=1e-3)
    pucker = ARKIT_INDEX["mouthPucker"]
    assert torch.allclose(jaw[:, pucker], usual[:, pucker], atol=1e-4)


def test_where_nobody_speaks_the_mouth_rests():
    graph = graph_of(voice=-8.0)
    with torch.no_grad():
        arkit, closure, voice = graph(torch.from_numpy(noise(16_000)), STYLE)
    resting = graph.decoder(graph.silence.expand(1, -1, 50))[0][0, 25]
    assert torch.allclose(arkit, resting.expand_as(arkit), atol=1e-5) and voice.max() < 0.1


def test_metadata_of_the_shipped_network_name_its_making():
    from gaussian_heads.core.assets import SPEECH_MODEL

    provenance = json.loads(SPEECH_MODEL.with_suffix(".json").read_text("utf8"))
    assert provenance["config"]["seed"] == 0 and len(provenance["held_out"]) == 20
    assert SPEECH_MODEL.stat().st_size < 8_000_000
