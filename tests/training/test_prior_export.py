"""From a tiny prior and a neutral scan to an avatar package that is what the network draws."""

import json
import shutil
from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="the prior needs the training extra")
pytest.importorskip("onnx", reason="needs onnx")

from gaussian_heads.core.avatar import Avatar  # noqa: E402
from gaussian_heads.core.errors import AvatarError  # noqa: E402
from gaussian_heads.core.expression import ExpressionTrack  # noqa: E402
from gaussian_heads.core.measure import measure_track  # noqa: E402
from gaussian_heads.training.dataset import open_capture  # noqa: E402
from gaussian_heads.training.export_check import Fidelity, compare, random_codes  # noqa: E402
from gaussian_heads.training.prior_bake import bake_head  # noqa: E402
from gaussian_heads.training.prior_controls import load_controls  # noqa: E402
from gaussian_heads.training.prior_controls import main as learn_controls  # noqa: E402
from gaussian_heads.training.prior_export import main  # noqa: E402
from gaussian_heads.training.prior_file import load_prior, read_record  # noqa: E402
from gaussian_heads.training.prior_person import NeutralScan  # noqa: E402
from gaussian_heads.training.strands import save_strands  # noqa: E402

from .dataset_fixtures import write_small_capture  # noqa: E402
from .head_fixtures import small_mesh, small_strands  # noqa: E402
from .test_evaluate import tiny_settings  # noqa: E402


@pytest.fixture(scope="module")
def capture(tmp_path_factory):
    root = write_small_capture(tmp_path_factory.mktemp("capture"), num_frames=6)
    record = json.loads((root / "dataset.json").read_text())
    record["created_by"] = "gaussian_heads.training.capture.people"
    record["credits"] = "One source, MIT; Another source, CC BY 4.0"
    (root / "dataset.json").write_text(json.dumps(record))
    return root


@pytest.fixture(scope="module")
def prior(capture, tmp_path_factory):
    from gaussian_heads.training.prior import train_prior

    folder = tmp_path_factory.mktemp("prior")
    train_prior(capture, folder, tiny_settings())
    assert learn_controls(["--prior", str(folder), "--data", str(capture)]) == 0
    return folder


def export(prior, capture, out, *more):
    words = ["--prior", str(prior), "--data", str(capture), "--subject", "s1000"]
    return main([*words, "--out", str(out), *more])


@pytest.fixture(scope="module")
def package(prior, capture, tmp_path_factory):
    out = tmp_path_factory.mktemp("avatars") / "maya.uhap"
    assert export(prior, capture, out, "--name", "Maya") == 0
    return out


def test_the_package_opens_and_says_where_it_comes_from(package, prior, capture):
    avatar = Avatar.open(package)
    info = avatar.manifest.info
    assert avatar.name == "Maya" and avatar.manifest.decoder == "onnx"
    assert avatar.code_space == read_record(prior)["code_space"]
    assert avatar.channel_names[:2] == ("uhap_00", "uhap_01") and avatar.code_dim == 8
    assert info.credits == ("One source, MIT", "Another source, CC BY 4.0")
    assert info.provenance.is_synthetic and "s1000" in info.provenance.source
    assert avatar.thumbnail is not None
    scan = open_capture(capture).subject("s1000")
    points = avatar.landmarks(np.zeros(8, np.float32))
    wanted = scan.neutral_vertices[scan.topology.landmarks68]
    # The skin's discs stand a little below it, seen from the front hardly aside.
    np.testing.assert_allclose(points[:, :2], wanted[:, :2], atol=1e-4)
    np.testing.assert_allclose(points[:, 2], wanted[:, 2], atol=3e-3)


def test_the_package_is_what_the_network_draws(package, prior, capture):
    head = bake_head(load_prior(prior), NeutralScan.of(open_capture(capture).subject("s1000")))
    controls = load_controls(prior)
    fidelity = compare(Avatar.open(package), head, random_codes(controls.arkit52, 2, seed=5))
    fidelity.require("Maya")
    assert fidelity.codes == 5 and 0 < fidelity.means_mm < 0.05 and fidelity.picture_db > 40
    with torch.no_grad():
        head.head.neutral_m += 0.001
    with pytest.raises(AvatarError, match="is not what the network draws"):
        compare(Avatar.open(package), head, np.zeros((1, 8), np.float32)).require("Maya")


