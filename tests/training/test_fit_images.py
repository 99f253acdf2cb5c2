"""Pictures with cameras, the visual hull of a ball, and a small fit from nothing that resumes exactly."""

import dataclasses
import json

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="needs PyTorch")
Image = pytest.importorskip("PIL.Image", reason="needs Pillow")

from gaussian_heads.core.errors import AvatarError  # noqa: E402
from gaussian_heads.core.exporters.splat_ply import write_splats  # noqa: E402
from gaussian_heads.core.gaussians import Gaussians  # noqa: E402
from gaussian_heads.training import draw_images, fit_images  # noqa: E402
from gaussian_heads.training.calibrated_images import (  # noqa: E402
    CalibratedImage,
    hold_out,
    load_images,
    save_images,
)
from gaussian_heads.training.density import DensitySettings  # noqa: E402
from gaussian_heads.training.visual_hull import bounding_cube, sample_hull_skin  # noqa: E402

CENTER_M, RADIUS_M = np.array([0.05, 1.6, -0.02]), 0.1


def ball(count=3000):
    """Opaque splats on a ball whose colours are its normals."""
    rng = np.random.default_rng(0)
    normals = rng.normal(size=(count, 3))
    normals /= np.linalg.norm(normals, axis=1, keepdims=True)
    return Gaussians(
        means=(CENTER_M + RADIUS_M * normals).astype(np.float32),
        quats=np.tile(np.float32([1, 0, 0, 0]), (count, 1)),
        scales=np.full((count, 3), 0.005, np.float32),
        opacities=np.full(count, 0.98, np.float32),
        colors=(0.5 + 0.4 * normals).astype(np.float32),
    )


@pytest.fixture(scope="module")
def images():
    cameras = draw_images.cameras_around(ball(), 12, 64)
    return [draw_images.photograph(ball(), c, f"view_{i:03d}") for i, c in enumerate(cameras)]


def test_pictures_come_back_from_their_folder(tmp_path, images):
    save_images(tmp_path, images)
    for saved, image in zip(load_images(tmp_path), images, strict=True):
        assert saved.name == image.name and (saved.rgba == image.rgba).all()
        np.testing.assert_array_equal(saved.camera.viewmat, image.camera.viewmat)
        np.testing.assert_array_equal(saved.camera.K, image.camera.K)


def test_one_expression_of_a_studio_folder(tmp_path, images):
    save_images(tmp_path, images[:2])
    (tmp_path / "view_000.png").rename(tmp_path / "smile_view_000.png")
    assert [image.name for image in load_images(tmp_path, "smile")] == ["smile_view_000"]
    with pytest.raises(AvatarError, match="holds none"):
        load_images(tmp_path, "blink")


def test_a_picture_without_alpha_is_refused(tmp_path, images):
    save_images(tmp_path, images[:1])
    Image.fromarray(images[0].rgba[..., :3]).save(tmp_path / "view_000.png")
    with pytest.raises(AvatarError, match="no alpha"):
        load_images(tmp_path)


def test_held_out_pictures_are_not_fitted_to(images):
    fitted, held = hold_out(images, 6)
    assert [image.name for image in held] == ["view_002", "view_008"]
    assert len(fitted) == 10 and not {i.name for i in fitted} & {i.name for i in held}
    with pytest.raises(AvatarError, match="too few"):
        hold_out(images[:2], 6)


def test_over_a_background_is_what_the_rasteriser_draws(images):
    from gaussian_heads.core.render import render

    background = np.array([0.2, 0.7, 0.4])
    ours, alphas = images[0].over(torch.tensor(background, dtype=torch.float32))
    drawn = render(ball(), images[0].camera, backend="cpu", background=background)
    assert np.abs(ours.numpy() - drawn.colors).max() < 2.5 / 255
    assert np.abs(alphas.numpy() - drawn.alphas).max() < 0.51 / 255


