# ruff: noqa: E402 (torch may be missing)
"""The mouth decoder's parameters: their file, and the fit to captured motion."""

import json

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="the training environment is not installed")
pytest.importorskip("onnxscript", reason="the training environment is not installed")

from gaussian_heads.core.spaces import ARKIT_INDEX
from gaussian_heads.training import speech_motion_fit
from gaussian_heads.training.coarticulation_parameters import (
    FITTED,
    load_parameters,
    save_parameters,
    start_parameters,
)
from gaussian_heads.training.coarticulation_tables import ARTICULATORS, CONTROLS
from gaussian_heads.training.networks.speech import SpeechNetwork, SpeechNetworkConfig
from gaussian_heads.training.speech_export import export_speech
from gaussian_heads.training.speech_inventory import ALL_PHONES
from gaussian_heads.training.speech_motion_fit import COMPARED, Heard, Listener, agreement, fit
from gaussian_heads.training.speech_visemes import FUTURE_FRAMES, MouthDecoder, tables, window

JAW, ROUNDING = 0, [a.name for a in ARTICULATORS].index("rounding")
AA, S = ALL_PHONES.index("AA"), ALL_PHONES.index("S")


def actor(parameters, seed):
    """A clip of random phones, 80 ms each, that moves as a decoder of `parameters` does."""
    labels = np.random.default_rng(seed).integers(0, len(ALL_PHONES), 150).repeat(8)
    posteriors = torch.nn.functional.one_hot(torch.tensor(labels), len(ALL_PHONES)).T.float()
    effort = torch.ones(len(labels))
    decoder = MouthDecoder()
    arkit, closure = torch.func.functional_call(decoder, tables(parameters), (posteriors[None],))
    motion = arkit[0][:, [ARKIT_INDEX[name] for name in COMPARED]]
    motion[:, 0] *= 1.0 - closure[0]
    return Heard(f"clip {seed}", posteriors, posteriors, effort, 0.6 * motion + 0.05)


def test_parameters_come_back_from_their_file(tmp_path):
    changed = start_parameters()
    changed["targets"][JAW, AA] = 0.25
    changed["targets"][CONTROLS.index("tongueOut"), AA] = 0.9
    changed["windows_sec"][ROUNDING, 2] = 0.031
    changed["effort"][JAW] = 0.7
    changed["log_dominances"][JAW, S] = np.log(2.5)
    path = tmp_path / "fitted.json"
    save_parameters(changed, ("jaw", "rounding"), path)
    found = load_parameters(path)
    assert found["targets"][JAW, AA] == 0.25 and found["effort"][JAW] == pytest.approx(0.7)
    assert found["windows_sec"][ROUNDING, 2] == pytest.approx(0.031)
    assert found["log_dominances"][JAW, S].exp() == pytest.approx(2.5, abs=1e-3)
    # Articulators that were not written keep their hand-set values.
    assert found["targets"][CONTROLS.index("tongueOut"), AA] == 0.0
    content = json.loads(path.read_text("utf8"))
    assert set(content["articulators"]) == {"jaw", "rounding"}


def test_without_a_file_the_hand_set_model_speaks(tmp_path):
    start = start_parameters()
    loaded = load_parameters(tmp_path / "missing.json")
    assert all(torch.equal(loaded[name], start[name]) for name in start)


def test_the_decoder_speaks_with_the_fitted_file():
    assert FITTED.is_file()
    fitted = load_parameters()
    assert not torch.equal(fitted["targets"], start_parameters()["targets"])
    assert torch.equal(MouthDecoder().mixing, tables(fitted)["mixing"])
    ahead, _, lead = fitted["windows_sec"].T
    assert (ahead + lead <= (FUTURE_FRAMES + 1) / 100 + 1e-6).all()
    assert not fitted["targets"][:, ALL_PHONES.index("SIL")].any()


def test_windows_peak_at_their_lead_and_end_where_they_should():
    kernel = window(torch.tensor(0.06), torch.tensor(0.1), torch.tensor(0.03)).numpy()
    now = len(kernel) - 1 - FUTURE_FRAMES
    assert np.argmax(kernel) - now == 3 and kernel.max() == pytest.approx(1.0)
    assert kernel[now - 6] > 0 and kernel[now - 7] == pytest.approx(0.0, abs=1e-6)
    assert kernel[now + 9] == pytest.approx(0.0, abs=1e-6)


def test_a_decoder_agrees_with_itself_whatever_the_actors_gain():
    start = start_parameters()
    with torch.no_grad():
        r, jitter = agreement(start, [actor(start, 0)])
    assert r.numpy() == pytest.approx(1.0, abs=0.02)
    assert jitter.numpy() == pytest.approx(1.0, abs=0.1)


def test_the_fit_finds_how_an_actor_differs(monkeypatch):
    monkeypatch.setattr(speech_motion_fit, "STEPS", 40)
    truth = start_parameters()
    truth["targets"][JAW, AA] *= 0.5
    truth["windows_sec"][JAW, 2] -= 0.02
    with torch.no_grad():
        clips, kept_out = [actor(truth, seed) for seed in (0, 1)], [actor(truth, 2)]
        before, _ = agreement(start_parameters(), kept_out)
    start, found = start_parameters(), fit(clips, 1e-4)
    with torch.no_grad():
        after, _ = agreement(found, kept_out)
    assert after[0] > before[0] + 0.3 * (1.0 - before[0])
    assert found["targets"][JAW, AA] < 0.8 * start["targets"][JAW, AA]
    assert found["windows_sec"][JAW, 2] < start["windows_sec"][JAW, 2] - 0.005
    assert not found["targets"][:, ALL_PHONES.index("SIL")].any()
    untouched = [row for row, a in enumerate(ARTICULATORS) if a.name not in ("jaw", "rounding")]
    assert torch.equal(found["windows_sec"][untouched], start["windows_sec"][untouched])


@pytest.mark.filterwarnings("default")
def test_a_listener_reads_the_posteriors_of_an_exported_network(tmp_path):
    torch.manual_seed(0)
    network = SpeechNetwork(SpeechNetworkConfig(width=16)).eval()
    export_speech(network, tmp_path / "speech.onnx")
    waveform = np.random.default_rng(0).normal(0, 0.1, 16_000).astype(np.float32)
    motion = np.zeros((100, 4), np.float32)
    heard = Listener(tmp_path / "speech.onnx").hear("clip", waveform, motion)
    for posteriors in (heard.posteriors, heard.coming):
        assert posteriors.shape == (len(ALL_PHONES), 100)
        assert posteriors.sum(0).numpy() == pytest.approx(1.0, abs=1e-4)
    assert not torch.allclose(heard.posteriors, heard.coming)
    assert heard.effort.shape == (100,) and heard.motion.shape == (100, 3)
