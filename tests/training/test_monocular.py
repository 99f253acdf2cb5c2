"""The monocular encoder end to end, tiny: persons, pictures, training that resumes, export, evaluation."""

import dataclasses
import json

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="needs torch (the training environment)")
pytest.importorskip("scipy", reason="needs scipy (the training environment)")
pytest.importorskip("onnxruntime", reason="needs onnxruntime")
pytest.importorskip("onnx", reason="needs onnx")
pytest.importorskip("PIL.Image", reason="needs pillow")

from gaussian_heads.core.files import replace_on_success  # noqa: E402
from gaussian_heads.core.monocular.encoder import MonocularEncoder  # noqa: E402
from gaussian_heads.training import (  # noqa: E402
    evaluate_monocular,
    monocular,
    monocular_persons,
    monocular_renders,
)
from gaussian_heads.training.monocular_export import export_encoder  # noqa: E402
from gaussian_heads.training.monocular_loss import (  # noqa: E402
    CodeErrors,
    hint_losses,
    iris_places,
    losses,
)
from gaussian_heads.training.monocular_pool import ShardPool, make_batch  # noqa: E402
from gaussian_heads.training.networks.monocular import (  # noqa: E402
    EncoderConfig,
    FaceEncoder,
    Readings,
    rotation_of,
)
from gaussian_heads.training.prior import train_prior  # noqa: E402
from gaussian_heads.training.prior_controls import CONTROLS_FILE  # noqa: E402
from gaussian_heads.training.prior_file import load_prior  # noqa: E402
from gaussian_heads.training.prior_settings import TrainingError  # noqa: E402

from .dataset_fixtures import write_small_capture  # noqa: E402
from .monocular_fixtures import PICTURE_PX, front_labels, random_controls  # noqa: E402
from .test_prior import SMALL as SMALL_PRIOR  # noqa: E402

CODE_DIM = SMALL_PRIOR.network.code_dim
SMALL = monocular.SMALL
NETWORK = dataclasses.replace(SMALL.network, code_dim=CODE_DIM)


@pytest.fixture(scope="module")
def studio(tmp_path_factory):
    """A folder with a tiny capture, prior, persons and pictures."""
    root = tmp_path_factory.mktemp("studio")
    write_small_capture(root / "capture")
    train_prior(root / "capture", root / "prior", dataclasses.replace(SMALL_PRIOR, steps=2))
    with replace_on_success(root / "prior" / CONTROLS_FILE) as temporary:
        temporary.write_bytes(random_controls(CODE_DIM).to_bytes())
    work = root / "work"
    work.mkdir()
    rng = np.random.default_rng(0)
    np.savez(
        work / "expressions.npz",
        weights=rng.uniform(0, 1, (20, 52)).astype(np.float32),
        additions=np.zeros((4, 52), np.float32),
    )
    common = ["--prior", str(root / "prior"), "--data", str(root / "capture")]
    out = ["--out", str(work / "persons"), "--mixes", "1"]
    assert monocular_persons.main([*common, *out]) == 0
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(monocular_renders, "SHARD", 8)
        patch.setattr(monocular_renders, "SHARD_PERSONS", 2)
        for mode, folder in (("face", "faces"), ("head", "heads")):
            where = ["--persons", str(work / "persons"), "--out", str(work / folder)]
            count = ["--mode", mode, "--shards", "1"]
            assert monocular_renders.main([*common, *where, *count]) == 0
    return root


@pytest.fixture(scope="module")
def fit(studio):
    long = dataclasses.replace(SMALL, steps=400, rate=5e-3, report_steps=1)
    return monocular.open_fit(studio / "prior", studio / "work", long)


def test_persons_are_those_of_the_capture_and_mixes(studio):
    names = sorted(path.name for path in (studio / "work/persons").glob("*.pt"))
    assert names == ["mix000.pt", "s0000.pt", "s0001.pt"]
    mixed = monocular_persons.load_person(studio / "work/persons/mix000.pt")
    own = monocular_persons.load_person(studio / "work/persons/s0000.pt")
    assert mixed.num_surface == own.num_surface
    with torch.no_grad():
        code = torch.zeros(CODE_DIM)
        apart = (mixed.head(code)[5] - own.head(code)[5]).norm(dim=1)
    assert apart.max() > 1e-4


def test_pictures_show_the_face_where_the_labels_say(studio):
    pool = ShardPool(studio / "work/faces")
    pictures, labels = pool.draw(8, np.random.default_rng(0))
    size = pictures.shape[1]
    assert pictures.shape == (8, size, size, 4)
    for picture, label in zip(pictures, labels, strict=True):
        middle = label.landmarks.mean(0)
        x, y = middle.astype(int)
        assert 0 < x < size and 0 < y < size
        assert picture[y - 3 : y + 3, x - 3 : x + 3, 3].mean() > 100
        np.testing.assert_allclose(label.rotation @ label.rotation.T, np.eye(3), atol=1e-4)
        assert label.rotation[1, 1] < 0 < label.origin_m[2]


