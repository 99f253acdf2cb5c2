"""The Universal Head Avatar Prior: zero is the neutral, training goes down and resumes, what is baked agrees."""

import dataclasses
import json
import os
import shutil
import socket
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="needs torch (the training environment)")
pytest.importorskip("scipy", reason="needs scipy (the training environment)")
pytest.importorskip("PIL.Image", reason="needs pillow")

from gaussian_heads.core.errors import ModelError  # noqa: E402
from gaussian_heads.training.dataset.reader import CaptureDataset  # noqa: E402
from gaussian_heads.training.networks.prior import UniversalPrior  # noqa: E402
from gaussian_heads.training.prior import foundation, train_prior  # noqa: E402
from gaussian_heads.training.prior_bake import bake_head, encode_subject  # noqa: E402
from gaussian_heads.training.prior_data import PersonLoader, training_pictures  # noqa: E402
from gaussian_heads.training.prior_file import load_prior, read_record  # noqa: E402
from gaussian_heads.training.prior_latent import encode_frames, use_principal_codes  # noqa: E402
from gaussian_heads.training.prior_settings import (  # noqa: E402
    GaussianSettings,
    NetworkSettings,
    PriorSettings,
    TrainingError,
    read_settings,
)

from .dataset_fixtures import write_small_capture  # noqa: E402
from .test_head_network import COARSE  # noqa: E402

SMALL = PriorSettings(
    steps=12,
    network=NetworkSettings(
        code_dim=6, identity_dim=5, geometry_rank=6, color_rank=4, image_px=32,
        widths=(4, 6, 8), change_px=16, change_widths=(4, 6), hidden=12, strand_hidden=8,
    ),
    gaussians=GaussianSettings(spacing=COARSE),
    checkpoint_steps=5,
    report_steps=4,
    image_steps=6,
)  # fmt: skip


@pytest.fixture(scope="module")
def capture(tmp_path_factory):
    return write_small_capture(tmp_path_factory.mktemp("capture"))


@pytest.fixture(scope="module")
def trained(capture, tmp_path_factory):
    out = tmp_path_factory.mktemp("prior")
    train_prior(capture, out, SMALL)
    return out


@pytest.fixture
def prior(capture, trained):
    torch.manual_seed(1)
    subjects = CaptureDataset.open(capture).subjects("train")
    return UniversalPrior(foundation(subjects, trained / "work", SMALL), SMALL)


@pytest.fixture
def out(trained, tmp_path):
    """A folder where the anchors stand already, which takes seconds, but nothing is trained."""
    (tmp_path / "out/work").mkdir(parents=True)
    shutil.copy(trained / "work/foundation.npz", tmp_path / "out/work")
    return tmp_path / "out"


def weights(folder):
    return load_prior(folder).state_dict()


def test_the_zero_code_is_the_neutral_scan(prior, capture, tmp_path):
    subject = CaptureDataset.open(capture).subjects("train")[0]
    baked = bake_head(prior, subject)
    means, *_, landmarks, _ = baked(torch.zeros(6))
    drawn = baked.head.neutral_m
    assert torch.equal(baked.head.vertices(baked.shape_map(torch.zeros(6))), drawn)
    inset = prior.parts.anchors.inset.max()
    own = subject.neutral_vertices[subject.topology.landmarks68]
    assert np.abs(landmarks.numpy() - own).max() <= inset + 1e-5
    assert len(means) == len(baked.neck_weights)


def test_no_difference_is_encoded_as_zero(prior):
    mean, _ = prior.encode(torch.zeros(2, prior.basis.shape[0]), torch.zeros(2, 3, 16, 16))
    assert torch.equal(mean, torch.zeros(2, 6))


def test_codes_change_shape_and_colours_of_a_trained_prior(trained, capture):
    baked = bake_head(load_prior(trained), CaptureDataset.open(capture).subjects("validate")[0])
    rest, moved = baked(torch.zeros(6)), baked(torch.ones(6))
    assert (moved[0] - rest[0]).abs().max() > 1e-3
    assert (moved[4] - rest[4]).abs().max() > 1e-3
    assert all(torch.isfinite(value).all() for value in moved)


