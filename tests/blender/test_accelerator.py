"""The accelerator environment: made from a folder of wheels, refused with sentences, stopped cleanly."""

import os
import shutil
import signal
import sys
import time
import zipfile
from pathlib import Path

import bpy
import numpy as np
import pytest
from gaussian_heads.blender import accelerator, preferences
from gaussian_heads.blender.accelerator import AcceleratorError, AcceleratorPlan
from gaussian_heads.blender.rasterisers import configured_cuda
from gaussian_heads.core.render import cuda
from gaussian_heads.core.render.cuda_process import WorkerCommand

BASE_PYTHON = Path(getattr(sys, "_base_executable", None) or sys.executable)


def wheel(folder: Path, name: str = "gh_tiny", body: str = "value = 7\n") -> Path:
    """A wheel of one module."""
    folder.mkdir(exist_ok=True)
    info = f"{name}-1.0.dist-info"
    path = folder / f"{name}-1.0-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(f"{name}.py", body)
        archive.writestr(f"{info}/METADATA", f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
        archive.writestr(
            f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        )
        archive.writestr(f"{info}/RECORD", "")
    return path


@pytest.fixture
def plan(tmp_path, monkeypatch):
    """An environment that needs one small package, which lies in a folder."""
    requirements = tmp_path / "requirements.txt"
    requirements.write_text("gh_tiny==1.0\n", "utf8")
    monkeypatch.setattr(accelerator, "REQUIREMENTS", requirements)
    wheel(tmp_path / "wheels")
    yield AcceleratorPlan(
        tmp_path / "environment", tmp_path / "logs" / "setup.log", BASE_PYTHON, tmp_path / "wheels"
    )
    accelerator.cancel_task()


def finished(task, within_sec=120.0):
    deadline_sec = time.monotonic() + within_sec
    while task.is_running and time.monotonic() < deadline_sec:
        time.sleep(0.02)
    assert not task.is_running
    return task


def test_an_environment_is_made_without_the_network(plan):
    plan.check(is_online=False)
    task = finished(accelerator.start_creating(plan))
    assert task.error == ""
    assert str(plan.folder) in task.result
    assert accelerator.is_environment(plan.folder)
    python = cuda.environment_python(plan.folder)
    assert python.is_file()
    assert list(plan.folder.rglob("gh_tiny.py"))
    log = plan.log_path.read_text("utf8")
    assert "--no-index" in log and "Successfully installed gh_tiny-1.0" in log
    # Making it again replaces it.
    plan.check(is_online=False)
    assert finished(accelerator.start_creating(plan)).error == ""


def test_an_environment_stays_when_its_successor_fails(plan, tmp_path):
    plan.folder.mkdir()
    (plan.folder / accelerator.MARKER).write_text("made before\n", "utf8")
    (plan.folder / "kept.txt").write_text("7", "utf8")
    accelerator.REQUIREMENTS.write_text("gh_absent==2.0\n", "utf8")
    assert "gh_absent" in finished(accelerator.start_creating(plan)).error
    assert (plan.folder / "kept.txt").read_text("utf8") == "7"
    assert accelerator.is_environment(plan.folder)
    unfit = AcceleratorPlan(plan.folder, plan.log_path, tmp_path / "no_python", plan.wheels)
    assert "cannot make environments" in finished(accelerator.start_creating(unfit)).error
    assert (plan.folder / "kept.txt").is_file()
    assert [path.name for path in tmp_path.glob("environment*")] == ["environment"]


def test_what_pip_says_is_shown_and_nothing_stays(plan, tmp_path):
    accelerator.REQUIREMENTS.write_text("gh_absent==2.0\n", "utf8")
    task = finished(accelerator.start_creating(plan))
    assert "No matching distribution found for gh_absent" in task.error
    assert "setup.log" in task.error
    assert not plan.folder.exists()


def test_a_cancelled_one_leaves_nothing(plan, monkeypatch):
    slow = [[sys.executable, "-c", "import time; print('working', flush=True); time.sleep(600)"]]
    plan.folder.mkdir()
    monkeypatch.setattr(AcceleratorPlan, "commands", lambda self: slow)
    task = accelerator.start_creating(plan)
    deadline_sec = time.monotonic() + 30.0
    while task.line != "working" and time.monotonic() < deadline_sec:
        time.sleep(0.02)
    assert task.line == "working"
    with pytest.raises(AcceleratorError, match="still at work"):
        accelerator.start_checking()
    started_sec = time.monotonic()
    accelerator.cancel_task()
    assert time.monotonic() - started_sec < 10.0
    assert "stopped" in task.error and not plan.folder.exists()


def test_no_network_without_leave(plan):
    online = AcceleratorPlan(plan.folder, plan.log_path, plan.python)
    with pytest.raises(AcceleratorError, match="online access"):
        online.check(is_online=False)


def test_a_folder_without_wheels_or_with_other_things_is_refused(plan, tmp_path):
    empty = tmp_path / "empty"
    empty.mkdir()
    with pytest.raises(AcceleratorError, match="no wheel files"):
        AcceleratorPlan(plan.folder, plan.log_path, plan.python, empty).check(is_online=True)
    with pytest.raises(AcceleratorError, match="not empty"):
        AcceleratorPlan(plan.wheels, plan.log_path, plan.python, plan.wheels).check(is_online=True)


def test_a_full_disk_is_said_before_anything_is_fetched(plan, monkeypatch):
    usage = shutil.disk_usage("/")
    monkeypatch.setattr(accelerator.shutil, "disk_usage", lambda path: usage._replace(free=10**9))
    online = AcceleratorPlan(plan.folder, plan.log_path, plan.python)
    with pytest.raises(AcceleratorError, match="1 GB left, 10 GB"):
        online.check(is_online=True)


def test_a_python_that_does_not_fit_is_refused(plan, tmp_path):
    old = tmp_path / "python"
    old.write_text("#!/bin/sh\necho 3 8\n", "utf8")
    old.chmod(0o755)
    for python, sentence in ((old, "Python 3.8"), (tmp_path / "none", "cannot make")):
        task = finished(
            accelerator.start_creating(
                AcceleratorPlan(plan.folder, plan.log_path, python, plan.wheels)
            )
        )
        assert sentence in task.error


def test_the_check_says_what_an_environment_lacks(scene, plan, tmp_path):
    finished(accelerator.start_creating(plan))
    configured_cuda().configure(str(plan.folder), tmp_path / "logs")
    try:
        task = finished(accelerator.start_checking())
        # The worker's own Python lacks even numpy.
        assert "cuda_worker.log" in task.error
        assert "numpy" in (tmp_path / "logs" / "cuda_worker.log").read_text("utf8")
    finally:
        cuda.configure("")


def test_a_check_that_waits_for_a_compiler_can_be_stopped(scene, tmp_path, monkeypatch):
    script = tmp_path / "worker.py"
    script.write_text(
        'import sys\nprint(\'{"protocol": 1, "status": "Compiling gsplat", "is_slow": true}\','
        " flush=True)\nsys.stdin.read()\n",
        "utf8",
    )
    command = WorkerCommand(Path(sys.executable), tmp_path / "worker.log", (), script)
    worker = cuda.Accelerator(command)
    monkeypatch.setattr(cuda, "accelerator", lambda: worker)
    task = accelerator.start_checking()
    deadline_sec = time.monotonic() + 30.0
    while "Compiling" not in task.line and time.monotonic() < deadline_sec:
        time.sleep(0.02)
    assert "Compiling gsplat" in task.line and task.is_running
    accelerator.cancel_task()
    assert "stopped" in task.error and worker.pid is None


def test_the_operator_refuses_without_online_access(scene, monkeypatch):
    assert not bpy.app.online_access
    with pytest.raises(RuntimeError, match="online access"):
        bpy.ops.gaussian_heads.create_accelerator()


def test_a_render_with_cuda_falls_back_and_says_why(scene, head, camera, picture, monkeypatch):
    monkeypatch.delenv(cuda.ENVIRONMENT_VARIABLE, raising=False)
    configured_cuda().configure("")
    scene.gaussian_heads.backend = "cuda"
    scene.render.film_transparent = True
    assert picture()[..., 3].max() > 0.5


def test_the_engine_draws_through_the_worker(scene, head, camera, picture, tmp_path, monkeypatch):
    """With the processor's rasteriser in the worker; the picture is the CPU backend's."""
    scene.render.film_transparent = True
    scene.gaussian_heads.backend = "cpu"
    wanted = picture()
    arguments = ("--rasterizer", "native")
    command = WorkerCommand(Path(sys.executable), tmp_path / "worker.log", arguments)
    worker = cuda.Accelerator(command)
    monkeypatch.setattr(cuda, "accelerator", lambda: worker)
    scene.gaussian_heads.backend = "cuda"
    np.testing.assert_allclose(picture(), wanted, atol=2e-3)
    assert wanted[..., 3].max() > 0.5
    pid = worker.pid
    assert pid is not None
    os.kill(pid, signal.SIGTERM)
    np.testing.assert_allclose(picture(), wanted, atol=2e-3)
    assert worker.pid not in (None, pid)
    worker.close()


def test_preferences_name_the_root_package(scene):
    assert preferences.PACKAGE == "gaussian_heads"
    assert preferences.GAUSSIAN_HEADS_AP_preferences.bl_idname == "gaussian_heads"
    plan = preferences.accelerator_plan()
    assert plan.folder.name == "accelerator" and plan.wheels is None
