# ruff: noqa: E402 (torch may be missing)
"""The motion generator is trained, stopped, gone on with and exported as what `core.direction` opens."""

import csv
import json
import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="the training environment is not installed")
pytest.importorskip("onnx", reason="the training environment is not installed")

from gaussian_heads.core.direction import ActingDirection, MotionGenerator
from gaussian_heads.core.direction.features import PER_FRAME
from gaussian_heads.core.sessions import make_session
from gaussian_heads.core.spaces import ACTION_UNITS
from gaussian_heads.training import DATA_VARIABLE, au_motion
from gaussian_heads.training.au_motion import AuMotionFit, AuMotionSettings, make_generator
from gaussian_heads.training.channel_bytes import MIN_SIZE, MOST_STEPS
from gaussian_heads.training.directing import directions, hearing
from gaussian_heads.training.directing.export import GeneratorGraph, export_generator
from gaussian_heads.training.directing.head import mean_head

from ..core.tiny_direction import made_up_speech
from .directing_fixtures import TINY, made_up_sentence, shaken, write_captured

SETTINGS = AuMotionSettings(
    steps=12, batch=3, frames=32, warm_up_steps=2, checkpoint_steps=5, average=0.8, shape=TINY
)
SENTENCES = [made_up_sentence(frames, seed) for seed, frames in enumerate((100, 20, 64))]
DATA = os.environ.get(DATA_VARIABLE, "")


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    folder = tmp_path_factory.mktemp("data")
    write_captured(folder)
    return folder


@pytest.fixture(scope="module")
def head():
    return mean_head()


class Stopped(AuMotionFit):
    """A fit that somebody stops by Ctrl-C in step 7."""

    def follow(self, item):
        if self.step == 7:
            raise KeyboardInterrupt
        super().follow(item)


def trained(folder, data, settings=SETTINGS, kind=AuMotionFit):
    folder.mkdir(exist_ok=True)
    fit = kind(settings, SENTENCES, data, folder)
    fit.run((), folder / au_motion.CHECKPOINT)
    return fit


def same(fit, other):
    pairs = zip(fit.average.parameters(), other.average.parameters(), strict=True)
    return all(torch.equal(one, another) for one, another in pairs)


@pytest.mark.parametrize("use_labels", [False, True])
def test_training_comes_nearer_to_what_is_performed(tmp_path, data, use_labels):
    settings = replace(SETTINGS, steps=60, rate=4e-3, use_labels=use_labels)
    fit = AuMotionFit(settings, SENTENCES, data, tmp_path)
    held_out = fit.batch(np.random.default_rng([99, 99]))
    assert held_out.motion.shape == (3, 32, 52)
    assert held_out.asked.shape == (3, 32, 6 if use_labels else 18)

    def wrong():
        with torch.no_grad():
            losses = fit.losses(held_out, np.random.default_rng(0))
        return float(losses["landmark"] + losses["weights"])

    before = wrong()
    fit.run((), tmp_path / au_motion.CHECKPOINT)
    assert wrong() < 0.95 * before
    assert not same(fit, AuMotionFit(settings, SENTENCES, data, tmp_path))


def test_batches_follow_from_the_step_and_silence_surrounds_sentences(tmp_path, data):
    fit = AuMotionFit(SETTINGS, SENTENCES, data, tmp_path)
    one, again, other = (fit.batch(np.random.default_rng([5, step])) for step in (1, 1, 2))
    assert torch.equal(one.motion, again.motion) and not torch.equal(one.motion, other.motion)
    assert torch.allclose(one.plain + one.motion, (one.plain + one.motion).clamp(0, 1), atol=1e-6)
    short = AuMotionFit(SETTINGS, SENTENCES[1:2], data, tmp_path)
    plain = short.batch(np.random.default_rng(0)).plain
    assert plain.shape == (3, 32, 52) and (~plain.any(2)).any()


