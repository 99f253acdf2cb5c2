"""The evaluation: its measures against known values, and the whole command on a tiny prior."""

import json

import numpy as np
import pytest

pytest.importorskip("torch", reason="the evaluation needs the training extra")

from gaussian_heads.training.dataset.reader import CaptureDataset
from gaussian_heads.training.evaluate_metrics import (
    composite,
    foreground,
    psnr_db,
    region_masks,
    score,
    ssim_map,
)

from .dataset_fixtures import write_small_capture


def noise(shape, seed=0):
    return np.random.default_rng(seed).uniform(0.0, 1.0, shape)


def test_psnr_counts_only_the_mask():
    wanted = np.full((20, 20, 3), 0.5)
    ours = wanted.copy()
    ours[:10] += 0.1
    upper = np.zeros((20, 20), bool)
    upper[:10] = True
    assert psnr_db(ours, wanted, upper) == pytest.approx(20.0)
    assert psnr_db(ours, wanted, ~upper) == pytest.approx(120.0)
    assert psnr_db(ours, wanted, np.ones_like(upper)) == pytest.approx(23.0103, abs=1e-4)


def test_ssim_is_one_for_equal_pictures_and_follows_its_formula():
    picture = noise((24, 24, 3))
    np.testing.assert_allclose(ssim_map(picture, picture), 1.0)
    flat, brighter = np.full((24, 24, 1), 0.4), np.full((24, 24, 1), 0.6)
    c1 = 0.01**2
    wanted = (2 * 0.24 + c1) / (0.16 + 0.36 + c1)
    np.testing.assert_allclose(ssim_map(flat, brighter), wanted, rtol=1e-9)
    assert ssim_map(picture, noise((24, 24, 3), 1)).mean() < 0.2


def test_ssim_agrees_with_the_plain_definition_at_one_pixel():
    a, b = noise((11, 11, 1)), noise((11, 11, 1), 1)
    offsets = np.arange(11) - 5
    line = np.exp(-0.5 * (offsets / 1.5) ** 2)
    window = (np.outer(line, line) / line.sum() ** 2)[..., None]
    mean_a, mean_b = (window * a).sum(), (window * b).sum()
    va, vb = (window * (a - mean_a) ** 2).sum(), (window * (b - mean_b) ** 2).sum()
    cov = (window * (a - mean_a) * (b - mean_b)).sum()
    c1, c2 = 0.01**2, 0.03**2
    wanted = (2 * mean_a * mean_b + c1) * (2 * cov + c2)
    wanted /= (mean_a**2 + mean_b**2 + c1) * (va + vb + c2)
    assert ssim_map(a, b)[5, 5, 0] == pytest.approx(wanted)


def test_the_foreground_reaches_eight_pixels_out():
    alpha = np.zeros((41, 41))
    alpha[20, 20] = 1.0
    mask = foreground(alpha)
    assert mask[20, 28] and mask[12, 20] and mask[25, 25]
    assert not mask[20, 29] and not mask[26, 26]


def test_empty_background_does_not_count():
    picture = np.zeros((64, 64, 4), np.uint8)
    picture[20:40, 20:40] = (200, 100, 50, 255)
    ours = composite(picture)
    assert score(ours, picture).psnr_db == pytest.approx(120.0)
    far = ours.copy()
    far[:4] = 1.0
    assert score(far, picture).psnr_db == pytest.approx(120.0)
    assert score(far, picture).ssim == pytest.approx(1.0, abs=1e-6)
    near = ours.copy()
    near[36:44, 36:44] = 1.0
    assert score(near, picture).psnr_db < 25.0


@pytest.fixture(scope="module")
def capture(tmp_path_factory):
    return write_small_capture(tmp_path_factory.mktemp("capture"), num_train=2, num_validate=1)


def test_regions_are_apart_and_lie_on_the_head(capture):
    subject = CaptureDataset.open(capture).subjects()[0]
    camera = subject.cameras["held_out"]["held0"]
    masks = region_masks(
        subject.neutral_vertices, subject.topology, {"hair": subject.strands()["brows"]}, camera
    )
    assert set(masks) == {"mouth", "eyes", "skin", "hair"}
    assert np.sum(list(masks.values()), axis=0).max() == 1
    assert masks["skin"].sum() > masks["mouth"].sum() > 0 and masks["eyes"].any()
    assert masks["hair"].any()
    image = next(i for i in subject.images() if i.camera_split == "held_out")
    covered = subject.picture(image)[0][..., 3] > 0
    assert (masks["skin"] & ~covered).mean() < 0.02


