"""The model of people, colours read off pictures, and the command from a neutral scan to a package."""

import json
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="personalization needs the training extra")
pytest.importorskip("onnx", reason="needs onnx")

from gaussian_heads.core.avatar import Avatar  # noqa: E402
from gaussian_heads.core.avatar.pose import pose_gaussians  # noqa: E402
from gaussian_heads.core.camera import Camera, intrinsics, look_at  # noqa: E402
from gaussian_heads.core.errors import ModelError  # noqa: E402
from gaussian_heads.core.gaussians import Gaussians  # noqa: E402
from gaussian_heads.training.dataset.layout import write_png  # noqa: E402
from gaussian_heads.training.dataset.targets import draw_target  # noqa: E402
from gaussian_heads.training.personalization.gathering import posed_vertices  # noqa: E402
from gaussian_heads.training.personalization.landmark_model import neutral_scan  # noqa: E402
from gaussian_heads.training.personalization.subject import (  # noqa: E402
    SubjectFrame,
    VideoSubject,
)
from gaussian_heads.training.personalization.subject_files import (  # noqa: E402
    load_subject,
    save_picture,
    save_subject,
)
from gaussian_heads.training.personalization.texture import (  # noqa: E402
    PosedPicture,
    TextureMaker,
    robust_mean,
)
from gaussian_heads.training.personalize import PRIOR, main  # noqa: E402
from gaussian_heads.training.prior_file import load_prior  # noqa: E402
from gaussian_heads.training.prior_identity import (  # noqa: E402
    IDENTITY_FILE,
    load_identity,
    spreading,
)

SIDE = 160


@pytest.fixture(scope="module")
def prior():
    return load_prior(PRIOR)


@pytest.fixture(scope="module")
def identity(prior):
    return load_identity(PRIOR, prior.parts)


def test_values_at_controls_spread_linear_fields_exactly(prior):
    parts = prior.parts
    skin = np.unique(parts.topology.triangles[parts.topology.faces_of("face", "back_head")])
    control = np.sort(np.random.default_rng(0).choice(skin, 600, replace=False))
    spread = spreading(parts.mean_vertices, parts.topology, control)
    field = parts.mean_vertices @ np.array([0.3, -0.2, 0.5]) + 0.1
    only_face = np.setdiff1d(
        np.unique(parts.topology.triangles[parts.topology.faces_of("face")]),
        np.unique(parts.topology.triangles[~parts.topology.faces_of("face", "back_head")]),
    )
    error = np.abs((spread @ field[control]) - field)[only_face]
    assert np.percentile(error, 99) < 2e-4
    np.testing.assert_allclose((spread @ field[control])[control], field[control], atol=1e-5)


def test_people_are_found_again_in_the_model(identity):
    rng = np.random.default_rng(1)
    shape = rng.normal(size=identity.num_modes)
    points = identity.points(shape)
    again = identity.coefficients(points[:-3])
    moved_mm = 1e3 * np.linalg.norm(identity.points(again) - points, axis=1)
    assert moved_mm.mean() < 0.05
    # One standard deviation is a plausible person: some millimetres, eyes apart, the pivot below and behind.
    away_mm = 1e3 * np.linalg.norm(points - identity.mean, axis=1)[:-3]
    assert 1.0 < away_mm.mean() < 15.0
    left, right, pivot = points[-3:]
    assert 0.05 < left[0] - right[0] < 0.08 and pivot[1] < -0.07 and pivot[2] < -0.06


def test_a_folder_without_the_model_is_refused(prior, tmp_path):
    with pytest.raises(ModelError, match="identity_model"):
        load_identity(tmp_path, prior.parts)
    (tmp_path / IDENTITY_FILE).write_bytes(b"nothing of it")
    with pytest.raises(ModelError, match="make it again"):
        load_identity(tmp_path, prior.parts)


def front_camera(turn_deg=0.0):
    turn = np.radians(turn_deg)
    place = np.array([np.sin(turn), 0.0, np.cos(turn)]) * 0.8 + (0, -0.03, 0)
    viewmat = look_at(place, np.array([0.0, -0.03, 0.0]), np.array([0.0, 1.0, 0.0]))
    return Camera(viewmat, intrinsics(2.6 * SIDE, SIDE, SIDE), SIDE, SIDE)


