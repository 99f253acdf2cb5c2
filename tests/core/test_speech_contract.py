"""What passes between the runtime and a network of known output: style, voice, pieces, progress."""

from fractions import Fraction

import numpy as np
import pytest
from gaussian_heads.core.assets import SPEECH_MODEL
from gaussian_heads.core.errors import ModelError
from gaussian_heads.core.progress import AnalysisCancelled
from gaussian_heads.core.spaces import ARKIT_INDEX
from gaussian_heads.core.speech import SpeechModel, SpeechStyle, heard, model

from .tiny_speech import FUTURE, HOP, MARK, PAST, STYLES, Faults, expected, write_network
from .voices import speak

pytest.importorskip("onnx")
RATE = 16_000
FPS = Fraction(25)


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    return write_network(tmp_path_factory.mktemp("network") / "tiny.onnx")


@pytest.fixture(scope="module")
def tiny(path):
    return SpeechModel.open(path, num_threads=1)


def noise(num_frames, seed=0):
    """Whole frames of noise whose loudness and mark change from frame to frame."""
    random = np.random.default_rng(seed)
    frames = random.normal(0, 0.3, (num_frames, HOP)) * random.uniform(0, 1, (num_frames, 1))
    frames += MARK * random.normal(0, 0.02, (num_frames, 1))
    return (frames - frames.mean()).astype(np.float32).ravel()


def assert_same(curves, wanted):
    for found, values in zip((curves.arkit, curves.lip_closure, curves.voice), wanted, strict=True):
        assert found.shape == values.shape and found.dtype == np.float32
        assert np.abs(found - values).max() < 2e-4


def test_a_network_says_how_far_it_looks(tiny):
    specification = tiny.specification
    assert (specification.past_frames, specification.future_frames) == (PAST, FUTURE)
    assert specification.look_ahead_sec == pytest.approx(0.07)
    assert specification.style_names == STYLES and specification.hop == HOP


@pytest.mark.parametrize("num_frames", [2, 20, 400])
def test_curves_are_those_of_the_network(tiny, num_frames):
    waveform = noise(num_frames)
    assert_same(tiny.curves(waveform, RATE), expected(waveform, np.ones(4)))


@pytest.mark.parametrize("offset", [-0.7, 0.002])
def test_an_offset_is_no_sound(tiny, offset):
    waveform = noise(100)
    assert_same(tiny.curves(waveform + np.float32(offset), RATE), expected(waveform, np.ones(4)))


@pytest.mark.parametrize("offset", [0.0, 0.3])
def test_digital_silence_at_the_begin_is_no_sound_but_time(tiny, offset):
    waveform = noise(100)
    plain = tiny.curves(waveform, RATE)
    silent = np.zeros(50 * HOP, np.float32)
    later = tiny.curves(np.concatenate([silent, waveform]) + np.float32(offset), RATE)
    assert_same(later, (*(np.concatenate([getattr(later, n)[:50], getattr(plain, n)])
                          for n in ("arkit", "lip_closure", "voice")),))  # fmt: skip
    assert not later.voice[:50].any() and not later.arkit[:40].any()
    jaw = later.arkit[40:51, ARKIT_INDEX["jawOpen"]]
    assert (np.diff(jaw) > 0).all() and jaw[-1] > 0.01


@pytest.mark.parametrize("loudest", [1e-30, 3e38])
def test_no_level_leads_to_other_than_numbers(tiny, loudest):
    waveform = (np.float32(loudest) * np.sign(noise(100))).astype(np.float32)
    track = tiny.track(waveform, RATE, fps=FPS)
    assert track.layers["speech"].max() <= 1.0


@pytest.mark.parametrize("index", range(4))
def test_each_style_reaches_the_network_in_its_order(tiny, index):
    waveform, gains = noise(60), np.ones(4)
    gains[index] = 1.7
    style = SpeechStyle(**{STYLES[index]: 1.7})
    assert_same(tiny.curves(waveform, RATE, style=style), expected(waveform, gains))


def test_styles_shape_the_track_and_articulation_scales_all_of_it(tiny):
    waveform = noise(200)
    plain = tiny.track(waveform, RATE, fps=FPS).layers["speech"]
    jaw = tiny.track(waveform, RATE, fps=FPS, style=SpeechStyle(jaw=0.5)).layers["speech"]
    small = tiny.track(waveform, RATE, fps=FPS, style=SpeechStyle(articulation=0.5))
    halved = plain.copy()
    halved[:, ARKIT_INDEX["jawOpen"]] *= 0.5
    assert plain[:, ARKIT_INDEX["jawOpen"]].max() > 0.1
    assert np.allclose(jaw, halved, atol=1e-6)
    assert np.allclose(small.layers["speech"], 0.5 * plain, atol=1e-6)


