"""The torch function around the rasterisers: values, gradients, what density control is told."""

import sys
from types import SimpleNamespace

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from gaussian_heads.core.camera import Camera, intrinsics, look_at  # noqa: E402
from gaussian_heads.core.errors import RenderError  # noqa: E402
from gaussian_heads.core.gaussians import Gaussians  # noqa: E402
from gaussian_heads.core.render import reference_gradients, render  # noqa: E402
from gaussian_heads.core.render.gradients import ImageGradients  # noqa: E402
from gaussian_heads.training.rasterize import rasterize  # noqa: E402
from gaussian_heads.training.rasterize_gsplat import rasterize_with_gsplat  # noqa: E402

NAMES = ("means", "quats", "scales", "opacities", "colors")
WHITE = np.ones(3)


def cloud(count=300, seed=0):
    rng = np.random.default_rng(seed)
    return Gaussians(
        means=rng.normal(0.0, 0.05, (count, 3)).astype(np.float32),
        quats=rng.normal(size=(count, 4)).astype(np.float32),
        scales=np.exp(rng.normal(-4.5, 0.5, (count, 3))).astype(np.float32),
        opacities=rng.uniform(0.2, 0.9, count).astype(np.float32),
        colors=rng.uniform(0.0, 1.0, (count, 3)).astype(np.float32),
    )


def camera(width=64, height=48):
    viewmat = look_at(np.array([0.1, 0.05, 0.5]), np.zeros(3), np.array([0.0, 1.0, 0.0]))
    return Camera(viewmat, intrinsics(100.0, width, height), width, height)


def tensors(gaussians):
    return [torch.tensor(getattr(gaussians, name), requires_grad=True) for name in NAMES]


def random_images(view):
    rng = np.random.default_rng(1)
    size = (view.height, view.width)
    return [rng.normal(size=s).astype(np.float32) for s in ((*size, 3), size, size)]


def test_draws_what_the_backend_draws():
    gaussians, view = cloud(), camera()
    expected = render(gaussians, view, backend="cpu", background=WHITE)
    colors, alphas, depths = rasterize(*tensors(gaussians), view, torch.ones(3))
    np.testing.assert_array_equal(colors.detach(), expected.colors)
    np.testing.assert_array_equal(alphas.detach(), expected.alphas)
    np.testing.assert_array_equal(depths.detach(), expected.depths)


def test_gradients_are_those_of_the_reference():
    gaussians, view, images = cloud(), camera(), random_images(camera())
    expected = reference_gradients.backward(gaussians, view, ImageGradients(*images), WHITE)
    inputs = tensors(gaussians)
    picture = rasterize(*inputs, view, WHITE)
    loss = sum((p * torch.from_numpy(i)).sum() for p, i in zip(picture, images, strict=True))
    loss.backward()
    for name, tensor in zip(NAMES, inputs, strict=True):
        e = getattr(expected, name)
        assert np.linalg.norm(tensor.grad - e) < 1e-3 * np.linalg.norm(e), name
    statistics = picture.statistics
    norms = np.linalg.norm(expected.means2d, axis=1)
    np.testing.assert_allclose(statistics.gradient_norms, norms, atol=1e-3 * norms.max())
    np.testing.assert_array_equal(statistics.visible, expected.num_pixels > 0)
    assert statistics.num_pixels.sum() == expected.num_pixels.sum()


def test_gradients_flow_through_what_made_the_tensors():
    gaussians, view = cloud(), camera()
    means, quats, scales, opacities, colors = (t.detach() for t in tensors(gaussians))
    logits = torch.logit(opacities).requires_grad_()
    shift = torch.zeros(3, requires_grad=True)

    ramp = torch.linspace(0, 1, 48)[:, None, None] + torch.linspace(0, 1, 64)[None, :, None]

    def brightness(shift, logits):
        # A view of another memory order, as a network's output may be.
        turned = (means + shift).T.contiguous().T
        picture = rasterize(turned, quats, scales, torch.sigmoid(logits), colors, view)
        return (picture.colors * ramp).mean()

    brightness(shift, logits).backward()
    step = 1e-3
    for axis in range(3):
        moved = shift.detach().clone()
        moved[axis] = step
        # The rim at alpha 1/255 moves too, which has no gradient.
        slope = (brightness(moved, logits) - brightness(-moved, logits)).item() / (2 * step)
        assert shift.grad[axis].item() == pytest.approx(slope, rel=0.1)
    assert torch.isfinite(logits.grad).all() and logits.grad.abs().max() > 0