def test_colours_are_read_off_where_they_are_seen(prior, identity):
    topology = prior.parts.topology
    scan = neutral_scan(identity, np.zeros(identity.num_modes))
    side = 128
    ramp = np.linspace(0.2, 0.8, side)
    truth = np.stack(np.broadcast_arrays(ramp[:, None], ramp[None], 0.5), axis=-1)
    pictures = []
    for turn in (-30.0, 0.0, 30.0):
        camera = front_camera(turn)
        rgba = draw_target(scan.vertices, topology, truth, camera, {}, 1)
        pictures.append(PosedPicture(rgba, camera, scan.vertices, 1.0))
    maker = TextureMaker(topology, identity, side)
    guess = maker.guess(pictures)
    skin = np.zeros((side, side), bool)
    skin[maker.rows[maker.is_skin], maker.columns[maker.is_skin]] = True
    seen = skin & (guess.seen > 0.95)
    assert 0.2 < seen[skin].mean() < 0.95
    error = np.abs(guess.texture - truth)[seen]
    assert np.median(error) < 0.02
    # Behind the head nothing is seen, and what is guessed there is a colour all the same.
    behind = skin & (guess.seen == 0)
    assert behind.any() and np.isfinite(guess.texture).all() and guess.texture[behind].mean() > 0.05


def test_coloured_light_does_not_colour_the_inside_of_the_mouth(prior, identity):
    maker = TextureMaker(prior.parts.topology, identity, 64)
    black = np.zeros((64, 64, 3))
    gain, offset = np.array([0.8, 1.2, 1.6]), np.array([-0.1, 0.1, 0.2])
    assert not maker._in_this_light(black, gain, offset).any()
    gray = maker._in_this_light(np.full((64, 64, 3), 0.5), gain, offset)
    faces = prior.parts.topology.faces_of("mouth_cavity", "gums", "tongue", "teeth")
    inside = np.append(faces, False)[maker.triangle] & maker.covered
    assert inside.any() and np.ptp(gray[inside], axis=1).max() == 0
    skin = np.append(prior.parts.topology.faces_of("face"), False)[maker.triangle] & maker.covered
    np.testing.assert_allclose(gray[skin][0], 0.5 * gain + offset)


def test_clothes_behind_have_the_colour_of_clothes_not_of_the_bare_throat(prior, identity):
    maker = TextureMaker(prior.parts.topology, identity, 64)
    count = len(maker.points)
    skin, dark = np.array([0.75, 0.55, 0.45]), np.array([0.1, 0.12, 0.15])
    front = maker.points[:, 2] > -0.06
    throat = maker.is_cloth & (np.abs(maker.points[:, 0]) < 0.06)
    colors = np.where((maker.is_skin | throat)[:, None], skin, dark)
    share = np.where(front, 1.0, 0.0).astype(np.float32)
    model = np.full((count, 3), 0.4)
    result = maker._completed(colors, share, model)
    far = maker.is_cloth & (maker.points[:, 2] < -0.14)
    assert far.sum() > 20 and np.abs(result[far] - dark).max() < 0.08
    # A shirt of the skin's colour stays one.
    colors[maker.is_cloth] = skin
    shirt = maker._completed(colors, share, model)
    assert np.abs(shirt[far] - skin).max() < 0.08


def test_outliers_do_not_stain_the_mean():
    colors = np.full((9, 4, 3), 0.4, np.float32)
    colors[:2] = 0.95
    mean, weight = robust_mean(colors, np.ones((9, 4), np.float32))
    np.testing.assert_allclose(mean, 0.4, atol=0.01)
    assert (weight < 7.5).all()


def test_posed_vertices_move_as_packages_move_gaussians(identity, prior):
    rows = np.linspace(0, prior.parts.topology.num_vertices - 1, 300).astype(int)
    means = prior.parts.mean_vertices[rows].astype(np.float32)
    weights = prior.parts.topology.neck_weights[rows].astype(np.float32)
    count = len(rows)
    gaussians = Gaussians(
        means=means,
        quats=np.tile(np.float32([1, 0, 0, 0]), (count, 1)),
        scales=np.full((count, 3), 1e-3, np.float32),
        opacities=np.full(count, 0.5, np.float32),
        colors=np.full((count, 3), 0.5, np.float32),
    )
    pose = np.array([0.2, -0.3, 0.1, 0.01, 0.02, -0.01])
    pivot = identity.mean[-1].astype(np.float32)
    wanted = pose_gaussians(gaussians, pose, pivot, weights).means
    np.testing.assert_allclose(posed_vertices(means, pose, pivot, weights), wanted, atol=2e-6)