@pytest.mark.parametrize("size", [40, 44, 130, 1000])
def test_pieces_see_all_that_a_frame_depends_on(tiny, monkeypatch, size):
    waveform = noise(301)[: 301 * HOP - 77]
    waveform -= waveform.mean()
    padded = np.pad(waveform, (0, 302 * HOP - len(waveform)))
    monkeypatch.setattr(model, "CHUNK_FRAMES", size)
    wanted = [values[:301] for values in expected(padded, np.ones(4))]
    assert_same(tiny.curves(waveform, RATE), wanted)


def test_tracks_are_the_same_in_any_number_of_steps(tiny, monkeypatch):
    waveform = speak(12.0, seed=2).waveform
    whole = tiny.track(waveform, RATE, fps=Fraction(60))
    monkeypatch.setattr(heard, "TRACK_FRAMES", 101)
    steps = tiny.track(waveform, RATE, fps=Fraction(60))
    assert all(np.array_equal(whole.layers[name], steps.layers[name]) for name in whole.layers)
    assert np.array_equal(whole.head_pose, steps.head_pose)


def test_the_head_acts_on_nothing_that_is_no_voice(tiny):
    waveform = speak(40.0, seed=5).waveform
    is_late = np.arange(len(waveform)) >= 20 * RATE
    mark = 0.004 * np.tile(MARK, len(waveform) // HOP)
    everywhere = tiny.track(waveform + mark, RATE, fps=FPS)
    nowhere = tiny.track(waveform - mark, RATE, fps=FPS)
    late = tiny.track(waveform + np.where(is_late, mark, -mark), RATE, fps=FPS)
    tune = slice(25, 450)
    brows = ARKIT_INDEX["browInnerUp"]

    def raised(track):
        return track.layers["upper_face"][tune, brows].max()

    assert raised(everywhere) > 3 * max(raised(late), raised(nowhere))
    moved = [np.ptp(track.head_pose[tune, 0]) for track in (everywhere, late, nowhere)]
    assert moved[0] > 1.5 * max(moved[1:])
    assert late.layers["upper_face"][550:, brows].max() > 0.5 * raised(everywhere)


def test_progress_rises_in_small_steps_and_may_stop_every_stage(tiny, monkeypatch):
    monkeypatch.setattr(model, "CHUNK_FRAMES", 100)
    monkeypatch.setattr(heard, "TRACK_FRAMES", 50)
    monkeypatch.setattr("gaussian_heads.core.speech.pitch.BLOCK_FRAMES", 100)
    monkeypatch.setattr("gaussian_heads.core.audio.BLOCK_FRAMES", 20_000)
    waveform, told = np.tile(noise(1000), 3), []
    tiny.track(waveform, 48_000, fps=FPS, progress=told.append)
    assert told == sorted(told) and told[0] == 0 and told[-1] == 1
    assert np.diff(told).max() < 0.11
    for limit in (0.0, 0.02, 0.3, 0.7, 0.97):
        shown = []

        def stop(done, limit=limit, shown=shown):
            shown.append(done)
            return done < limit

        with pytest.raises(AnalysisCancelled):
            tiny.track(waveform, 48_000, fps=FPS, progress=stop)
        assert max(shown) == min(done for done in told if done >= limit)


@pytest.mark.parametrize(
    ("metadata", "reason"),
    [
        ({"kind": "gaussian_heads.monocular"}, "another kind"),
        ({"version": "9"}, "version 9"),
        ({"code_space": "uhap-0123"}, "uhap-0123"),
        ({"frame_rate_hz": "0"}, "rates"),
        ({"past_frames": "many"}, "context"),
        ({"future_frames": "-1"}, "context"),
        ({"samples_step": "333"}, "step"),
        ({"style_names": "effort,jaw,lips,shouting"}, "shouting"),
    ],
)
def test_foreign_networks_are_refused_with_the_reason(tmp_path, metadata, reason):
    network = write_network(tmp_path / "n.onnx", Faults(metadata=metadata))
    with pytest.raises(ModelError, match=reason):
        SpeechModel.open(network)


@pytest.mark.parametrize(
    "faults",
    [
        Faults(waveform="audio"),
        Faults(width=53),
        Faults(num_styles=3),
        Faults(has_voice=False),
        Faults(metadata={"style_names": "jaw"}),
    ],
    ids=str,
)
def test_networks_with_other_inputs_or_outputs_are_refused(tmp_path, faults):
    with pytest.raises(ModelError, match="inputs or outputs"):
        SpeechModel.open(write_network(tmp_path / "n.onnx", faults))


def test_missing_and_broken_networks_are_named(tmp_path):
    with pytest.raises(ModelError, match="no speech network"):
        SpeechModel.open(tmp_path / "missing.onnx")
    for content in (b"", b"hello", SPEECH_MODEL.read_bytes()[:100_000]):
        (tmp_path / "broken.onnx").write_bytes(content)
        with pytest.raises(ModelError, match="reinstall"):
            SpeechModel.open(tmp_path / "broken.onnx")