def test_the_cameras_find_the_ball_and_its_skin(images):
    center, half = bounding_cube(images)
    np.testing.assert_allclose(center, CENTER_M, atol=0.005)
    assert half > RADIUS_M
    points, colors, spacing_m = sample_hull_skin(images, 500, np.random.default_rng(0))
    distance = np.linalg.norm(points - CENTER_M, axis=1)
    # No silhouette hides a part of the ball, and its back, which no camera sees, stands out.
    assert distance.min() > 0.9 * RADIUS_M
    # 500 points on a ball and what stands out behind it.
    assert 1.0 < spacing_m / np.sqrt(4 * np.pi * RADIUS_M**2 / 500) < 2.0
    front = points[:, 2] > CENTER_M[2] + 0.5 * RADIUS_M
    assert np.percentile(distance[front], 90) < 1.25 * RADIUS_M
    assert colors.min() >= 0 and colors.max() <= 1 and colors.std() > 0.05


def test_pictures_that_contradict_each_other_have_no_hull(images):
    empty = dataclasses.replace(images[0], rgba=np.zeros_like(images[0].rgba))
    with pytest.raises(AvatarError, match="No point is covered"):
        sample_hull_skin([*images, empty], 10, np.random.default_rng(0))


SMALL = fit_images.FitSettings(
    steps=300, first_gaussians=400, checkpoint_steps=120,
    density=DensitySettings(first_step=40, every_steps=20, last_step=160, reset_every_steps=60, max_gaussians=900),
)  # fmt: skip


def test_a_fit_improves_grows_and_goes_on_exactly_where_it_stopped(tmp_path, images):
    fitted, held = hold_out(images, 6)
    first = fit_images.ImageFit(fitted, SMALL)
    before = np.mean(
        [fit_images.foreground_psnr_db(first.gaussians.to_gaussians(), i) for i in held]
    )
    first.run(fitted, tmp_path / "whole.pt")
    result = first.gaussians.to_gaussians()
    after = np.mean([fit_images.foreground_psnr_db(result, i) for i in held])
    assert after > before + 7 and after > 26
    assert 400 < result.num_gaussians <= 900

    stopped = fit_images.ImageFit(fitted, SMALL)
    follow, steps = stopped._follow, iter(range(170))

    def interrupted(image, background):
        if next(steps, None) is None:
            raise KeyboardInterrupt
        return follow(image, background)

    stopped._follow = interrupted
    with pytest.raises(KeyboardInterrupt):
        stopped.run(fitted, tmp_path / "part.pt")
    resumed = fit_images.ImageFit(fitted, SMALL)
    resumed.run(fitted, tmp_path / "part.pt")
    again = resumed.gaussians.to_gaussians()
    assert again.num_gaussians == result.num_gaussians
    np.testing.assert_allclose(again.means, result.means, atol=1e-6)


def test_the_commands_draw_fit_and_measure(tmp_path, capsys, monkeypatch):
    write_splats(tmp_path / "ball.ply", ball())
    words = [
        str(tmp_path / "ball.ply"),
        "--out",
        str(tmp_path / "views"),
        "--views",
        "8",
        "--size",
        "48",
    ]
    assert draw_images.main(words) == 0
    capsys.readouterr()
    monkeypatch.setattr(fit_images.FitSettings, "first_gaussians", 300)
    out = tmp_path / "fitted.ply"
    words = ["--images", str(tmp_path / "views"), "--out", str(out), "--steps", "30"]
    words += ["--sheet", str(tmp_path / "sheet.png")]
    assert fit_images.main(words) == 0
    report = json.loads(capsys.readouterr().out)
    assert list(report["held_out"]) == ["view_002"] and report["num_pictures"] == 7
    assert 10 < report["held_out_psnr_db"] < 60 and out.is_file()
    with Image.open(tmp_path / "sheet.png") as sheet:
        assert sheet.size == (48, 3 * 48)
    assert fit_images.main(["--images", str(tmp_path), "--out", str(out)]) == 1
    assert "cameras.json" in capsys.readouterr().err


def test_psnr_counts_the_covered_pixels_alone(images):
    image = images[0]
    ours = ball()
    exact = fit_images.foreground_psnr_db(ours, image)
    off = dataclasses.replace(ours, colors=np.clip(ours.colors + 0.1, 0, 1).astype(np.float32))
    assert exact > 45
    assert fit_images.foreground_psnr_db(off, image) == pytest.approx(20.0, abs=0.3)
    assert isinstance(image, CalibratedImage)
