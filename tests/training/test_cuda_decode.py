"""Heads decoded in torch give the numbers of core.avatar; an environment without a card says so."""

import dataclasses
import sys
import types
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="needs torch")

from gaussian_heads.core.assets import builtin_avatars  # noqa: E402
from gaussian_heads.core.avatar import Avatar  # noqa: E402
from gaussian_heads.core.camera import Camera, intrinsics, look_at  # noqa: E402
from gaussian_heads.core.errors import BackendUnavailable, RenderError  # noqa: E402
from gaussian_heads.core.exporters.splat_ply import write_splats  # noqa: E402
from gaussian_heads.core.gaussians import Gaussians, concatenate, quat_to_matrix  # noqa: E402
from gaussian_heads.core.importers.splat_ply import open_static_avatar  # noqa: E402
from gaussian_heads.core.render import cpu  # noqa: E402
from gaussian_heads.core.render.cuda import Accelerator  # noqa: E402
from gaussian_heads.core.render.cuda_process import WorkerCommand  # noqa: E402
from gaussian_heads.training import cuda_gsplat  # noqa: E402
from gaussian_heads.training.cuda_decode import DeviceAvatar  # noqa: E402
from gaussian_heads.training.cuda_service import AvatarCache, Refused, start_rasterizer  # noqa: E402

from ..core.small_heads import small_linear_avatar, small_onnx_avatar  # noqa: E402
from ..core.test_gaussians import covariances, make_gaussians  # noqa: E402

CPU = torch.device("cpu")
POSE = np.array([0.2, -0.8, 0.3, 0.01, -0.02, 0.005])
MATRIX = np.eye(4)
MATRIX[:3, :3] = 1.5 * quat_to_matrix(np.array([0.3, -0.5, 0.7, 0.2]))
MATRIX[:3, 3] = (0.5, -1.0, 2.0)


def camera(is_orthographic=False):
    viewmat = look_at(np.array([1.0, 0.5, -2.0]), MATRIX[:3, 3], np.array([0.0, 1.0, 0.0]))
    return Camera(viewmat, intrinsics(50.0, 64, 48), 64, 48, is_orthographic)


def statue(path):
    g = make_gaussians(300)
    sh = np.random.default_rng(3).normal(size=(300, 15, 3)).astype(np.float32) * 0.2
    write_splats(path, dataclasses.replace(g, sh=sh))
    return path


def ada(path):
    return next(iter(builtin_avatars().values()))


@pytest.mark.parametrize("is_orthographic", [False, True])
@pytest.mark.parametrize("pose", [None, POSE])
@pytest.mark.parametrize("make", [small_linear_avatar, small_onnx_avatar, statue, ada])
def test_a_device_decodes_what_the_processor_decodes(tmp_path, make, pose, is_orthographic):
    path = make(tmp_path / ("a.ply" if make is statue else "a.uhap"))
    avatar = open_static_avatar(path) if path.suffix == ".ply" else Avatar.open(path)
    code = np.random.default_rng(1).uniform(0, 0.7, avatar.code_dim)
    eye = camera(is_orthographic)
    expected = avatar.decode(code, pose).transformed(MATRIX).seen_by(eye)
    head = {"code": code.tolist(), "head_pose": pose, "matrix": MATRIX}
    found = DeviceAvatar.open(path, CPU).decode(head).seen_by(eye)
    means, quats, scales, opacities, colors = (t.numpy() for t in found)
    np.testing.assert_allclose(means, expected.means, atol=2e-6 * np.abs(expected.means).max())
    as_set = dataclasses.replace(expected, quats=quats, scales=scales)
    np.testing.assert_allclose(covariances(as_set), covariances(expected), rtol=1e-4, atol=1e-7)
    np.testing.assert_allclose(opacities, expected.opacities, atol=1e-6)
    np.testing.assert_allclose(colors, expected.colors, atol=2e-5)
    neutral = avatar.decode(np.zeros(avatar.code_dim)).transformed(MATRIX)
    if avatar.code_dim or pose is not None:
        assert np.abs(neutral.means - expected.means).max() > 1e-3


def test_a_flat_transform_is_refused(tmp_path):
    avatar = DeviceAvatar.open(small_linear_avatar(tmp_path / "a.uhap"), CPU)
    head = {"code": [0.0] * 52, "head_pose": None, "matrix": np.diag([1.0, 0.0, 1.0, 1.0])}
    with pytest.raises(RenderError, match="transform"):
        avatar.decode(head)


