"""Measuring personalized heads: similarities, steadiness, tables and sheets."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

pytest.importorskip("torch", reason="the measures need the training extra (PyTorch, scipy)")

from gaussian_heads.core.camera import Camera, look_at
from gaussian_heads.core.gaussians import Gaussians
from gaussian_heads.training.ablate_personal import variants
from gaussian_heads.training.evaluate_metrics import jitter
from gaussian_heads.training.evaluate_personal import (
    FRONT,
    SIDES,
    Evaluated,
    Motion,
    evaluate,
    record,
    table,
)
from gaussian_heads.training.evaluate_personal_film import TrueFrame
from gaussian_heads.training.evaluate_personal_sheet import save_small, write_sheet
from gaussian_heads.training.evaluate_personal_ways import Placed, similarity
from gaussian_heads.training.personalization.fit_settings import FitSettings
from gaussian_heads.training.prior_settings import TrainingError
from scipy.spatial.transform import Rotation


def test_a_similarity_is_found_again():
    points = np.random.default_rng(2).normal(size=(68, 3))
    rotation = Rotation.from_rotvec([0.2, -0.4, 0.1]).as_matrix()
    wanted = 1.3 * points @ rotation.T + [0.1, -0.2, 0.3]
    found = similarity(points, wanted)
    np.testing.assert_allclose(found[:3, :3], 1.3 * rotation, atol=1e-9)
    np.testing.assert_allclose(points @ found[:3, :3].T + found[:3, 3], wanted, atol=1e-9)
    # A mirrored face stays a face.
    assert np.linalg.det(similarity(points, points * [-1, 1, 1])[:3, :3]) > 0


def test_steady_motion_does_not_jitter():
    path = np.arange(10)[:, None, None] * np.array([1e-3, 0, 0])
    assert 1e3 * jitter(np.broadcast_to(path, (10, 68, 3))) < 1e-9
    trembling = np.zeros((10, 68, 3))
    trembling[::2, :, 1] = 1e-3
    assert 1e3 * jitter(trembling) == pytest.approx(2.0)
    assert 1e3 * jitter(np.zeros((2, 68, 3))) == 0.0


def camera() -> Camera:
    viewmat = look_at(np.array([0.0, 0, 0.5]), np.zeros(3), np.array([0.0, 1, 0]))
    return Camera(viewmat, np.array([[120.0, 0, 48], [0, 120.0, 48], [0, 0, 1]]), 96, 96)


def blob(shift_m: float = 0.0) -> Gaussians:
    rng = np.random.default_rng(0)
    means = rng.uniform(-0.1, 0.1, (200, 3)).astype(np.float32)
    means[:, 0] += shift_m
    quats = np.tile(np.array([1.0, 0, 0, 0], np.float32), (200, 1))
    scales, opacities = np.full((200, 3), 0.012, np.float32), np.full(200, 0.9, np.float32)
    return Gaussians(means, quats, scales, opacities, rng.random((200, 3)).astype(np.float32))


@dataclass
class FakeFilm:
    """A film of two frames, of which the second has no picture."""

    frames: list[TrueFrame]

    def true_landmarks(self, frame: TrueFrame) -> np.ndarray:
        return np.zeros((68, 3))

    def regions(self, frame: TrueFrame, name: str) -> dict[str, np.ndarray]:
        return {"mouth": np.ones((96, 96), bool)}

    def shown_frames(self) -> list[TrueFrame]:
        return self.frames[:1]


@dataclass
class FakeWay:
    """Places the blob, `shift_m` beside where it belongs."""

    shift_m: float
    name: str = "true"

    def placed(self, avatar: object, frame: TrueFrame) -> Placed | None:
        if self.shift_m > 1:
            return None
        view = (blob(self.shift_m), camera())
        return Placed({FRONT: view, "left": view}, np.zeros((68, 3)))

    def num_gaussians(self, avatar: object) -> int:
        return 200


def film() -> FakeFilm:
    from gaussian_heads.core.render import render

    drawn = render(blob(), camera(), backend="cpu", background=np.zeros(3, np.float32))
    alpha = drawn.alphas.reshape(96, 96, 1)
    straight = drawn.colors / np.maximum(alpha, 1e-6)
    rgba = np.concatenate([np.clip(straight, 0, 1), alpha], axis=2)
    picture = np.round(255 * rgba).astype(np.uint8)
    frame = TrueFrame(
        "h0000", 0.0, np.zeros(52), np.zeros(6), np.zeros(4), {FRONT: picture, "left": picture}
    )
    return FakeFilm([frame, TrueFrame("h0001", 0.04, np.zeros(52), np.zeros(6), np.zeros(4), {})])


def test_a_head_where_it_belongs_scores_higher_than_one_beside_it():
    right = evaluate("full", None, FakeWay(0.0), film())
    wrong = evaluate("moved", None, FakeWay(0.01), film())
    assert right.mean(FRONT, "psnr_db") > 35 > wrong.mean(FRONT, "psnr_db") + 8
    assert len(right.results) == 2
    assert right.mean(SIDES, "mouth") == pytest.approx(right.mean(FRONT, "mouth"))
    assert np.isnan(right.mean(FRONT, "hair"))
    with pytest.raises(TrainingError, match="face was not found"):
        evaluate("lost", None, FakeWay(2.0), film())


def test_tables_and_records_hold_every_run():
    right = evaluate("full", None, FakeWay(0.0), film())
    wrong = evaluate("moved", None, FakeWay(0.01), film())
    lines = table([right, wrong]).splitlines()
    assert len(lines) == 4 and lines[2].startswith("| full | true | 200 |")
    assert len({line.count("|") for line in lines}) == 1
    found = record([right, wrong], Path("somewhere/s1003"))
    assert found["video"] == "s1003" and [r["run"] for r in found["runs"]] == ["full", "moved"]
    assert (
        found["runs"][0]["means"]["front"]["psnr_db"]
        > found["runs"][1]["means"]["front"]["psnr_db"]
    )


def test_nothing_measured_reads_as_nothing():
    empty = Evaluated("none", "read", 5, (), Motion(0.0, 0.0))
    assert np.isnan(empty.mean(FRONT, "psnr_db"))


def test_a_sheet_shows_reference_and_runs(tmp_path: Path):
    scene = film()
    placed = FakeWay(0.0).placed(None, scene.frames[0])
    path = tmp_path / "sheet.jpg"
    write_sheet(path, scene, {"full": {"h0000": placed}, "lost": {"h0000": None}})
    with Image.open(path) as image:
        assert image.size == (2 * 224, 3 * 240)
        pixels = np.asarray(image.convert("RGB")).astype(int)
    assert np.abs(pixels[20:240, :224] - pixels[260:480, :224]).mean() < 6
    assert pixels[500:, :224].max() < 30


def test_pictures_stay_small(tmp_path: Path):
    noise = np.random.default_rng(0).integers(0, 255, (420, 640, 3), np.uint8)
    save_small(Image.fromarray(noise), tmp_path / "noise.jpg")
    assert (tmp_path / "noise.jpg").stat().st_size <= 300_000


def test_ablations_leave_out_one_part_each():
    settings = FitSettings(steps=77)
    found = variants(settings, 58_000, (40_000, 9_000))
    assert found["full"] == settings and all(run.steps == 77 for run in found.values())
    assert not found["no_codes"].uses_codes and found["no_codes"].uses_prior
    assert not found["no_prior"].uses_prior and found["no_prior"].uses_codes
    assert found["no_density"].growth.rule == "random"
    assert found["no_density"].growth.max_anchors == 40_000
    assert found["no_density"].hair.max_gaussians == 9_000
    assert found["fixed"].growth.rule == "none"
    assert found["fewer"].growth.rule == "pixel"
    assert found["fewer"].growth.max_anchors == round(0.6 * 58_000)