def test_baking_gives_what_the_prior_gives(prior, capture, tmp_path):
    """The decoder of an avatar against the path that training takes."""
    from torch.func import functional_call

    subject = CaptureDataset.open(capture).subjects("train")[0]
    person = PersonLoader(prior, tmp_path).load(subject)
    identity = prior.identify(person.scan.maps[None])[0]
    # Larger codes of an untrained prior turn triangles over, and half a turn from rest either sign of it is near.
    code = 0.3 * torch.randn(1, 6)
    shape, columns = prior.express(code, identity)
    look = prior.look(person.head, person.scan, identity)
    trained = functional_call(person.head, look, (shape[0], columns[0]))
    for ours, wanted in zip(bake_head(prior, subject)(code[0]), trained, strict=True):
        torch.testing.assert_close(ours, wanted, atol=2e-4, rtol=1e-3)


def test_principal_codes_are_of_unit_size_and_draw_the_same(prior, capture, tmp_path):
    subjects = CaptureDataset.open(capture).subjects("train")
    persons = [PersonLoader(prior, tmp_path).load(subject) for subject in subjects]
    frames = persons[0].train_frames
    identity = prior.identify(persons[0].scan.maps[None])[0]
    before = prior.express(encode_frames(prior, persons[0], frames), identity)
    sizes = use_principal_codes(prior, persons)
    after = prior.express(encode_frames(prior, persons[0], frames), identity)
    for old, new in zip(before, after, strict=True):
        torch.testing.assert_close(new, old, atol=1e-4, rtol=1e-3)
    codes = torch.cat(
        [
            encode_frames(prior, p, p.train_frames, textures=t)
            for p in persons
            for t in (True, False)
        ]
    )
    second = codes.T @ codes / len(codes)
    kept = torch.from_numpy(sizes > 0.01 * sizes[0])
    torch.testing.assert_close(
        second[kept][:, kept], torch.eye(int(kept.sum())), atol=0.02, rtol=0.02
    )
    assert (np.diff(sizes) <= 1e-6).all()


def test_training_lowers_the_loss_and_leaves_a_prior(capture, out):
    pytest.importorskip("tensorboard", reason="reads the curves of the run")
    settings = dataclasses.replace(SMALL, steps=90, report_steps=30)
    train_prior(capture, out, settings)
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    curves = EventAccumulator(str(out / "curves")).Reload()
    for name in ("picture", "alpha"):
        values = [point.value for point in curves.Scalars(name)]
        assert values[-1] < 0.9 * values[0], name
    record = read_record(out)
    assert record["code_space"] == f"uhap-{record['weights_sha256'][:12]}"
    assert record["persons"] == ["s0000", "s0001"] and record["steps"] == 90
    assert list((out / "images").glob("step_*.png"))


def test_a_stopped_run_goes_on_exactly(trained, capture, out, monkeypatch):
    from gaussian_heads.training.prior_fit import PriorFit

    follow, calls = PriorFit.follow, []

    def interrupted(self, item):
        calls.append(item)
        if len(calls) == 8:
            raise KeyboardInterrupt
        follow(self, item)

    monkeypatch.setattr(PriorFit, "follow", interrupted)
    with pytest.raises(KeyboardInterrupt):
        train_prior(capture, out, SMALL)
    monkeypatch.setattr(PriorFit, "follow", follow)
    train_prior(capture, out, SMALL)
    wanted = weights(trained)
    for name, value in weights(out).items():
        assert torch.equal(value, wanted[name]), name


def test_a_run_goes_on_when_a_person_was_added(out, tmp_path):
    data = write_small_capture(tmp_path / "data", num_train=1)
    train_prior(data, out, SMALL)
    write_small_capture(tmp_path / "data", num_train=2)
    train_prior(data, out, dataclasses.replace(SMALL, steps=16))
    record = read_record(out)
    assert record["steps"] == 16 and len(record["persons"]) == 2


def test_held_out_frames_and_cameras_are_never_trained_on(capture):
    subject = CaptureDataset.open(capture).subjects("train")[0]
    held = {frame.name for frame in subject.frames if frame.split == "held_out"}
    pictures = training_pictures(subject)
    assert held and pictures
    for picture in pictures:
        assert picture.image.frame not in held and not picture.image.camera.startswith("held")


