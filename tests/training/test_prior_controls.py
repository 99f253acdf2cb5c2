"""The maps between named controls and a latent code: what they recover, and the whole command."""

import json
from types import SimpleNamespace

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="the prior needs the training extra")

from gaussian_heads.core.avatar import Controls  # noqa: E402
from gaussian_heads.core.measure import INNER_LOWER, INNER_UPPER  # noqa: E402
from gaussian_heads.core.spaces import ARKIT_BLENDSHAPES, ARKIT_INDEX, viseme_to_arkit  # noqa: E402
from gaussian_heads.training.control_geometry import GAP_SHARE, SHARES, Regions  # noqa: E402
from gaussian_heads.training.control_maps import (  # noqa: E402
    Evidence,
    controls_of,
    fit_map,
    fit_readout,
)
from gaussian_heads.training.dataset import layout, open_capture  # noqa: E402
from gaussian_heads.training.prior_controls import CONTROLS_FILE, main  # noqa: E402

from .dataset_fixtures import write_small_capture  # noqa: E402
from .test_evaluate import tiny_settings  # noqa: E402

NUM_CODES, NUM_SHAPES = 60, 56


def made_up(seed=2, code_noise=0.5):
    """Frames whose mesh is a bent function of the code, with a true map and codes that are noisy."""
    random = np.random.default_rng(seed)
    true_map = random.normal(0, 0.4, (52, NUM_CODES)).astype(np.float32)
    straight = torch.from_numpy(random.normal(0, 0.3, (NUM_CODES, NUM_SHAPES)).astype(np.float32))
    bend = torch.from_numpy(random.normal(0, 0.2, (NUM_CODES, NUM_SHAPES)).astype(np.float32))
    shift = torch.tensor([0.0, 0.3])

    def shapes(codes, person):
        return codes @ straight + 0.1 * torch.tanh(codes @ bend) * (1 + shift[person][:, None])

    weights = random.uniform(0, 1, (300, 52)) * (random.random((300, 52)) < 0.15)
    person = random.integers(0, 2, 300)
    codes = (weights @ true_map).astype(np.float32)
    wanted = shapes(torch.from_numpy(codes), torch.from_numpy(person)).numpy()
    noisy = codes + random.normal(0, code_noise, codes.shape)
    evidence = Evidence(weights.astype(np.float32), noisy.astype(np.float32), wanted, person)
    return evidence, shapes, true_map


def shape_error(matrix, evidence, shapes):
    codes = torch.from_numpy(np.asarray(evidence.weights @ matrix, np.float32))
    ours = shapes(codes, torch.from_numpy(evidence.person)).numpy()
    return float(np.abs(ours - evidence.coefficients).mean())


def test_the_map_meets_the_mesh_where_the_encoder_is_noisy():
    evidence, shapes, _ = made_up()
    from_codes = np.linalg.lstsq(evidence.weights, evidence.codes, rcond=None)[0]
    matrix = fit_map(evidence, shapes, np.eye(NUM_SHAPES))
    assert shape_error(matrix, evidence, shapes) < 0.25 * shape_error(from_codes, evidence, shapes)
    fresh, _, _ = made_up(seed=2, code_noise=0.0)
    assert shape_error(matrix, fresh, shapes) < 0.02


def test_weights_come_back_from_codes():
    evidence, shapes, _ = made_up(code_noise=0.05)
    matrix = fit_map(evidence, shapes, np.eye(NUM_SHAPES))
    readout = fit_readout(evidence, matrix)
    back = np.clip(evidence.weights @ matrix @ readout.T, 0, 1)
    assert evidence.weights.mean() > 0.05
    assert np.abs(back - evidence.weights).mean() < 0.01


def test_controls_of_a_latent_space_go_through_arkit():
    matrix = np.random.default_rng(1).normal(size=(52, 9)).astype(np.float32)
    controls = controls_of(matrix, np.zeros((52, 9)))
    np.testing.assert_allclose(controls.visemes, viseme_to_arkit() @ matrix, atol=1e-6)
    again = Controls.from_bytes(controls.to_bytes(), 9)
    np.testing.assert_array_equal(again.au, controls.au)