def test_heads_are_seen_from_further_away_than_faces(studio):
    def share(folder):
        pictures, labels = ShardPool(studio / "work" / folder).draw(8, np.random.default_rng(1))
        spans = [np.ptp(one.landmarks, axis=0).max() for one in labels]
        return np.median(spans) / pictures.shape[1]

    assert share("heads") < share("faces")


def test_a_perfect_reading_costs_nearly_nothing(fit):
    batch = make_batch(fit.faces, fit.heads, fit.augmenter, (6, 2))
    count = len(batch.crops)

    def padded(values):
        return torch.cat([values, torch.zeros(count - batch.num_faces, *values.shape[1:])])

    presence = torch.full((count,), -20.0)
    presence[: batch.num_faces] = 20.0
    named = {n: padded(getattr(batch, n)) for n in Readings._fields if hasattr(batch, n)}
    perfect = Readings(log_error=torch.full((count,), np.log(1e-3)), presence=presence, **named)
    costs = losses(perfect, batch, fit.errors)
    assert all(value < 0.2 for name, value in costs.items() if name != "log_error")
    wrong = perfect._replace(mouth_mm=perfect.mouth_mm + 1, code=perfect.code + 1)
    worse = losses(wrong, batch, fit.errors)
    assert worse["mouth_mm"] == pytest.approx(3.5 / 4, abs=0.01)
    assert worse["points_mm"] > costs["points_mm"] and worse["metric_mm"] > costs["metric_mm"]


def test_errors_of_codes_are_the_decoders_millimetres(fit, studio):
    prior = load_prior(studio / "prior")
    person = monocular_persons.load_person(studio / "work/persons/s0000.pt")
    code = torch.full((CODE_DIM,), 0.4)
    with torch.no_grad():
        moved = 1e3 * (person.head(code)[5] - person.head(torch.zeros(CODE_DIM))[5])
    identity = torch.from_numpy(person.identity)[None].float()
    points = CodeErrors(prior, np.eye(CODE_DIM)).points_mm(code[None], identity)
    np.testing.assert_allclose(points[0, :68].numpy(), moved.numpy(), atol=2e-2)


def test_rotations_are_rotations():
    found = rotation_of(torch.randn(20, 6))
    np.testing.assert_allclose((found @ found.mT).numpy(), np.eye(3)[None].repeat(20, 0), atol=1e-5)
    np.testing.assert_allclose(torch.linalg.det(found).numpy(), 1.0, atol=1e-5)


def test_training_lowers_the_loss_on_one_batch(fit):
    batch = make_batch(fit.faces, fit.heads, fit.augmenter, (5, 1))
    before = losses(fit.network(batch.crops.float()), batch, fit.errors)
    for _ in range(40):
        fit.follow(batch)
        fit.step += 1
    after = losses(fit.network(batch.crops.float()), batch, fit.errors)
    for name in ("landmarks_px", "rotation_deg", "metric_mm"):
        assert after[name] < 0.9 * before[name], name


def test_training_stops_resumes_and_exports_what_run_time_opens(studio, tmp_path, monkeypatch):
    common = ["--prior", str(studio / "prior"), "--work", str(tmp_path), "--small"]
    for name in ("faces", "heads", "codes.npz"):
        (tmp_path / name).symlink_to(studio / "work" / name)
    out = tmp_path / "assets/encoder.onnx"
    follow = monocular.EncoderFit.follow

    def interrupted(fit, batch):
        if fit.step == 4:
            raise KeyboardInterrupt
        follow(fit, batch)

    monkeypatch.setattr(monocular.EncoderFit, "follow", interrupted)
    assert monocular.main([*common, "--out", str(out)]) == 130
    assert torch.load(tmp_path / "encoder.pt", weights_only=True)["step"] == 4
    monkeypatch.setattr(monocular.EncoderFit, "follow", follow)
    assert monocular.main([*common, "--out", str(out)]) == 0
    state = torch.load(tmp_path / "encoder.pt", weights_only=True)
    assert state["step"] == SMALL.steps
    record = json.loads(out.with_suffix(".json").read_text())
    assert record["steps"] == SMALL.steps and record["settings"]["seed"] == 7
    encoder = MonocularEncoder.open(out, num_threads=1)
    assert encoder.code_dim == CODE_DIM and encoder.code_space == record["code_space"]
    other = tmp_path / "other.onnx"
    assert monocular.main([*common, "--out", str(other), "--export", "--seed", "9"]) == 1
    assert not other.exists()


