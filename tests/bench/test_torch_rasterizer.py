"""The baseline draws what the reference draws, and autograd through it agrees with our own gradients."""

import sys
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="needs PyTorch")

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "bench"))

import scenes  # noqa: E402
import torch_rasterizer  # noqa: E402
from gaussian_heads.core.camera import Camera, intrinsics  # noqa: E402
from gaussian_heads.core.gaussians import Gaussians  # noqa: E402
from gaussian_heads.core.render import reference  # noqa: E402
from gaussian_heads.training.rasterize import rasterize  # noqa: E402

NAMES = ("means", "quats", "scales", "opacities", "colors")


@pytest.fixture(autouse=True)
def one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def small_camera(width, height):
    view = scenes.portrait_camera("512").viewmat
    return Camera(view, intrinsics(2.4 * height, width, height), width, height)


@pytest.mark.parametrize("tile_px", [8, 16])
def test_the_picture_is_the_reference_s(tile_px):
    head, camera = scenes.synthetic_head(3000), small_camera(90, 70)
    ours = torch_rasterizer.render(head, camera, tile_px)
    wanted = reference.render(head, camera)
    for name in ("colors", "alphas", "depths"):
        error = getattr(ours, name).astype(np.float64) - getattr(wanted, name)
        assert np.abs(error).max() < 0.05
        assert -10 * np.log10(np.mean(error**2)) > 85, name
    assert wanted.alphas.max() > 0.99


def test_huge_hidden_and_absent_splats():
    rng = np.random.default_rng(0)
    means = rng.normal(0, 0.05, (40, 3)).astype(np.float32)
    means[:5, 2] += 5.0  # behind the camera
    scales = np.full((40, 3), 0.004, np.float32)
    scales[5:8] = 0.5
    opacities = np.linspace(0.001, 1.0, 40, dtype=np.float32)
    quats = rng.normal(size=(40, 4)).astype(np.float32)
    head = Gaussians(means, quats, scales, opacities, rng.random((40, 3), np.float32))
    camera = small_camera(50, 40)
    error = torch_rasterizer.render(head, camera).colors - reference.render(head, camera).colors
    assert np.abs(error).max() < 1e-3
    nothing = head.select(slice(0, 5))
    assert not torch_rasterizer.render(nothing, camera).alphas.any()


def test_autograd_agrees_with_the_native_gradients():
    head, camera = scenes.synthetic_head(150), small_camera(24, 20)
    rng = np.random.default_rng(1)
    of_colors = torch.from_numpy(rng.normal(size=(20, 24, 3)).astype(np.float32))
    of_alphas = torch.from_numpy(rng.normal(size=(20, 24)).astype(np.float32))

    def gradients(draw):
        tensors = {n: torch.from_numpy(getattr(head, n).copy()).requires_grad_() for n in NAMES}
        colors, alphas, _ = draw(tensors)
        ((colors * of_colors).sum() + (alphas * of_alphas).sum()).backward()
        return {name: tensor.grad for name, tensor in tensors.items()}

    by_autograd = gradients(lambda t: torch_rasterizer.rasterize(t, camera))
    native = gradients(lambda t: rasterize(*(t[name] for name in NAMES), camera))
    for name in NAMES:
        difference = (by_autograd[name] - native[name]).norm() / by_autograd[name].norm()
        assert difference < 1e-3, name
        assert by_autograd[name].norm() > 0