@pytest.fixture(scope="module")
def face():
    """Random points of a face with landmarks among them, of which a few do not move."""
    random = np.random.default_rng(3)
    mean = random.uniform((-0.07, -0.1, -0.02), (0.07, 0.06, 0.02), (900, 3))
    landmarks = np.arange(68)
    mean[48:68] = (0.0, -0.06, 0.01) + 0.01 * random.normal(size=(20, 3))
    moving = np.arange(800)
    topology = SimpleNamespace(landmarks68=landmarks)
    return SimpleNamespace(mean_vertices=mean, moving=moving, topology=topology)


def test_the_metric_is_the_mean_square_of_the_regions_and_of_the_gap(face):
    regions = Regions.of(face)
    assert 3 < regions.masks["lips"].sum() < regions.masks["face"].sum() <= 800
    random = np.random.default_rng(4)
    basis = random.normal(0, 1e-3, (7, 2400))
    error = random.normal(size=7)
    moved = (error @ basis).reshape(800, 3)
    square_mm = 1e6 * (moved**2).sum(1)
    expected = sum(SHARES[name] * square_mm[mask].mean() for name, mask in regions.masks.items())
    gap_mm = 1e3 * (moved[list(INNER_UPPER), 1] - moved[list(INNER_LOWER), 1]).mean()
    expected += GAP_SHARE * gap_mm**2
    assert error @ regions.metric(basis) @ error == pytest.approx(expected, rel=1e-6)


def test_errors_are_millimetres(face):
    regions = Regions.of(face)
    moved, wanted = np.zeros((2, 800, 3)), np.zeros((2, 800, 3))
    moved[1, :, 2] = 0.002
    moved[1, list(INNER_UPPER), 1] = 0.001
    errors = regions.errors_mm(moved, wanted)
    assert errors["gap"] == pytest.approx([0.0, 1.0])
    assert errors["lids"] == pytest.approx([0.0, 2.0])


@pytest.fixture(scope="module")
def capture(tmp_path_factory):
    return write_small_capture(tmp_path_factory.mktemp("capture"), num_train=3, num_frames=8)


@pytest.fixture(scope="module")
def prior(capture, tmp_path_factory):
    from gaussian_heads.training.prior import train_prior

    folder = tmp_path_factory.mktemp("prior")
    train_prior(capture, folder, tiny_settings())
    return folder


def test_the_command_learns_maps_and_says_how_good_they_are(prior, capture, capsys):
    assert main(["--prior", str(prior), "--data", str(capture)]) == 0
    said = capsys.readouterr().out
    assert "fitted frames: 21 frames" in said and "unseen persons: 8 frames" in said
    controls = Controls.from_bytes((prior / CONTROLS_FILE).read_bytes(), 8)
    record = json.loads((prior / "prior.json").read_text())
    assert record["code_dim"] == 8 and set(record["controls"]) == {
        "fitted frames", "unseen frames of seen persons", "unseen persons",
    }  # fmt: skip
    unseen = record["controls"]["unseen persons"]
    still = still_error_mm(capture)
    assert unseen["mesh"]["face"][0] < 0.5 * still
    assert unseen["arkit_code_arkit"]["jawOpen"] < 0.1
    assert np.abs(controls.arkit52[ARKIT_INDEX["jawOpen"]]).max() > 0.1
    unused = [i for i, n in enumerate(ARKIT_BLENDSHAPES) if "Blink" not in n and n != "jawOpen"]
    assert np.abs(controls.arkit52[unused]).max() < 0.1


def still_error_mm(capture):
    """Mean distance of the tracked meshes from the neutral: the error of maps that do nothing."""
    subject = open_capture(capture).subjects("validate")[0]
    moved = np.linalg.norm(subject.offsets.astype(np.float32), axis=2)
    return 1e3 * float(moved[:, moved.max(0) > 1e-5].mean())


def test_a_capture_without_controls_is_refused(prior, capture, tmp_path, capsys):
    bare = write_small_capture(tmp_path / "bare", num_train=1, num_validate=0)
    subject = open_capture(bare).subjects()[0]
    layout.write_frames(bare, subject.name, np.array(subject.offsets, np.float32), None)
    assert main(["--prior", str(prior), "--data", str(bare)]) == 1
    assert "No person of the capture has controls" in capsys.readouterr().err
