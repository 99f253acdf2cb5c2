"""Fitting a built-in head to pictures: what may move, what is exported, and that it gets nearer."""

import dataclasses
import json

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="needs torch (the training environment)")
pytest.importorskip("scipy", reason="needs scipy (the training environment)")
Image = pytest.importorskip("PIL.Image", reason="needs pillow")

from gaussian_heads.core.avatar import Avatar  # noqa: E402
from gaussian_heads.core.camera import Camera, intrinsics, look_at  # noqa: E402
from gaussian_heads.core.errors import AvatarError  # noqa: E402
from gaussian_heads.core.spherical_harmonics import sh_colors  # noqa: E402
from gaussian_heads.training.builtin_head import build_avatar  # noqa: E402
from gaussian_heads.training.fit_head import (  # noqa: E402
    FitSettings,
    HeadFit,
    hide_covered_skin,
    view_colors,
)
from gaussian_heads.training.fit_head_parameters import FitBounds, HeadParameters  # noqa: E402
from gaussian_heads.training.fit_head_views import HeadPicture, load_pictures  # noqa: E402
from gaussian_heads.training.head_assembly import assemble_head  # noqa: E402
from gaussian_heads.training.head_settings import HeadSettings  # noqa: E402
from gaussian_heads.training.image_loss import ssim  # noqa: E402
from gaussian_heads.training.networks.mesh_head import MeshHead  # noqa: E402

from .head_fixtures import small_head  # noqa: E402
from .test_head_network import COARSE  # noqa: E402

SIDE_PX = 64
GREY = torch.full((3,), 0.5)


@pytest.fixture(scope="module")
def assembled():
    made = assemble_head(small_head(), HeadSettings(spacing=COARSE))
    sh = np.zeros((len(made.neck_weights), 3, 3), np.float32)
    return dataclasses.replace(made, parts=dataclasses.replace(made.parts, sh=sh))


def camera(turn):
    eye = np.array([np.sin(turn), 0.0, np.cos(turn)])
    matrix = look_at(eye, np.zeros(3), np.array([0.0, 1.0, 0.0]))
    return Camera(matrix, intrinsics(3.5 * SIDE_PX, SIDE_PX, SIDE_PX), SIDE_PX, SIDE_PX)


def picture(turn, rgba=None):
    blank = np.zeros((SIDE_PX, SIDE_PX, 4), np.uint8)
    return HeadPicture(f"at {turn}", blank if rgba is None else rgba, camera(turn), torch.zeros(52))


@pytest.fixture(scope="module")
def wanted(assembled):
    """Pictures of the same head in other colours that depend on the view."""
    fit = HeadFit(MeshHead(assembled.parts), FitSettings())
    pictures = []
    with torch.no_grad():
        fit.parameters.colors["surface"].mul_(-0.6).add_(0.9)
        fit.parameters.sh[:, 2, 0] = 0.3
        for turn in (-0.5, -0.2, 0.1, 0.4):
            colors, alphas = fit.draw(picture(turn), torch.zeros(3))
            straight = colors / alphas.clamp(min=1e-3)[..., None]
            rgba = torch.cat([straight, alphas[..., None]], dim=2).clamp(0, 1)
            pictures.append(picture(turn, (rgba * 255 + 0.5).byte().numpy()))
    return pictures


def error(fit, pictures):
    with torch.no_grad():
        errors = [(fit.draw(p, GREY)[0] - p.over(GREY)[0]).square().mean() for p in pictures]
    return float(torch.stack(errors).mean())


def test_a_fit_starts_at_the_head_it_was_given(assembled):
    head = MeshHead(assembled.parts)
    parameters = HeadParameters(head, FitBounds())
    own = dict(head.named_buffers())
    for name, value in parameters.buffers_of_head().items():
        assert value.requires_grad, name
        if not name.endswith("est_colors"):
            torch.testing.assert_close(value, own[name], atol=1e-6, rtol=1e-4)


def test_a_fit_comes_near_pictures_it_has_not_seen(assembled, wanted, tmp_path):
    settings = FitSettings(steps=60, checkpoint_steps=30)
    fit = HeadFit(MeshHead(assembled.parts), settings)
    before = error(fit, wanted[3:])
    fit.run(wanted[:3], tmp_path / "checkpoint.pt")
    assert error(fit, wanted[3:]) < 0.2 * before


def test_a_fit_that_is_interrupted_ends_like_one_that_is_not(assembled, wanted, tmp_path):
    settings = FitSettings(steps=8, checkpoint_steps=4)
    whole = HeadFit(MeshHead(assembled.parts), settings)
    whole.run(wanted, tmp_path / "whole.pt")
    (tmp_path / "whole.pt").rename(tmp_path / "done.pt")

    stopped = HeadFit(MeshHead(assembled.parts), settings)
    draw, drawn = stopped.draw, []

    def draw_until_the_fifth(*arguments):
        if len(drawn) == 5:
            raise KeyboardInterrupt
        drawn.append(arguments)
        return draw(*arguments)

    stopped.draw = draw_until_the_fifth
    with pytest.raises(KeyboardInterrupt):
        stopped.run(wanted, tmp_path / "part.pt")
    resumed = HeadFit(MeshHead(assembled.parts), settings)
    resumed.run(wanted, tmp_path / "part.pt")
    assert resumed.step == whole.step == 8
    for name, value in resumed.parameters.fitted().items():
        np.testing.assert_allclose(value, whole.parameters.fitted()[name], atol=1e-5, err_msg=name)