def test_a_subject_comes_back_from_its_folder(identity, tmp_path):
    rng = np.random.default_rng(0)
    camera = front_camera()
    frames = tuple(
        SubjectFrame(
            f"f{i}",
            i / 25,
            rng.integers(0, 255, (SIDE, SIDE, 4)).astype(np.uint8),
            camera,
            rng.normal(size=8).astype(np.float32),
            rng.normal(size=6).astype(np.float32) * 0.1,
            0.8,
            i == 2,
        )
        for i in range(3)
    )
    scan = neutral_scan(identity, np.zeros(identity.num_modes))
    subject = VideoSubject(frames, scan, np.zeros((8, 8), np.float32))
    for frame in frames:
        save_picture(tmp_path, frame.name, frame.rgba)
    save_subject(tmp_path, subject)
    again = load_subject(tmp_path)
    assert [f.name for f in again.held_out_frames] == ["f2"] and len(again.fitted_frames) == 2
    for one, other in zip(frames, again.frames, strict=True):
        np.testing.assert_array_equal(one.rgba, other.rgba)
        np.testing.assert_array_equal(one.code, other.code)
        np.testing.assert_allclose(one.camera.viewmat, other.camera.viewmat)
    np.testing.assert_allclose(again.scan.texture, scan.texture, atol=0.5 / 255 + 1e-6)
    (tmp_path / "frames/f1.png").unlink()
    with pytest.raises(ModelError, match="not complete"):
        load_subject(tmp_path)


def write_scan(folder: Path, identity, seed=4):
    shape = 0.5 * np.random.default_rng(seed).normal(size=identity.num_modes)
    folder.mkdir(parents=True)
    np.save(folder / "vertices.npy", identity.points(shape)[:-3].astype(np.float32))
    texture = np.round(255 * identity.color_mean).astype(np.uint8)
    write_png(
        folder / "texture.png", np.dstack([texture, np.full(texture.shape[:2], 255, np.uint8)])
    )
    return folder


def test_a_scan_becomes_a_package_with_its_consent(identity, tmp_path, capsys):
    folder, out = write_scan(tmp_path / "scan/neutral", identity), tmp_path / "ada.uhap"
    words = [str(folder.parent), "--out", str(out), "--name", "Ada"]
    assert main(words) == 1 and "--consent" in capsys.readouterr().err
    assert not out.exists()
    assert main([*words, "--consent", "I am Ada and agree", "--json-progress"]) == 0
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert lines[-1]["stage"] == "report" and lines[-1]["share"] == 1.0
    info = Avatar.open(out).manifest.info
    assert info.name == "Ada" and not info.provenance.is_synthetic
    assert info.provenance.consent.startswith("I am Ada and agree (stated on 20")
    assert "SHA-256" in info.provenance.source
    # Nothing is left to do a second time.
    before = out.stat().st_mtime_ns
    assert main([*words, "--consent", "I am Ada and agree"]) == 0
    assert out.stat().st_mtime_ns == before


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["--out", "x.glb"], "must end in .uhap"),
        (["--out", "x.uhap", "--steps", "-1"], "--steps must be 0"),
        (["--out", "x.uhap", "--minutes", "0"], "--minutes must be above 0"),
        (["--out", "x.uhap", "--budget", "3"], "--budget is 3: give 5,000"),
        (["--out", "x.uhap"], "does not exist"),
    ],
)
def test_orders_that_make_no_sense_end_in_a_sentence(
    words, sentence, tmp_path, monkeypatch, capsys
):
    monkeypatch.chdir(tmp_path)
    assert main(["gone.mp4", "--synthetic", *words]) == 1
    error = capsys.readouterr().err
    assert sentence in error and len(error.strip().splitlines()) == 1