@pytest.mark.skipif(torch.cuda.is_available(), reason="this machine has a card")
def test_torch_without_a_card_is_refused_with_a_sentence(tmp_path):
    with pytest.raises(Refused, match="built without CUDA|finds no NVIDIA card"):
        start_rasterizer("gsplat", lambda message: None)
    command = WorkerCommand(Path(sys.executable), tmp_path / "worker.log")
    accelerator = Accelerator(command)
    with pytest.raises(BackendUnavailable, match="built without CUDA|finds no NVIDIA card"):
        accelerator.check()
    assert "torch" in (tmp_path / "worker.log").read_text("utf8")
    assert accelerator.pid is None


def rasterization_stand_in(
    means, quats, scales, opacities, colors, viewmats, Ks, width, height, **options
):
    """The call of gsplat 1.5.3 with its shapes, drawn by the C rasteriser."""
    assert viewmats.shape == (1, 4, 4) and Ks.shape == (1, 3, 3)
    assert options.pop("render_mode") == "RGB+ED" and options.pop("packed") is False
    is_orthographic = options.pop("camera_model") == "ortho"
    assert not options
    g = Gaussians(*(t.numpy() for t in (means, quats, scales, opacities, colors)))
    output = cpu.render(
        g, Camera(viewmats[0].numpy(), Ks[0].numpy(), width, height, is_orthographic)
    )
    images = np.concatenate([output.colors, output.depths[..., None]], axis=-1)
    return torch.from_numpy(images)[None], torch.from_numpy(output.alphas)[None, ..., None], {}


@pytest.mark.parametrize("is_orthographic", [False, True])
def test_gsplat_is_called_with_its_shapes(tmp_path, monkeypatch, is_orthographic):
    """Without a card: everything but gsplat itself, whose place a stand-in takes."""
    pytest.importorskip("gaussian_heads_native")
    monkeypatch.setitem(
        sys.modules, "gsplat", types.SimpleNamespace(rasterization=rasterization_stand_in)
    )
    rasterizer = object.__new__(cuda_gsplat.GsplatRasterizer)
    rasterizer._device = CPU
    rasterizer._avatars = AvatarCache(rasterizer._prepare_avatar)
    eye = camera(is_orthographic)
    path = small_linear_avatar(tmp_path / "a.uhap")
    code = np.full(52, 0.3)
    head = {"avatar": str(path), "code": code.tolist(), "head_pose": POSE, "matrix": MATRIX}
    one = Avatar.open(path).decode(code, POSE).transformed(MATRIX)
    none = one.select(slice(0, 0))
    assert max(float(image.max()) for image in rasterizer.draw(none, eye)) == 0.0
    for images, g in (
        (rasterizer.draw(one, eye), one),
        (rasterizer.draw_heads([head, head], eye), concatenate([one, one])),
    ):
        wanted = cpu.render(g, eye)
        assert wanted.alphas.max() > 0.5
        for image, name in zip(images, ("colors", "alphas", "depths"), strict=True):
            target = np.empty(image.shape, np.float32)
            rasterizer.store(image, target)
            np.testing.assert_allclose(target, getattr(wanted, name), atol=5e-3)


@pytest.mark.parametrize(
    ("found", "lowest", "prefix", "is_fine"),
    [
        ("2.11.0", (2, 11), (), True),
        ("2.13.0+cu130", (2, 11), (), True),
        ("3.0", (2, 11), (), True),
        ("2.10.1", (2, 11), (), False),
        ("1.5.3", (1, 5, 3), (1, 5), True),
        ("1.5.3+pt213cu130", (1, 5, 3), (1, 5), True),
        ("1.6.0", (1, 5, 3), (1, 5), False),
        ("1.4.0", (1, 5, 3), (1, 5), False),
    ],
)
def test_versions_that_do_not_fit_are_named(monkeypatch, found, lowest, prefix, is_fine):
    monkeypatch.setattr(cuda_gsplat.importlib.metadata, "version", lambda package: found)
    if is_fine:
        assert cuda_gsplat._require_version("torch", lowest, prefix) == found
    else:
        with pytest.raises(Refused, match=f"torch {found}.* does not fit: install torch"):
            cuda_gsplat._require_version("torch", lowest, prefix)


def test_an_absent_package_is_named():
    with pytest.raises(Refused, match="no not-there-at-all: install not-there-at-all 1.2"):
        cuda_gsplat._require_version("not-there-at-all", (1, 2), ())