def test_the_exported_file_says_what_the_network_says(tmp_path):
    torch.manual_seed(0)
    network = FaceEncoder(NETWORK)
    crops = np.random.default_rng(0).integers(0, 256, (3, 160, 160, 3), np.uint8)
    values = torch.from_numpy(crops).permute(0, 3, 1, 2).float()
    network.train()(values)  # statistics of the normalisations
    network.eval()
    export_encoder(network, tmp_path / "encoder.onnx", code_space="uhap-test")
    found = MonocularEncoder.open(tmp_path / "encoder.onnx", num_threads=1).read(crops)
    with torch.no_grad():
        wanted = network(values)
    for name in Readings._fields:
        own = getattr(wanted, name).numpy()
        own = np.maximum(own, 0.0) if name == "mouth_mm" else own
        np.testing.assert_allclose(getattr(found, name), own, atol=0.05, err_msg=name)


def test_the_full_network_keeps_to_its_size():
    assert sum(p.numel() for p in FaceEncoder(EncoderConfig()).parameters()) < 2.3e6


def test_training_without_pictures_says_what_to_do(studio, tmp_path):
    (tmp_path / "faces").mkdir()
    (tmp_path / "codes.npz").symlink_to(studio / "work/codes.npz")
    with pytest.raises(TrainingError, match="monocular_renders"):
        monocular.open_fit(studio / "prior", tmp_path, SMALL)


def test_evaluation_measures_unseen_persons(studio, tmp_path, monkeypatch):
    torch.manual_seed(0)
    out = tmp_path / "encoder.onnx"
    export_encoder(FaceEncoder(NETWORK).eval(), out, code_space="uhap-test")
    monkeypatch.setattr(evaluate_monocular, "MESH_FRAMES", 2)
    command = ["--prior", str(studio / "prior"), "--data", str(studio / "capture")]
    assert evaluate_monocular.main([*command, "--encoder", str(out), "--out", str(tmp_path)]) == 0
    figures = json.loads((tmp_path / "evaluation.json").read_text())
    assert {"traced", "mesh", "prior", "prior, randomized"} <= set(figures)
    assert figures["prior"]["pictures"] == 5
    assert all(np.isfinite(list(values.values())).all() for values in figures.values())
    assert (tmp_path / "sheet.png").stat().st_size > 1000


def test_close_looks_turn_and_grow_with_the_face():
    """The same picture turned and moved gives the same close looks."""
    network = FaceEncoder(NETWORK).eval()
    rng = np.random.default_rng(4)
    small = torch.from_numpy(rng.uniform(0, 1, (1, 3, 12, 12)).astype(np.float32))
    picture = torch.nn.functional.interpolate(small, (160, 160), mode="bicubic")
    spots = torch.tensor(front_labels().landmarks / PICTURE_PX, dtype=torch.float32)[None]
    spots = 0.5 + 0.6 * (spots - spots.mean(1, keepdim=True))
    turned = torch.rot90(picture, 1, (2, 3))
    x, y = spots.unbind(2)
    eyes, mouth = network._close(picture, spots)
    eyes_turned, mouth_turned = network._close(turned, torch.stack([y, 1 - x], 2))
    assert eyes.std() > 1e-3 and mouth.std() > 1e-3
    np.testing.assert_allclose(eyes_turned.detach(), eyes.detach(), atol=1e-4)
    np.testing.assert_allclose(mouth_turned.detach(), mouth.detach(), atol=1e-4)


def test_irises_lie_between_the_lids_and_follow_the_gaze(fit):
    batch = make_batch(fit.faces, None, fit.augmenter, (6, 0))
    ahead = dataclasses.replace(
        batch,
        gaze=torch.zeros(6, 2, 2),
        rotation=torch.diag(torch.tensor([1.0, -1.0, -1.0])).expand(6, 3, 3),
    )
    looking = dataclasses.replace(ahead, gaze=torch.full((6, 2, 2), 0.3))
    middles = batch.landmarks[:, [[42, 45], [36, 39]]].mean(2)
    np.testing.assert_allclose(iris_places(ahead), middles, atol=1e-5)
    # To the person's left, which is the picture's right, and down.
    assert (iris_places(looking) - iris_places(ahead) > 0).all()


def test_hints_cost_nothing_where_they_are_right(fit):
    batch = make_batch(fit.faces, None, fit.augmenter, (4, 0))
    _, hints = fit.network.read(batch.crops.float())
    costs = hint_losses(hints, batch, fit.errors)
    assert costs["places"] > 1.0
    side = hints.log_shares.shape[-1]
    places = torch.cat([batch.landmarks, iris_places(batch)], 1)
    cells = (places * side).long().clamp(0, side - 1)
    logs = torch.full_like(hints.log_shares, -30.0)
    index = (cells[..., 1] * side + cells[..., 0])[..., None]
    logs.flatten(2).scatter_(2, index, 0.0)
    shown = torch.log_softmax(logs.flatten(2), 2).reshape(logs.shape)
    at_random = hint_losses(hints._replace(log_shares=shown.roll(side // 2, 3)), batch, fit.errors)
    assert (
        hint_losses(hints._replace(log_shares=shown), batch, fit.errors)["places"]
        < at_random["places"]
    )