def test_a_stopped_run_comes_to_the_same_numbers(tmp_path, data):
    whole = trained(tmp_path / "whole", data)
    with pytest.raises(KeyboardInterrupt):
        trained(tmp_path / "part", data, kind=Stopped)
    rest = trained(tmp_path / "part", data)
    assert rest.step == 12 and same(whole, rest)
    for one, other in zip(whole.network.parameters(), rest.network.parameters(), strict=True):
        assert torch.equal(one, other)


def test_a_run_of_other_settings_starts_anew(tmp_path, data, caplog):
    with pytest.raises(KeyboardInterrupt):
        trained(tmp_path / "part", data, kind=Stopped)
    other = replace(SETTINGS, kl=0.5)
    with caplog.at_level("INFO"):
        fit = trained(tmp_path / "part", data, settings=other)
    assert "other settings: starting anew" in caplog.text and fit.step == 12


def test_the_curve_of_a_resumed_run_has_every_step_once_and_its_figures_stay(tmp_path, data):
    settings = replace(SETTINGS, steps=120, batch=4, frames=16, checkpoint_steps=60)
    fit = AuMotionFit(settings, SENTENCES, data, tmp_path)
    path = tmp_path / au_motion.CHECKPOINT
    fit.run((), path)
    figures = dict(fit.figures)
    assert set(figures) == {"landmark", "weights", "continuity", "kl"}
    state = torch.load(path, weights_only=True)
    done = AuMotionFit(settings, SENTENCES, data, tmp_path)
    done.resume(path)
    assert done.figures == pytest.approx(figures, abs=0.1)
    torch.save(state | {"step": 60}, path)
    again = AuMotionFit(settings, SENTENCES, data, tmp_path)
    again.run((), path)
    with (tmp_path / au_motion.CURVE).open(newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert [row["step"] for row in rows] == ["0", "50", "100"]
    assert all(float(row["landmark"]) > 0 for row in rows)


@pytest.mark.parametrize(
    ("rest", "kept"),
    [("", []), ("0,0.5,0.1,0.2,0.1\n", ["0"]), ("0,0.5,0.1,0.2,0.1\n50,0.4", ["0"])],
)
def test_a_curve_that_was_cut_off_is_gone_on_with(tmp_path, data, rest, kept):
    fit = AuMotionFit(replace(SETTINGS, steps=101), SENTENCES, data, tmp_path)
    fit.step = 100
    fit.save(tmp_path / au_motion.CHECKPOINT)
    (tmp_path / au_motion.CURVE).write_text(f"step,landmark,weights,continuity,kl\n{rest}", "utf8")
    fit.run((), tmp_path / au_motion.CHECKPOINT)
    with (tmp_path / au_motion.CURVE).open(newline="") as stream:
        assert [row["step"] for row in csv.DictReader(stream)] == [*kept, "100"]


def as_stored(network):
    """The network with the weights that an exported file's bytes stand for."""
    with torch.no_grad():
        for parameter in network.parameters():
            if parameter.ndim > 1 and parameter.numel() >= MIN_SIZE:
                dims = tuple(range(1, parameter.ndim))
                step = parameter.abs().amax(dims, keepdim=True).clamp(min=1e-12) / MOST_STEPS
                parameter.copy_(torch.round(parameter / step) * step)
    return network


def made_up_input(num_frames, stride, latent, conditions=18, seed=0):
    """All that goes into an exported generator, by name."""
    random = np.random.default_rng(seed)
    sentence = made_up_sentence(num_frames, seed)
    units = random.uniform(0, 5, (num_frames, conditions))
    return {
        "features": sentence.features,
        "units": units.astype(np.float32),
        "noise": random.standard_normal((num_frames // stride, latent), np.float32),
        "weights": sentence.weights.repeat(PER_FRAME, 0),
        "closure": sentence.features[:, -3].repeat(PER_FRAME),
    }


@pytest.fixture(scope="module")
def network(head):
    return shaken(make_generator(SETTINGS, head))


@pytest.fixture(scope="module")
def exported(network, head, tmp_path_factory):
    path = tmp_path_factory.mktemp("exported") / "new folder" / "generator.onnx"
    export_generator(network, head, path)
    return path


@pytest.mark.parametrize("latents", [1, 3, 50])
def test_the_file_gives_what_the_network_gives(network, head, exported, latents):
    given = made_up_input(latents * TINY.stride, TINY.stride, TINY.latent)
    acting, landmarks = make_session(exported.read_bytes(), 1).run(["acting", "landmarks"], given)
    inputs = tuple(
        torch.from_numpy(given[n]) for n in ("features", "units", "noise", "weights", "closure")
    )
    with torch.no_grad():
        wanted, points = GeneratorGraph(as_stored(network), head)(inputs)
    assert np.abs(acting).max() > 0.3
    assert np.abs(acting - wanted.numpy()).max() < 1e-4
    assert np.abs(landmarks - points.numpy()).max() < 1e-5
    assert landmarks.shape == (PER_FRAME * latents * TINY.stride, 68, 3)


def test_the_file_opens_and_acts(network, exported):
    generator = MotionGenerator.open(exported)
    found = generator.specification
    assert (found.frame_rate_hz, found.stride, found.noise_dim) == (50, TINY.stride, TINY.latent)
    assert found.reach == network.reach
    acted = generator.act(made_up_speech(333), ActingDirection.constant(AU12=3), seed=1)
    assert acted.weights.shape == (333, 52) and acted.weights.any()
    assert not generator.act(made_up_speech(333), ActingDirection.constant()).weights.any()


@pytest.mark.parametrize("name", ["features", "units", "noise", "weights", "closure"])
def test_a_frame_depends_on_nothing_beyond_the_reach(network, exported, name):
    frames, stride = 160, TINY.stride
    session, given = make_session(exported.read_bytes(), 1), made_up_input(160, stride, TINY.latent)
    (before,) = session.run(["acting"], given)
    rows = len(given[name])
    middle = rows // 2
    # The frames that share the middle row of this input.
    first, last = frames * middle // rows, (frames * (middle + 1) - 1) // rows
    changed = given[name].copy()
    changed[middle] += 3.0 if name == "noise" else -0.4 * np.sign(changed[middle] - 0.5)
    (after,) = session.run(["acting"], given | {name: changed})
    moved = np.flatnonzero(np.abs(after - before).max(1) > 1e-6) // PER_FRAME
    assert (
        len(moved) and moved.min() >= first - network.reach and moved.max() <= last + network.reach
    )
    assert network.reach < frames // 3


def test_labels_are_exported_with_columns_to_spare(head, tmp_path):
    labelled = shaken(make_generator(replace(SETTINGS, use_labels=True), head))
    export_generator(labelled, head, tmp_path / "labels.onnx")
    heard = made_up_speech(160)
    generator = MotionGenerator.open(tmp_path / "labels.onnx")
    first, last = (ActingDirection.constant(**{ACTION_UNITS[i]: 5}) for i in (0, 17))
    assert generator.act(heard, first).weights.any()
    assert not generator.act(heard, last).weights.any()


@pytest.fixture
def small_hearing(monkeypatch):
    """Some recordings stand for all of them."""
    found = hearing.recordings

    def some(data):
        everything = found(data)
        return everything[:3] + [r for r in everything if r.corpus == "reading_en"][:5]

    monkeypatch.setattr(hearing, "recordings", some)


@pytest.mark.usefixtures("signals", "small_hearing")
@pytest.mark.skipif(
    not (DATA and (Path(DATA) / "speech/multi_en").is_dir()),
    reason=f"needs the recordings below the folder {DATA_VARIABLE} names",
)
def test_a_small_run_makes_generators_that_act(tmp_path):
    words = ["--data", DATA, "--work", str(tmp_path), "--small"]
    assert au_motion.main(words) == 0 and au_motion.main([*words, "--labels"]) == 0
    for name in (au_motion.GENERATOR, au_motion.LABELS):
        generator = MotionGenerator.open(tmp_path / "small" / name)
        acted = generator.act(made_up_speech(400), ActingDirection.constant(AU01=4.0))
        assert acted.weights.any() and np.isfinite(acted.weights).all()
    record = json.loads((tmp_path / "small" / "generator.json").read_text("utf8"))
    assert record["sentences"] >= 3 and record["last_figures"]["landmark"] > 0
    assert record["settings"]["steps"] == 20 and str(tmp_path) not in json.dumps(record)


@pytest.fixture
def no_recordings(monkeypatch, data, tmp_path):
    """Commands take the made-up sentences, and the captured face of the data that was written here."""
    monkeypatch.setattr(au_motion, "load_sentences", lambda data, work, split: SENTENCES)
    return ["--data", str(data), "--work", str(tmp_path), "--small"]


@pytest.mark.usefixtures("signals")
def test_ctrl_c_leaves_a_checkpoint_and_the_same_command_goes_on(
    no_recordings, tmp_path, monkeypatch, capsys, caplog
):
    monkeypatch.setattr(au_motion, "AuMotionFit", Stopped)
    assert au_motion.main(no_recordings) == 130
    assert "the same command goes on" in capsys.readouterr().err
    assert not list(tmp_path.rglob("*.onnx"))
    path = tmp_path / "small" / "units" / au_motion.CHECKPOINT
    assert torch.load(path, weights_only=True)["step"] == 7
    monkeypatch.setattr(au_motion, "AuMotionFit", AuMotionFit)
    out = tmp_path / "own.onnx"
    with caplog.at_level("INFO"):
        assert au_motion.main([*no_recordings, "--out", str(out)]) == 0
    assert "going on from step 7" in caplog.text
    assert (
        MotionGenerator.open(out).specification.stride == 8 and out.with_suffix(".json").is_file()
    )


@pytest.mark.usefixtures("signals")
def test_small_runs_leave_whole_ones_and_the_network_that_ships_alone(
    no_recordings, tmp_path, monkeypatch
):
    monkeypatch.setattr(au_motion, "DIRECTION_MODEL", tmp_path / "shipped.onnx")
    (tmp_path / "units").mkdir()
    (tmp_path / "units" / au_motion.CHECKPOINT).write_bytes(b"a night's work")
    assert au_motion.main(no_recordings) == 0
    assert not (tmp_path / "shipped.onnx").exists()
    assert (tmp_path / "units" / au_motion.CHECKPOINT).read_bytes() == b"a night's work"
    MotionGenerator.open(tmp_path / "small" / au_motion.GENERATOR)


@pytest.mark.usefixtures("signals")
def test_missing_data_are_said_in_a_sentence(tmp_path, monkeypatch, capsys):
    monkeypatch.delenv(DATA_VARIABLE, raising=False)
    words = ["--work", str(tmp_path / "work"), "--data"]
    with pytest.raises(SystemExit, match="--data or set GAUSSIAN_HEADS_DATA"):
        au_motion.main([*words, str(tmp_path)])
    for corpus in ("multi_en", "reading_en"):
        (tmp_path / "speech" / corpus).mkdir(parents=True)
    assert au_motion.main([*words, str(tmp_path)]) == 1
    assert "transcripts.csv': check path" in capsys.readouterr().err
    (tmp_path / "speech/multi_en/transcripts.csv").write_text("clip,speaker,text\n", "utf8")
    (tmp_path / "speech/reading_en/transcript.csv").write_text("", "utf8")
    assert au_motion.main([*words, str(tmp_path)]) == 1
    assert "no recording to train on" in capsys.readouterr().err
    monkeypatch.setattr(au_motion, "load_sentences", lambda data, work, split: SENTENCES)
    assert au_motion.main([*words, str(tmp_path)]) == 1
    assert "captured face" in capsys.readouterr().err


def test_captured_faces_become_directions_at_their_own_pace(data):
    (units,) = directions.captured_units(data)
    assert units.shape == (100, 18) and units.dtype == np.float32
    assert units.min() >= 0.0 and 0.0 < units.max() <= 5.0