@pytest.fixture(scope="module")
def prior(capture, tmp_path_factory):
    from gaussian_heads.training.prior import train_prior
    from gaussian_heads.training.prior_controls import main as learn_controls

    folder = tmp_path_factory.mktemp("prior")
    train_prior(capture, folder, tiny_settings())
    assert learn_controls(["--prior", str(folder), "--data", str(capture)]) == 0
    return folder


def tiny_settings():
    from gaussian_heads.training.head_regions import Spacing
    from gaussian_heads.training.prior_settings import (
        GaussianSettings,
        NetworkSettings,
        PriorSettings,
    )

    network = NetworkSettings(
        code_dim=8, identity_dim=8, geometry_rank=6, color_rank=4, image_px=32, widths=(8, 8, 8),
        change_px=16, change_widths=(8, 8), hidden=16, strand_hidden=8,
    )  # fmt: skip
    coarse = Spacing(**{name: 4.0 * value for name, value in vars(Spacing()).items()})
    gaussians = GaussianSettings(spacing=coarse)
    return PriorSettings(
        steps=3, network=network, gaussians=gaussians, meshes=2, textures=1, report_steps=1
    )


def evaluate(capsys, prior, capture, *more):
    from gaussian_heads.training.evaluate import main

    code = main(["--prior", str(prior), "--data", str(capture), *more])
    captured = capsys.readouterr()
    return code, captured.out, captured.err


def test_the_command_reports_seen_and_unseen_persons_in_both_ways(prior, capture, capsys, tmp_path):
    sheet, curves = tmp_path / "sheet.png", tmp_path / "curves"
    words = ("--json", "--also", f"again={prior}", "--sheet", str(sheet), "--curve", str(curves))
    code, out, _ = evaluate(capsys, prior, capture, *words)
    assert code == 0
    record = json.loads(out)
    keys = {(row["prior"], row["split"], row["way"]) for row in record["rows"]}
    assert keys == {
        (name, split, way)
        for name in ("prior", "again")
        for split in ("train", "validate")
        for way in ("encoder", "arkit52")
    }
    for row in record["rows"]:
        assert 5.0 < row["lowest_psnr_db"] <= row["psnr_db"] < 60.0
        assert row["lowest_ssim"] <= row["ssim"] <= 1.0
        assert {"mouth", "skin"} <= set(row["region_psnr_db"])
    first, again = (
        [p["score"] for p in record["pictures"] if p["prior"] == name]
        for name in ("prior", "again")
    )
    assert first == again
    assert all(p["camera"].startswith("held") for p in record["pictures"])
    assert {p["frame"] for p in record["pictures"] if p["split"] == "train"} == {"f004"}
    speed = record["speed"]
    assert speed["alone_difference"] == 0.0 and speed["decode_ms"] > 0.0
    assert speed["onnx_means_mm"] < 0.1 and speed["num_gaussians"] > 100
    assert sheet.is_file() and (curves / "curves.png").is_file()


def test_the_table_is_for_people_and_points_are_kept(prior, capture, capsys, tmp_path):
    from gaussian_heads.training.evaluate_curve import (
        POINTS_FILE,
        Point,
        _write_points,
        read_points,
    )

    older = [Point(name, 3, 2, "train", "encoder", 9.0, 0.1) for name in ("other", "prior")]
    _write_points(tmp_path / POINTS_FILE, older)
    words = ("--no-speed", "--persons", "1", "--pictures", "1", "--curve", str(tmp_path))
    code, out, _ = evaluate(capsys, prior, capture, *words)
    assert code == 0
    assert "seen persons, unseen expressions, held-out cameras" in out
    assert "unseen persons from the neutral scan alone" in out
    assert "mouth dB" in out and "prior, encoder" in out and "prior, arkit52" in out
    points = read_points(tmp_path / POINTS_FILE)
    assert len(points) == 5 and older[0] in points and older[1] not in points
    assert {(point.steps, point.persons) for point in points} == {(3, 2)}


