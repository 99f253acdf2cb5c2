"""What passes between the runtime and a generator of known output: inputs, pieces, noise, progress, refusals."""

from fractions import Fraction

import numpy as np
import pytest
from gaussian_heads.core.direction import ActingDirection, MotionGenerator, generator
from gaussian_heads.core.errors import ModelError
from gaussian_heads.core.progress import AnalysisCancelled
from gaussian_heads.core.spaces import ACTION_UNITS

from .tiny_direction import (
    METADATA,
    NOISE_DIM,
    REACH,
    STRIDE,
    Faults,
    expected,
    made_up_speech,
    write_generator,
)

pytest.importorskip("onnx")


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    return write_generator(tmp_path_factory.mktemp("generator") / "tiny.onnx")


@pytest.fixture(scope="module")
def tiny(path):
    return MotionGenerator.open(path)


def moving(num_frames=90, fps=25, seed=1):
    """A direction with other intensities every frame."""
    random = np.random.default_rng(seed)
    rows = random.uniform(0, 5, (num_frames, len(ACTION_UNITS))).astype(np.float32)
    return ActingDirection(rows, Fraction(fps), 0.1)


class Recorded:
    """A session that keeps what it is given."""

    def __init__(self, session):
        self.session, self.given = session, []

    def run(self, wanted, given):
        self.given.append(given)
        return self.session.run(wanted, given)


def recorded(tiny):
    return MotionGenerator(Recorded(tiny._session), tiny.specification)


def test_a_generator_says_its_rates(tiny):
    found = tiny.specification
    assert (found.frame_rate_hz, found.stride) == (50, STRIDE)
    assert (found.noise_dim, found.reach) == (NOISE_DIM, REACH)