def test_fifty_steps_lower_the_loss():
    view, rng = camera(), np.random.default_rng(2)
    target = rasterize(*tensors(cloud()), view, WHITE).colors.detach()
    start = [
        t.detach() + 0.002 * torch.randn(t.shape, generator=torch.manual_seed(0))
        for t in tensors(cloud())
    ]
    start[4] = torch.tensor(rng.uniform(0.0, 1.0, start[4].shape), dtype=torch.float32)
    inputs = [t.requires_grad_() for t in start]
    optimizer = torch.optim.Adam(
        [{"params": inputs[:4], "lr": 5e-4}, {"params": inputs[4:], "lr": 3e-2}]
    )
    losses = []
    for _ in range(50):
        loss = torch.mean((rasterize(*inputs, view, WHITE).colors - target) ** 2)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < 0.05 * losses[0]


def test_other_types_are_refused():
    inputs = tensors(cloud())
    inputs[2] = inputs[2].double()
    with pytest.raises(RenderError, match="scales are torch.float64"):
        rasterize(*inputs, camera())


def test_missing_gsplat_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "gsplat", None)
    with pytest.raises(RenderError, match="gsplat is needed to train on CUDA"):
        rasterize_with_gsplat(tensors(cloud()), camera(), None)


def test_gsplat_is_called_as_it_is_documented(monkeypatch):
    """gsplat needs CUDA; a stand-in with its documented shapes, drawn by our own rasteriser, checks the call."""
    gaussians, view, images = cloud(), camera(), random_images(camera())
    asked = {}

    def rasterization(means, quats, scales, opacities, colors, **options):
        asked.update(options)
        means2d = means[None, :, :2] * 1.0
        moved = torch.cat([means2d[0], means[:, 2:]], dim=1)
        picture = rasterize(moved, quats, scales, opacities, colors, view)
        found = {"means2d": means2d, "conics": None, "opacities": None, "isect_offsets": None}
        found |= {"flatten_ids": torch.zeros(1000), "tile_size": 16, "width": 64, "height": 48}
        drawn = torch.cat([picture.colors, picture.depths[..., None]], dim=-1)
        return drawn[None], picture.alphas[None, ..., None], found

    def rasterize_to_indices_in_range(first, end, transmittances, *arguments):
        assert (first, end) == (0, 4) and transmittances.shape == (1, 48, 64)
        assert arguments[3:6] == (64, 48, 16)
        return torch.tensor([0, 2, 2]), None, None

    stand_in = SimpleNamespace(
        rasterization=rasterization, rasterize_to_indices_in_range=rasterize_to_indices_in_range
    )
    monkeypatch.setitem(sys.modules, "gsplat", stand_in)
    inputs = tensors(gaussians)
    *pictures, statistics = rasterize_with_gsplat(inputs, view, WHITE)
    expected = render(gaussians, view, backend="cpu", background=WHITE)
    for picture, name in zip(pictures, ("colors", "alphas", "depths"), strict=True):
        np.testing.assert_allclose(picture.detach(), getattr(expected, name), atol=1e-6)
    assert asked["viewmats"].shape == (1, 4, 4) and asked["Ks"].shape == (1, 3, 3)
    assert asked["camera_model"] == "pinhole" and asked["render_mode"] == "RGB+ED"

    loss = sum((p * torch.from_numpy(i)).sum() for p, i in zip(pictures, images, strict=True))
    loss.backward()
    wanted = reference_gradients.backward(gaussians, view, ImageGradients(*images), WHITE)
    error = np.linalg.norm(inputs[4].grad - wanted.colors)
    assert error < 1e-3 * np.linalg.norm(wanted.colors)
    assert statistics.num_pixels.tolist() == [1, 0, 2] + [0] * 297
    assert statistics.means2d_gradients.shape == (300, 2)