def test_what_cannot_be_evaluated_is_said(prior, capture, capsys, tmp_path):
    code, _, error = evaluate(capsys, tmp_path, capture)
    assert code == 1 and "There is no prior" in error
    code, _, error = evaluate(capsys, prior, capture, "--also", "nonsense")
    assert code == 1 and "name=folder" in error
    bare = write_small_capture(tmp_path / "bare", num_train=1, num_validate=0)
    for picture in bare.glob("subjects/*/images/*held*"):
        picture.unlink()
    code, _, error = evaluate(capsys, prior, bare)
    assert code == 1 and "no pictures from held-out cameras" in error


def row_of(prior, mouth_l1, way="encoder"):
    from gaussian_heads.training.evaluate import Row

    regions = {"mouth": 25.0, "skin": 31.0}
    figures = (prior, "validate", way, 4, 2, 27.5, 25.0, 0.93, 0.9)
    return Row(*figures, regions, {"mouth": mouth_l1}, {"mouth": 0.91, "hair": 0.72})


def test_ablations_tell_what_they_lose_in_the_mouth():
    from gaussian_heads.training.evaluate import table

    report = table(
        [row_of("prior", 0.02), row_of("flat", 0.03), row_of("flat", 0.03, "arkit52")], None
    )
    lines = [line for line in report.splitlines() if line.startswith(("prior", "flat"))]
    assert lines[0].endswith("0.0200") and lines[1].endswith("0.0300 (+50 %)")
    assert lines[2].endswith("0.0300")
    assert " 27.50  25.00  0.930  0.900" in lines[0]
    assert report.count("SSIM of mouth 0.910, hair 0.720") == 3


def test_curves_join_runs_of_one_prior_and_the_longest_of_each_size():
    from gaussian_heads.training.evaluate_curve import Point, _lines, draw_curves

    points = [
        Point("prior", steps, persons, "validate", "encoder", db, 0.9)
        for steps, persons, db in ((500, 8, 24.0), (1000, 8, 25.0), (1000, 32, 27.0))
    ]
    points.append(Point("prior", 1000, 32, "validate", "arkit52", 26.0, 0.9))
    over_steps = _lines(points, "steps", "persons")
    assert [xs.tolist() for xs, _ in over_steps.values()] == [[500.0, 1000.0], [1000.0]]
    ((persons, psnr),) = _lines(points, "persons", "steps").values()
    assert persons.tolist() == [8.0, 32.0] and psnr.tolist() == [25.0, 27.0]
    log = {"loss": (np.arange(5.0), np.ones(5)), "rate": (np.arange(5.0), np.ones(5))}
    picture = np.asarray(draw_curves(points, log))
    assert picture.shape[1] == 3 * 560 and len(np.unique(picture.reshape(-1, 3), axis=0)) > 4
    # One number of persons is no curve.
    assert np.asarray(draw_curves(points[:2], log)).shape[1] == 2 * 560


def test_ticks_are_round():
    from gaussian_heads.training.evaluate_curve import _ticks

    assert _ticks(29.7, 31.5) == [30.0, 30.5, 31.0, 31.5]
    assert _ticks(-213.0, 17380.0) == [0.0, 5000.0, 10000.0, 15000.0]
    assert _ticks(0.0283, 0.4002) == [0.1, 0.2, 0.3, 0.4]


def test_the_training_log_is_read_and_thinned(tmp_path):
    from gaussian_heads.training.evaluate_curve import LOG_POINTS, read_log

    rows = [f"{step},loss,{1000 - step}" for step in range(1000)]
    (tmp_path / "curves.csv").write_text("step,name,value\n" + "\n".join(rows), encoding="utf8")
    steps, values = read_log(tmp_path / "curves.csv")["loss"]
    assert len(steps) == LOG_POINTS
    np.testing.assert_allclose(values, 1000 - steps)
    assert read_log(tmp_path / "nothing.csv") == {}


def test_the_sheet_shows_worst_median_and_best_once():
    from gaussian_heads.training.evaluate import Result
    from gaussian_heads.training.evaluate_metrics import Score
    from gaussian_heads.training.evaluate_sheet import Pair, chosen

    def pair(db):
        place = ("s0001", "f003", "held0", "speech")
        result = Result("prior", "train", "encoder", *place, Score(db, 0.9))
        return Pair(result, np.zeros((4, 4, 3), np.uint8), np.zeros((4, 4, 4), np.uint8))

    def shown(count):
        return [p.result.score.psnr_db for p in chosen([pair(float(db)) for db in range(count)])]

    assert shown(11) == [0.0, 1.0, 2.0, 4.0, 5.0, 6.0, 8.0, 9.0, 10.0]
    assert shown(2) == [0.0, 1.0]
