# ruff: noqa: E402 (torch may be missing)
"""How errors of codes are weighed, what controls leave of codes, and the command that compares both."""

import json

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="the prior needs the training extra")

from gaussian_heads.core.spaces import ARKIT_INDEX
from gaussian_heads.training.code_targets import (
    FACE_SHARES,
    MOUTH_SHARES,
    MouthMetric,
    code_metric,
    mean_identity,
)
from gaussian_heads.training.control_geometry import GAP_SHARE, Regions
from gaussian_heads.training.evaluate_codes import (
    ENCODED,
    FIGURES,
    LINEAR,
    PRODUCTS,
    STILL,
    Mouth,
    Residual,
    explained,
    main,
    picture_report,
)
from gaussian_heads.training.networks.person_head import MapTaps, color_change
from gaussian_heads.training.prior_controls import SHADE_MM
from gaussian_heads.training.prior_file import load_prior
from gaussian_heads.training.prior_person import GREY

from .dataset_fixtures import write_small_capture
from .test_evaluate import tiny_settings


@pytest.fixture(scope="module")
def capture(tmp_path_factory):
    return write_small_capture(tmp_path_factory.mktemp("capture"), num_train=3, num_frames=7)


@pytest.fixture(scope="module")
def folder(capture, tmp_path_factory):
    from gaussian_heads.training.prior import train_prior
    from gaussian_heads.training.prior_controls import main as learn_controls

    folder = tmp_path_factory.mktemp("prior")
    train_prior(capture, folder, tiny_settings())
    assert learn_controls(["--prior", str(folder), "--data", str(capture)]) == 0
    return folder


def shown(prior, code):
    """What a code moves (mm) and shades (shares of grey) of the mean head, all vertices and anchors."""
    identity = mean_identity(prior)
    with torch.no_grad():
        shape, columns = prior.express(torch.from_numpy(code[None].astype(np.float32)), identity)
        moved_mm = 1e3 * (shape.numpy()[0] @ prior.parts.basis).reshape(-1, 3)
        anchors, uvs = prior.parts.anchors, prior.parts.topology.uvs
        uv = np.einsum("nk,nkc->nc", anchors.barycentric, uvs[anchors.triangle].astype(np.float64))
        taps = MapTaps(uv, prior.map_px)
        reference = GREY + prior.anchors.reflection()
        light = prior.anchors.light
        shade = color_change(columns, reference, light, identity.change_maps, taps)[0]
    return moved_mm, shade.numpy() / GREY


def test_the_metric_is_what_a_small_error_of_the_code_shows(folder):
    prior = load_prior(folder)
    error = 1e-3 * np.random.default_rng(1).normal(size=8)
    moved_mm, shade = shown(prior, error)
    regions, mouth = Regions.of(prior.parts), MouthMetric(prior)
    masks = regions.masks | mouth._mouth_masks()
    squares = (moved_mm**2).sum(1)
    expected = GAP_SHARE * regions.gap(moved_mm) ** 2
    for name, share in (MOUTH_SHARES | FACE_SHARES).items():
        # Of this small head only lips, skin and lids move.
        assert masks[name].any() or name == "inside"
        expected += share * squares[masks[name]].mean() if masks[name].any() else 0.0
    topology, anchors = prior.parts.topology, prior.parts.anchors
    lips = prior.parts.mean_vertices[topology.landmarks68[48:68]]
    centers = prior.parts.mean_vertices[topology.triangles[anchors.triangle]].mean(1)
    is_mouth = np.linalg.norm(centers[:, None] - lips, axis=2).min(1) < 0.011
    is_mouth |= topology.faces_of("teeth", "gums", "tongue", "mouth_cavity")[anchors.triangle]
    assert 0 < is_mouth.sum() < len(is_mouth)
    expected += SHADE_MM**2 * (shade[is_mouth] ** 2).mean()
    metric = code_metric(prior)
    assert error @ metric @ error == pytest.approx(expected, rel=0.02)
    np.testing.assert_allclose(metric, metric.T, atol=1e-9 * np.abs(metric).max())
    assert np.linalg.eigvalsh(metric).min() > -1e-9 * np.abs(metric).max()


def test_the_metric_is_a_mean_over_codes_and_persons(folder):
    prior = load_prior(folder)
    codes = np.random.default_rng(2).normal(size=(3, 8))
    alone = [code_metric(prior, code[None]) for code in codes]
    np.testing.assert_allclose(code_metric(prior, codes), np.mean(alone, axis=0), rtol=1e-5)
    other = mean_identity(prior)._replace(code=torch.ones(8))
    both = code_metric(prior, identities=[mean_identity(prior), other])
    found = (code_metric(prior) + code_metric(prior, identities=[other])) / 2
    np.testing.assert_allclose(both, found, rtol=1e-5)


def test_products_of_controls_are_found_and_nothing_is_added_at_rest():
    random = np.random.default_rng(3)
    weights = random.uniform(0, 1, (2000, 52)) * (random.random((2000, 52)) < 0.4)
    product = weights[:, ARKIT_INDEX["jawOpen"]] * weights[:, ARKIT_INDEX["mouthFunnel"]]
    rest = product[:, None] * [1.0, -2.0]
    residual = Residual.fit(weights[:1500], rest[:1500], 1e-4)
    assert explained(rest[1500:], residual(weights[1500:]), np.eye(2)) > 0.98
    assert not residual(np.zeros((1, 52))).any()
    noise = random.normal(size=rest.shape)
    residual = Residual.fit(weights[:1500], noise[:1500], 0.1)
    assert explained(noise[1500:], residual(weights[1500:]), np.eye(2)) < 0.02


def test_ways_are_compared_on_persons():
    base = np.tile([0.02, 30.0, 0.9], (4, 1))
    better = base + np.array([[0, 0, 0], [0, 0, 0], [-0.01, 1.0, 0], [0.02, -5.0, -0.1]])
    found = [Mouth(p, True, better + [0, p, 0]) for p in range(4)] + [Mouth(0, False, better)]
    report = picture_report(found)
    assert list(report) == [LINEAR, PRODUCTS, ENCODED, STILL] and set(report[STILL]) == {*FIGURES}
    assert report[ENCODED]["PSNR dB"] == pytest.approx([32.5, 1.0, 1.0, 1.0])
    assert report[STILL]["L1"] == pytest.approx([0.04, 0.02, 0.02, 0.02])


def test_the_command_reports_codes_and_mouths(folder, capture, capsys):
    words = ["--prior", str(folder), "--data", str(capture)]
    assert main([*words, "--json"]) == 0
    record = json.loads(capsys.readouterr().out)
    meshes = record["codes"]["meshes of unseen persons"]
    assert meshes["frames"] == 7 and 0 < meshes["rest_mm"] < meshes["code_mm"]
    count, persons, report = record["pictures"]["unseen persons"]
    assert count >= 1 == persons and report[LINEAR]["PSNR dB"][1] == 0.0
    still, moving = (report[way]["PSNR dB"][0] for way in (STILL, LINEAR))
    assert still != moving and 5 < moving < 60
    assert main(words) == 0
    assert "unseen persons: " in capsys.readouterr().out


def test_what_cannot_be_compared_is_said(folder, tmp_path, capsys):
    bare = write_small_capture(tmp_path / "bare", num_train=1, num_validate=0)
    assert main(["--prior", str(folder), "--data", str(bare)]) == 1
    assert "codes cannot be compared" in capsys.readouterr().err
