"""The client of the CUDA worker, against the real worker with the processor's rasteriser in it."""

import os
import signal
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from gaussian_heads.core.camera import Camera, intrinsics, look_at
from gaussian_heads.core.errors import BackendUnavailable, RenderError
from gaussian_heads.core.render import cuda, render
from gaussian_heads.core.render.cuda import Accelerator, HeadRequest, Timeouts
from gaussian_heads.core.render.cuda_process import MAX_LOG_BYTES, WorkerCommand
from gaussian_heads.core.render.cuda_protocol import (
    PROTOCOL,
)

from .small_heads import small_linear_avatar
from .test_gaussians import make_gaussians

pytest.importorskip("gaussian_heads_native", reason="needs gaussian-heads-native")

needs_signals = pytest.mark.skipif(sys.platform == "win32", reason="stops processes by signals")
EYE = np.array([0.5, 0.4, 6.0])


def camera(width=64, height=48):
    viewmat = look_at(EYE, np.zeros(3), np.array([0.0, 1.0, 0.0]))
    return Camera(viewmat, intrinsics(0.9 * width, width, height), width, height)


def native(tmp_path, timeouts=None, **changes):
    fields = {
        "python": Path(sys.executable),
        "log_path": tmp_path / "logs" / "worker.log",
        "arguments": ("--rasterizer", "native"),
    }
    timeouts = timeouts or Timeouts(start_sec=60.0, request_sec=30.0)
    return Accelerator(WorkerCommand(**(fields | changes)), timeouts)


@pytest.fixture
def worker(tmp_path):
    accelerator = native(tmp_path)
    yield accelerator
    accelerator.close()


def script(path, body):
    """A stand-in worker: says `protocol`, then runs `body`."""
    path.write_text(
        "import json, sys, time\n"
        "def say(**message):\n"
        "    sys.stdout.write(json.dumps(message) + '\\n'); sys.stdout.flush()\n"
        f"say(protocol={PROTOCOL})\n{body}\n",
        "utf8",
    )
    return path