@pytest.mark.parametrize("name", ["neutral_supervision", "color_follows_code"])
def test_ablations_train(name, capture, out):
    train_prior(capture, out, dataclasses.replace(SMALL, steps=4, **{name: False}))
    baked = bake_head(load_prior(out), CaptureDataset.open(capture).subjects("train")[0])
    change = (baked(torch.ones(6))[4] - baked(torch.zeros(6))[4]).abs().max()
    assert (change == 0) == (name == "color_follows_code")


def test_without_neutral_supervision_the_scan_does_not_reach_the_anchors(prior, capture, tmp_path):
    subject = CaptureDataset.open(capture).subjects("train")[0]
    person = PersonLoader(prior, tmp_path).load(subject)
    prior.settings = dataclasses.replace(SMALL, neutral_supervision=False)
    base, _ = prior.colors(person.head, person.scan.base_colors)
    assert base.std() < 1e-6 and person.scan.base_colors.std() > 0.01


def test_frames_are_encoded_in_the_saved_space(trained, capture):
    subject = CaptureDataset.open(capture).subjects("validate")[0]
    codes = encode_subject(load_prior(trained), subject, subject.frame_names)
    assert codes.shape == (5, 6) and np.abs(codes[0]).max() < 0.3 * np.abs(codes).max()


def test_files_that_do_not_belong_together_are_refused(trained, tmp_path):
    for name in ("prior.json", "prior.safetensors"):
        (tmp_path / name).write_bytes((trained / name).read_bytes())
    record = json.loads((tmp_path / "prior.json").read_text())
    (tmp_path / "prior.json").write_text(json.dumps(record | {"weights_sha256": "0" * 64}))
    with pytest.raises(ModelError, match="other weights"):
        load_prior(tmp_path)
    with pytest.raises(ModelError, match="no prior"):
        load_prior(tmp_path / "nothing")


def test_settings_come_from_one_file_and_unknown_names_are_refused(tmp_path):
    path = tmp_path / "settings.json"
    path.write_text(json.dumps({"steps": 5, "network": {"hidden": 7}, "loss": {"kl": 0.5}}))
    settings = read_settings(path, seed=3)
    assert (settings.steps, settings.seed) == (5, 3)
    assert (settings.network.hidden, settings.network.code_dim, settings.loss.kl) == (7, 64, 0.5)
    path.write_text(json.dumps({"network": {"depth": 7}}))
    with pytest.raises(TrainingError, match="depth"):
        read_settings(path)


def test_the_stored_configuration_is_valid():

    import gaussian_heads.training.prior as module

    settings = read_settings(Path(module.__file__).parent / "configs/prior.json")
    assert settings.network.code_dim == 64


def test_two_processes_train_one_prior(capture, out):
    """Each takes other persons; gradients are averaged, so that both end with the same network."""
    code = (
        "import sys, torch, numpy as np; torch.set_num_threads(1)\n"
        "from pathlib import Path\n"
        "from tests.training.test_prior import SMALL\n"
        "from gaussian_heads.training import prior\n"
        "import dataclasses, os\n"
        "trained = prior.train_prior(Path(sys.argv[1]), Path(sys.argv[2]), dataclasses.replace(SMALL, steps=6))\n"
        "values = torch.cat([p.detach().flatten() for p in trained.parameters()])\n"
        "np.save(Path(sys.argv[2]) / ('rank' + os.environ['RANK']), values.numpy())\n"
    )
    root = Path(__file__).parents[2]
    command = [sys.executable, "-W", "ignore", "-c", code, str(capture), str(out)]
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = str(probe.getsockname()[1])
    shared = os.environ | {
        "WORLD_SIZE": "2", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port, "OMP_NUM_THREADS": "1"
    }  # fmt: skip
    runs = [
        subprocess.Popen(command, cwd=root, env=shared | {"RANK": str(rank)}) for rank in range(2)
    ]
    assert [run.wait(timeout=900) for run in runs] == [0, 0]
    first, second = np.load(out / "rank0.npy"), np.load(out / "rank1.npy")
    assert np.array_equal(first, second)
    assert read_record(out)["processes"] == 2
