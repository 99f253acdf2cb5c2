"""Which environment the backend "cuda" uses, and what is said where there is none that works."""

import subprocess
import sys

import numpy as np
import pytest
from gaussian_heads.core.errors import BackendUnavailable
from gaussian_heads.core.render import cuda, render
from gaussian_heads.core.render.registry import register_backend, unregister_backend

from .test_gaussians import make_gaussians
from .test_render_cuda import camera, same


@pytest.fixture
def unconfigured(monkeypatch):
    monkeypatch.delenv(cuda.ENVIRONMENT_VARIABLE, raising=False)
    cuda.configure("")
    register_backend("cuda", cuda.draw, cuda.is_automatic)
    yield
    cuda.configure("")
    unregister_backend("cuda")


def test_without_an_environment_auto_passes_and_cuda_says_what_to_do(unconfigured):
    assert not cuda.is_automatic()
    with pytest.raises(BackendUnavailable, match=cuda.ENVIRONMENT_VARIABLE):
        render(make_gaussians(3), camera(), backend="cuda")


def test_an_environment_that_fails_falls_back_to_the_processor(
    unconfigured, tmp_path, monkeypatch, caplog
):
    """This Python has no gsplat: the worker refuses, auto draws with the next backend."""
    cuda.configure(sys.executable, tmp_path)
    assert cuda.is_automatic()
    g = make_gaussians(50)
    same(render(g, camera()), render(g, camera(), backend="cpu"))
    assert not cuda.is_automatic()
    with pytest.raises(BackendUnavailable, match="torch|gsplat|NVIDIA"):
        render(g, camera(), backend="cuda")


def test_a_folder_without_a_python_is_said(unconfigured, tmp_path):
    cuda.configure(str(tmp_path))
    with pytest.raises(BackendUnavailable, match="has no Python"):
        render(make_gaussians(3), camera(), backend="cuda")


def test_the_variable_of_a_farm_goes_first(unconfigured, tmp_path, monkeypatch):
    monkeypatch.setenv(cuda.ENVIRONMENT_VARIABLE, str(tmp_path / "farm"))
    cuda.configure(str(tmp_path / "mine"))
    with pytest.raises(BackendUnavailable, match="farm"):
        cuda.accelerator()


def test_meshes_before_heads_are_left_to_others(unconfigured, tmp_path):
    cuda.configure(sys.executable, tmp_path)
    limits = np.full((48, 64), np.inf, np.float32)
    with pytest.raises(BackendUnavailable, match="meshes"):
        render(make_gaussians(3), camera(), backend="cuda", depth_limits=limits)


def test_is_quick_to_import():
    code = (
        "import sys; from gaussian_heads.core.render import cuda; "
        "assert not {'torch', 'onnxruntime', 'gaussian_heads_native'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