def is_alive(pid):
    """Whether the process runs; a zombie does not."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text("utf8").rsplit(")", 1)[1].split()[0]
    except FileNotFoundError:
        return False
    return state != "Z"


def ended(pid, within_sec=10.0):
    deadline_sec = time.monotonic() + within_sec
    while is_alive(pid) and time.monotonic() < deadline_sec:
        time.sleep(0.02)
    return not is_alive(pid)


def same(found, expected):
    for name in ("colors", "alphas", "depths"):
        np.testing.assert_allclose(getattr(found, name), getattr(expected, name), atol=1e-6)


def test_the_worker_draws_what_the_processor_draws(worker):
    g = make_gaussians(200)
    expected = render(g, camera(), backend="cpu")
    assert expected.alphas.max() > 0.5
    same(worker.draw(g, camera()), expected)
    facts = worker.check()
    assert facts["rasterizer"] == "native" and facts["numpy"] == np.__version__


def test_a_background_lies_behind(worker):
    g, background = make_gaussians(50), np.array([0.2, 0.5, 0.8])
    found = worker.draw(g, camera(), background)
    same(found, render(g, camera(), backend="cpu", background=background))


def test_orthographic_cameras_and_no_gaussians(worker):
    flat = Camera(camera().viewmat, intrinsics(8.0, 64, 48), 64, 48, is_orthographic=True)
    g = make_gaussians(80)
    same(worker.draw(g, flat), render(g, flat, backend="cpu"))
    assert worker.draw(make_gaussians(0), camera()).alphas.max() == 0.0


def test_frames_that_grow_get_a_larger_file(worker):
    g = make_gaussians(30)
    for width, height in ((64, 48), (3840, 2160), (64, 48)):
        found = worker.draw(g, camera(width, height))
        same(found, render(g, camera(width, height), backend="cpu"))


def test_pictures_do_not_share_memory(worker):
    first = worker.draw(make_gaussians(50), camera())
    kept = first.colors.copy()
    worker.draw(make_gaussians(50, seed=9), camera())
    np.testing.assert_array_equal(first.colors, kept)


def test_heads_are_decoded_by_the_worker(worker, tmp_path):
    from gaussian_heads.core.avatar import Avatar
    from gaussian_heads.core.gaussians import concatenate

    path = small_linear_avatar(tmp_path / "head.uhap")
    avatar = Avatar.open(path)
    code = np.zeros(avatar.code_dim)
    code[:4] = (0.5, 1.0, -0.2, 0.3)
    pose = np.array([0.1, 0.5, -0.2, 0.01, 0.0, 0.02])
    places = [np.diag([10.0, 10.0, 10.0, 1.0]) for _ in range(2)]
    places[1][:3, 3] = (1.0, 0.5, -1.0)
    heads = [HeadRequest(path, code, pose, places[0]), HeadRequest(path, code, None, places[1])]
    found, timings = worker.draw_heads(heads, camera())
    sets = [avatar.decode(code, pose), avatar.decode(code)]
    expected = concatenate([s.transformed(m) for s, m in zip(sets, places, strict=True)])
    assert render(expected, camera(), backend="cpu").alphas.max() > 0.5
    same(found, render(expected, camera(), backend="cpu"))
    assert timings["total_ms"] > 0


def test_a_missing_avatar_is_said_and_the_worker_lives_on(worker):
    head = HeadRequest(Path("/nowhere/x.uhap"), np.zeros(3), None, np.eye(4))
    with pytest.raises(BackendUnavailable, match="cannot read the avatar"):
        worker.draw_heads([head], camera())
    pid = worker.pid
    worker.draw(make_gaussians(5), camera())
    assert worker.pid == pid


def test_a_refusal_of_the_worker_is_a_render_error(worker, tmp_path):
    path = small_linear_avatar(tmp_path / "head.uhap")
    head = HeadRequest(path, np.zeros(3), None, np.eye(4))
    with pytest.raises(RenderError, match="code has shape") as caught:
        worker.draw_heads([head], camera())
    assert not isinstance(caught.value, BackendUnavailable)


def test_another_protocol_is_refused_with_both_versions(tmp_path):
    other = tmp_path / "other.py"
    other.write_text(
        "import sys; print('{\"protocol\": 99}'); sys.stdout.flush(); sys.stdin.read()"
    )
    accelerator = native(tmp_path, script=other)
    with pytest.raises(BackendUnavailable, match=f"version 99 .* {PROTOCOL}: update"):
        accelerator.draw(make_gaussians(3), camera())
    assert accelerator.pid is None
    assert accelerator.num_failures >= cuda.MAX_FAILURES


def test_the_workers_own_reason_is_shown(tmp_path):
    body = "say(error='The accelerator environment has no working torch: create it again.')"
    accelerator = native(tmp_path, script=script(tmp_path / "w.py", body))
    with pytest.raises(BackendUnavailable, match="no working torch"):
        accelerator.check()


def test_a_worker_that_ends_at_once_points_to_its_log(tmp_path):
    body = "raise ValueError('the library is broken')"
    accelerator = native(tmp_path, script=script(tmp_path / "w.py", body))
    with pytest.raises(BackendUnavailable, match="worker.log"):
        accelerator.check()
    assert accelerator.pid is None and not accelerator.is_starting
    assert "the library is broken" in (tmp_path / "logs" / "worker.log").read_text("utf8")


def test_a_python_that_is_none_is_said(tmp_path):
    (tmp_path / "python").write_text("no program", "utf8")
    accelerator = native(tmp_path, python=tmp_path / "python")
    with pytest.raises(BackendUnavailable, match="cannot be started"):
        accelerator.check()


def test_a_slow_start_does_not_hold_up_the_picture(tmp_path):
    body = (
        "say(status='Compiling gsplat', is_slow=True)\ntime.sleep(1.5)\n"
        "say(ready={'device': 'late'})\nsys.stdin.read()"
    )
    accelerator = native(tmp_path, script=script(tmp_path / "w.py", body))
    started_sec = time.monotonic()
    with pytest.raises(BackendUnavailable, match="not ready yet .Compiling gsplat"):
        accelerator.draw(make_gaussians(3), camera())
    assert time.monotonic() - started_sec < 1.4
    pid = accelerator.pid
    assert pid is not None and accelerator.num_failures == 0
    time.sleep(2.0)
    assert accelerator.check() == {"device": "late"}
    assert accelerator.pid == pid
    accelerator.close()


def frozen_draw(worker, g, size=(64, 48)):
    """Start drawing with a worker that is stopped by a signal; the result as a future."""
    worker.check()
    os.kill(worker.pid, signal.SIGSTOP)
    pool = ThreadPoolExecutor(1)
    future = pool.submit(worker.draw, g, camera(*size))
    pool.shutdown(wait=False)
    time.sleep(0.2)
    return future


@needs_signals
def test_a_crash_in_the_middle_is_made_good_by_another_worker(worker):
    g = make_gaussians(100)
    future = frozen_draw(worker, g)
    first = worker.pid
    os.kill(first, signal.SIGKILL)
    same(future.result(30.0), render(g, camera(), backend="cpu"))
    assert worker.pid != first and worker.num_failures == 0


@needs_signals
def test_a_crash_between_two_pictures_is_made_good(worker):
    g = make_gaussians(20)
    worker.draw(g, camera())
    os.kill(worker.pid, signal.SIGKILL)
    same(worker.draw(g, camera()), render(g, camera(), backend="cpu"))


def test_two_crashes_over_one_picture_fall_back(tmp_path):
    body = "say(ready={'device': 'frail'})\nsys.stdin.readline()\nsys.exit(3)"
    accelerator = native(tmp_path, script=script(tmp_path / "w.py", body))
    for _ in range(cuda.MAX_FAILURES):
        with pytest.raises(BackendUnavailable, match="ended twice"):
            accelerator.draw(make_gaussians(3), camera())
    assert accelerator.num_failures == cuda.MAX_FAILURES
    assert accelerator.pid is None


@needs_signals
def test_a_worker_that_hangs_is_ended_in_time(tmp_path):
    worker = native(tmp_path, Timeouts(request_sec=1.0))
    future = frozen_draw(worker, make_gaussians(10))
    pid = worker.pid
    with pytest.raises(BackendUnavailable, match="no answer for 1 s"):
        future.result(30.0)
    assert ended(pid)
    # The next picture gets a new worker.
    g = make_gaussians(10)
    same(worker.draw(g, camera()), render(g, camera(), backend="cpu"))
    assert worker.num_failures == 0
    worker.close()


@needs_signals
def test_a_worker_that_fell_asleep_is_replaced_before_it_gets_work(tmp_path, monkeypatch):
    monkeypatch.setattr(cuda, "IDLE_SEC", 0.0)
    worker = native(tmp_path, Timeouts(ping_sec=0.5))
    worker.check()
    first = worker.pid
    os.kill(first, signal.SIGSTOP)
    g = make_gaussians(10)
    same(worker.draw(g, camera()), render(g, camera(), backend="cpu"))
    assert worker.pid != first and ended(first)
    worker.close()


def test_lines_that_are_no_messages_are_passed_over(tmp_path, caplog):
    body = (
        "sys.stdout.write('progress 3 %\\n[1, 2]\\n\\xff\\n')\n"
        "say(ready={'device': 'noisy'})\nsys.stdin.read()"
    )
    accelerator = native(tmp_path, script=script(tmp_path / "w.py", body))
    assert accelerator.check() == {"device": "noisy"}
    assert "is no message" in caplog.text
    accelerator.close()


def test_close_ends_the_worker_and_leaves_no_files(worker):
    worker.draw(make_gaussians(5), camera())
    pid, folder = worker.pid, Path(worker._worker._scratch.name)
    assert is_alive(pid) and folder.is_dir()
    worker.close()
    assert ended(pid) and not folder.exists()
    assert worker.pid is None


CLIENT = """
import sys
sys.path.insert(0, {root!r})
from tests.core.test_render_cuda import native, camera, make_gaussians
from pathlib import Path
worker = native(Path({folder!r}))
worker.draw(make_gaussians(5), camera())
print(worker.pid, worker._worker._scratch.name, flush=True)
sys.stdin.read()
"""


def client(tmp_path):
    root = str(Path(__file__).resolve().parents[2])
    code = CLIENT.format(root=root, folder=str(tmp_path))
    process = subprocess.Popen(
        [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    pid, folder = process.stdout.readline().split()
    return process, int(pid), Path(folder)


@needs_signals
@pytest.mark.parametrize("number", [9, 15])
def test_the_worker_ends_when_blender_is_killed(tmp_path, number):
    process, pid, folder = client(tmp_path)
    assert is_alive(pid) and folder.is_dir()
    with process:
        process.send_signal(number)
    assert ended(pid)
    deadline_sec = time.monotonic() + 5.0
    while folder.exists() and time.monotonic() < deadline_sec:
        time.sleep(0.02)
    assert not folder.exists()


@needs_signals
def test_the_worker_ends_in_the_middle_of_a_picture(tmp_path):
    # The real reading thread, a rasteriser that never comes back.
    busy = tmp_path / "busy.py"
    root = Path(__file__).resolve().parents[2]
    busy.write_text(
        f"import sys, time; sys.path.insert(0, {str(root / 'training')!r})\n"
        "import cuda_worker\n"
        'cuda_worker._serve = lambda o, lines, a: (a.write(b\'{"ready": {"d": 1}}\\n\'), a.flush(),'
        " time.sleep(600))\n"
        "cuda_worker.main()\n",
        "utf8",
    )
    accelerator = native(tmp_path, script=busy)
    accelerator.check()
    pid = accelerator.pid
    accelerator._worker._process.stdin.close()
    assert ended(pid)
    accelerator.close()


def test_two_clients_have_workers_of_their_own(tmp_path):
    first, second = native(tmp_path / "a"), native(tmp_path / "b")
    sets = [make_gaussians(300, seed=seed) for seed in (1, 2)]
    expected = [render(g, camera(), backend="cpu") for g in sets]
    with ThreadPoolExecutor(2) as pool:
        for _ in range(3):
            found = pool.map(lambda w, g: w.draw(g, camera()), (first, second), sets)
            for output, wanted in zip(found, expected, strict=True):
                same(output, wanted)
    assert first.pid != second.pid
    first.close()
    second.close()


def test_threads_of_one_client_wait_for_each_other(worker):
    sets = [make_gaussians(100, seed=seed) for seed in range(6)]
    with ThreadPoolExecutor(6) as pool:
        found = list(pool.map(lambda g: worker.draw(g, camera()), sets))
    for output, g in zip(found, sets, strict=True):
        same(output, render(g, camera(), backend="cpu"))


def test_a_long_log_begins_anew(tmp_path):
    log = tmp_path / "logs" / "worker.log"
    log.parent.mkdir()
    log.write_bytes(b"x" * (MAX_LOG_BYTES + 1))
    worker = native(tmp_path)
    worker.check()
    worker.close()
    text = log.read_text("utf8")
    assert "ready" in text and len(text) < 10_000


def test_threads_are_not_left_behind(tmp_path):
    before = threading.active_count()
    worker = native(tmp_path)
    worker.check()
    worker.close()
    deadline_sec = time.monotonic() + 5.0
    while threading.active_count() > before and time.monotonic() < deadline_sec:
        time.sleep(0.02)
    assert threading.active_count() <= before