@pytest.mark.parametrize("num_rows", [1, 7, 8, 333])
def test_acting_is_that_of_the_network_for_every_row_heard(tiny, num_rows):
    spied, heard, direction = recorded(tiny), made_up_speech(num_rows), moving()
    acted = spied.act(heard, direction, seed=3)
    (given,) = spied._session.given
    frames = -(-num_rows // (2 * STRIDE)) * STRIDE
    assert {name: values.shape for name, values in given.items()} == {
        "features": (frames, 15), "units": (frames, 18), "noise": (frames // STRIDE, NOISE_DIM),
        "weights": (2 * frames, 52), "closure": (2 * frames,),
    }  # fmt: skip
    assert all(values.dtype == np.float32 for values in given.values())
    assert np.allclose(given["weights"][:num_rows], heard.levels / 65_535, atol=1e-6)
    assert not given["weights"][num_rows:].any()
    assert np.array_equal(given["units"], direction.at((np.arange(frames) + 0.5) / 50))
    assert acted.weights.shape == (num_rows, 52) and acted.weights.dtype == np.float32
    assert np.abs(acted.weights - expected(given)[:num_rows]).max() < 2e-4
    assert acted.rate_hz == 100 and acted.landmarks is None
    assert np.array_equal(acted.lip_closure, given["closure"][:num_rows])


def test_landmarks_come_where_they_are_asked_for(tiny):
    heard = made_up_speech(333)
    acted = tiny.act(heard, moving(), with_landmarks=True)
    assert acted.landmarks.shape == (333, 68, 3) and acted.landmarks.dtype == np.float32
    wanted = acted.weights @ np.linspace(-1, 1, 52 * 204).reshape(52, 204)
    assert np.abs(acted.landmarks.reshape(333, -1) - wanted).max() < 1e-3


@pytest.mark.parametrize("size", [STRIDE, 10, 32, 97])
def test_pieces_see_all_that_a_frame_depends_on(tiny, monkeypatch, size):
    heard, direction = made_up_speech(777), moving(300)
    whole = tiny.act(heard, direction, seed=1, with_landmarks=True)
    monkeypatch.setattr(generator, "CHUNK_FRAMES", size)
    spied = recorded(tiny)
    pieces = spied.act(heard, direction, seed=1, with_landmarks=True)
    assert len(spied._session.given) > 3
    assert np.abs(pieces.weights - whole.weights).max() < 1e-5
    assert np.abs(pieces.landmarks - whole.landmarks).max() < 1e-4


def test_a_reach_that_is_too_small_would_show_where_pieces_meet(tmp_path, monkeypatch):
    network = write_generator(tmp_path / "n.onnx", Faults(metadata={"reach": "1"}))
    heard, direction = made_up_speech(777), moving(300)
    short = MotionGenerator.open(network)
    whole = short.act(heard, direction)
    monkeypatch.setattr(generator, "CHUNK_FRAMES", 32)
    assert np.abs(short.act(heard, direction).weights - whole.weights).max() > 0.1


def test_seed_and_temperature_decide_the_noise_and_nothing_else(tiny):
    heard, direction = made_up_speech(200), moving()

    def acted(seed, temperature=1.0):
        return tiny.act(heard, direction, seed=seed, temperature=temperature).weights

    assert np.array_equal(acted(4), acted(4)) and np.array_equal(acted(4, 1), acted(4))
    assert np.abs(acted(4) - acted(5)).max() > 0.1
    assert np.array_equal(acted(4, 0.0), acted(5, 0.0))
    twice = acted(4, 0.0) + 2.0 * (acted(4) - acted(4, 0.0))
    assert np.abs(acted(4, 2.0) - twice).max() < 1e-4


@pytest.mark.parametrize("temperature", [-0.1, 3.1, float("nan"), float("inf")])
def test_temperatures_out_of_range_are_refused(tiny, temperature):
    with pytest.raises(ModelError, match="temperature of the acting is .*: give 0 to 3"):
        tiny.act(made_up_speech(20), moving(), temperature=temperature)


def test_seeds_below_zero_are_refused(tiny):
    with pytest.raises(ModelError, match="seed of the acting is -1: give 0 or more"):
        tiny.act(made_up_speech(20), moving(), seed=-1)


def test_the_beginning_is_drawn_alike_however_long_the_sound_is(tiny):
    spied = recorded(tiny)
    for num_rows in (160, 800):
        spied.act(made_up_speech(num_rows), moving(), seed=2)
    one, other = (given["noise"] for given in spied._session.given)
    assert np.array_equal(one, other[: len(one)])


def test_progress_rises_to_the_end_and_may_stop_it(tiny, monkeypatch):
    monkeypatch.setattr(generator, "CHUNK_FRAMES", 32)
    heard, told = made_up_speech(777), []
    tiny.act(heard, moving(), progress=told.append)
    assert told == sorted(told) and told[0] == 0.0 and told[-1] == 1.0 and len(told) > 10
    spied = recorded(tiny)
    with pytest.raises(AnalysisCancelled):
        spied.act(heard, moving(), progress=lambda done: done < 0.5)
    assert 5 <= len(spied._session.given) <= 7


def test_speech_heard_at_another_rate_is_refused(tiny):
    with pytest.raises(ModelError, match="heard at 50 frames a second, .* takes 100: listen"):
        tiny.act(made_up_speech(100, rate_hz=50), moving())


def test_output_that_is_not_finite_is_refused(tmp_path):
    network = write_generator(tmp_path / "n.onnx", Faults(is_finite=False))
    with pytest.raises(ModelError, match="not finite: reinstall"):
        MotionGenerator.open(network).act(made_up_speech(40), moving())


@pytest.mark.parametrize(
    ("metadata", "reason"),
    [
        ({"kind": "gaussian_heads.speech"}, "another kind: choose a motion generator"),
        ({"version": "9"}, "version 9, this release reads version 1: update"),
        ({"code_space": "uhap-0123"}, "uhap-0123, not arkit52"),
        ({"frame_rate_hz": "0"}, "rates: reinstall"),
        ({"stride": "many"}, "rates"),
        ({"reach": "-1"}, "rates"),
        ({"noise": "3"}, "inputs or outputs"),
    ],
)
def test_foreign_networks_are_refused_with_the_reason(tmp_path, metadata, reason):
    network = write_generator(tmp_path / "n.onnx", Faults(metadata=metadata))
    with pytest.raises(ModelError, match=reason):
        MotionGenerator.open(network)


@pytest.mark.parametrize("name", METADATA)
def test_networks_that_leave_something_out_are_refused(tmp_path, name):
    network = write_generator(tmp_path / "n.onnx", Faults(without=(name,)))
    with pytest.raises(ModelError, match=r"n\.onnx'.*: (choose|update|reinstall)"):
        MotionGenerator.open(network)


@pytest.mark.parametrize(
    "faults",
    [
        Faults(units="emotions"),
        Faults(num_features=14),
        Faults(noise_dim=3),
        Faults(has_landmarks=False),
    ],
    ids=str,
)
def test_networks_with_other_inputs_or_outputs_are_refused(tmp_path, faults):
    with pytest.raises(ModelError, match="inputs or outputs.*: reinstall the extension"):
        MotionGenerator.open(write_generator(tmp_path / "n.onnx", faults))


def test_missing_and_broken_generators_are_named(tmp_path, path):
    with pytest.raises(ModelError, match=r"no motion generator '.*missing\.onnx': reinstall"):
        MotionGenerator.open(tmp_path / "missing.onnx")
    for content in (b"", b"hello", path.read_bytes()[:1000]):
        (tmp_path / "broken.onnx").write_bytes(content)
        with pytest.raises(ModelError, match="not a motion generator that can be read .*reinstall"):
            MotionGenerator.open(str(tmp_path / "broken.onnx"))