@pytest.mark.parametrize(
    "change", [{"means_mm": 0.1}, {"colors": 0.02}, {"picture_db": 30.0}, {"landmarks_mm": 0.4}]
)
def test_what_is_off_is_refused(change):
    good = Fidelity(5, 0.01, 0.1, 0.05, 0.002, 55.0)
    good.require("Maya")
    with pytest.raises(AvatarError, match="store its weights finer"):
        replace(good, **change).require("Maya")


def test_an_arkit_track_drives_the_package(package):
    avatar = Avatar.open(package)
    codes = np.zeros((3, 52), np.float32)
    codes[:, 17] = (0.0, 0.5, 1.0)
    track = ExpressionTrack(
        {"speech": codes}, np.zeros((3, 6), np.float32), "arkit52", Fraction(25)
    )
    assert len(measure_track(track, avatar).times_sec) == 3
    still = avatar.decode(np.zeros(8, np.float32)).means
    moved = np.linalg.norm(avatar.decode(codes[2] @ avatar.controls.arkit52).means - still, axis=1)
    assert moved.max() > 0.004


def test_the_record_stands_beside_it(package, prior):
    record = json.loads(package.with_suffix(".json").read_text())
    assert record["subject"] == "s1000" and record["seed"] == 1000
    assert record["code_space"] == read_record(prior)["code_space"]
    assert record["against_the_network"]["picture_db"] > 40


def test_people_who_are_real_need_a_word_of_consent(prior, capture, tmp_path, capsys):
    real = shutil.copytree(capture, tmp_path / "real")
    record = json.loads((real / "dataset.json").read_text()) | {"created_by": "a studio"}
    (real / "dataset.json").write_text(json.dumps(record))
    out = tmp_path / "a.uhap"
    assert export(prior, real, out) == 1
    assert "shows real people" in capsys.readouterr().err and not out.exists()
    assert export(prior, real, out, "--consent", "Signed for tests") == 0
    info = Avatar.open(out).manifest.info
    assert not info.provenance.is_synthetic and info.provenance.consent == "Signed for tests"


def test_a_scan_without_frames_is_enough(prior, capture, package, tmp_path):
    bare = shutil.copytree(capture, tmp_path / "bare")
    (bare / "subjects/s1000/frames.npz").unlink()
    shutil.rmtree(bare / "subjects/s1000/textures")
    shutil.rmtree(bare / "subjects/s1000/images")
    assert export(prior, bare, tmp_path / "again.uhap", "--name", "Maya") == 0
    assert (tmp_path / "again.uhap").read_bytes() == package.read_bytes()


def test_what_is_missing_is_said(prior, capture, tmp_path, capsys):
    bare = shutil.copytree(prior, tmp_path / "prior", ignore=shutil.ignore_patterns("controls*"))
    assert export(bare, capture, tmp_path / "a.uhap") == 1
    assert "learn the prior's controls first" in capsys.readouterr().err
    words = ["--prior", str(prior), "--data", str(capture), "--subject", "nobody"]
    assert main([*words, "--out", str(tmp_path / "a.uhap")]) == 1
    assert "no person 'nobody'" in capsys.readouterr().err


def test_hair_can_be_finer_or_coarser_than_the_prior_learned(prior, capture, tmp_path, capsys):
    hairy, counts = shutil.copytree(capture, tmp_path / "hairy"), []
    hair = small_strands(small_mesh(), 30, np.array([0.0, 0.02, 0.0]))
    save_strands(hairy / "subjects/s1000/neutral/strands.npz", {"hair": hair})
    for pieces in (10, 40):
        out = tmp_path / f"hair{pieces}.uhap"
        assert export(prior, hairy, out, "--hair-pieces", str(pieces)) == 0
        counts.append(Avatar.open(out).decode(np.zeros(8, np.float32)).num_gaussians)
    assert 20 <= counts[1] - counts[0] <= 40
    capsys.readouterr()
    assert export(prior, capture, tmp_path / "bald.uhap", "--hair-pieces", "0") == 1
    assert "0 pieces of hair" in capsys.readouterr().err
    assert not (tmp_path / "bald.uhap").exists()