def test_what_is_exported_is_what_was_fitted(assembled, wanted, tmp_path):
    fit = HeadFit(MeshHead(assembled.parts), FitSettings(steps=20))
    fit.run(wanted, tmp_path / "checkpoint.pt")
    fitted = fit.parameters.fitted()
    build_avatar(small_head(), assembled, "Small", tmp_path / "small.uhap", fitted)
    decoded = Avatar.open(tmp_path / "small.uhap").decode(np.zeros(52, np.float32))
    head = MeshHead(assembled.parts)
    with torch.no_grad():
        values = torch.func.functional_call(
            head, fit.parameters.buffers_of_head(), (torch.zeros(52),)
        )
    means, _, scales, opacities, colors, _, sh = (value.numpy() for value in values)
    # The steps of the storage: a 250th of a triangle's side, and of a colour.
    np.testing.assert_allclose(decoded.means, means, atol=2e-4)
    np.testing.assert_allclose(decoded.scales, scales, atol=1e-5)
    np.testing.assert_allclose(decoded.opacities, opacities, atol=3e-3)
    np.testing.assert_allclose(decoded.colors, colors, atol=1 / 250)
    np.testing.assert_allclose(decoded.sh, sh, atol=0.5 / 80 + 1e-6)
    assert np.abs(sh).max() > 0.01


def test_black_skin_that_moves_under_the_shirt_is_hidden(assembled):
    surface = assembled.parts.surface
    count = len(surface.owner)
    colors, neck = np.full((count, 3), 0.4), np.ones(len(assembled.neck_weights))
    colors[:3], neck[:5] = 0.01, [0.5, 1.0, 0.0, 0.5, 0.5]
    look = dataclasses.replace(surface.look, colors=colors)
    parts = dataclasses.replace(assembled.parts, surface=dataclasses.replace(surface, look=look))
    head = dataclasses.replace(assembled, parts=parts, neck_weights=neck)
    fitted = {"all_opacities": np.full(len(neck), 0.9, np.float32)}
    hidden = hide_covered_skin(fitted, head)["all_opacities"]
    np.testing.assert_array_equal(np.flatnonzero(hidden == 0.0), [0])
    assert (fitted["all_opacities"] == np.float32(0.9)).all()


def test_view_colours_agree_with_the_renderers(assembled):
    rng = np.random.default_rng(1)
    sh = rng.normal(size=(20, 3, 3)).astype(np.float32)
    directions = rng.normal(size=(20, 3)).astype(np.float32)
    ours = view_colors(torch.from_numpy(sh), torch.from_numpy(directions)).numpy()
    np.testing.assert_allclose(ours, sh_colors(sh, directions), atol=1e-5)


def test_ssim_is_one_for_equals_and_follows_its_definition():
    rng = np.random.default_rng(2)
    a, b = rng.random((11, 11, 1)), rng.random((11, 11, 1))
    offsets = np.arange(11) - 5
    window = np.exp(-0.5 * (offsets / 1.5) ** 2)
    weights = np.outer(window, window)[..., None] / window.sum() ** 2
    mean_a, mean_b = (weights * a).sum(), (weights * b).sum()
    var_a, var_b = (weights * a * a).sum() - mean_a**2, (weights * b * b).sum() - mean_b**2
    covariance = (weights * a * b).sum() - mean_a * mean_b
    expected = (2 * mean_a * mean_b + 1e-4) * (2 * covariance + 9e-4)
    expected /= (mean_a**2 + mean_b**2 + 1e-4) * (var_a + var_b + 9e-4)
    assert ssim(torch.from_numpy(a), torch.from_numpy(b)).item() == pytest.approx(
        expected, rel=1e-3
    )
    big = torch.rand(64, 48, 3)
    assert ssim(big, big).item() == pytest.approx(1.0, abs=1e-4)


def test_pictures_are_read_with_their_cameras(tmp_path):
    view = camera(0.3)
    record = {
        "views": {"left": {"viewmat": view.viewmat.tolist(), "K": view.K.tolist()}},
        "states": {"open": {"jawOpen": 0.5}},
    }
    with pytest.raises(AvatarError, match="render the training views"):
        load_pictures(tmp_path)
    (tmp_path / "cameras.json").write_text(json.dumps(record), "utf8")
    with pytest.raises(AvatarError, match="holds no pictures"):
        load_pictures(tmp_path)
    Image.new("RGBA", (8, 6), (255, 0, 0, 51)).save(tmp_path / "open_left.png")
    (read,) = load_pictures(tmp_path)
    colors, alphas = read.over(torch.ones(3))
    assert alphas.shape == (6, 8) and alphas[0, 0] == pytest.approx(0.2)
    np.testing.assert_allclose(colors[0, 0], [1.0, 0.8, 0.8], atol=1e-6)
    np.testing.assert_allclose(read.eye, [np.sin(0.3), 0, np.cos(0.3)], atol=1e-6)
    assert read.code.max() == 0.5


def test_training_views_keep_the_references_out():
    pytest.importorskip("bpy", reason="needs Blender's module")
    from gaussian_heads.training.capture import reference, training_views

    views = training_views.VIEWS | training_views.scattered_views(44)
    for view in views.values():
        for held_out in reference.VIEWS_DEG.values():
            assert np.hypot(view.turn_deg - held_out, view.rise_deg) > training_views.HELD_OUT_DEG
    states = [weights for weights in training_views.STATES.values() if weights]
    assert not any(weights in states for weights in reference.STATES.values() if weights)
    planned = training_views.plan(44)
    assert len(set(planned)) == len(planned)
