"""A personalization that is killed or stopped in the middle goes on with the same words."""

import json
import os
import signal
import subprocess
import sys
import time

import numpy as np
import pytest

pytest.importorskip("torch", reason="personalization needs the training extra")
pytest.importorskip("scipy", reason="needs scipy")
pytest.importorskip("av", reason="needs PyAV")

from gaussian_heads.core.avatar import Avatar  # noqa: E402
from gaussian_heads.training.personalization import stages  # noqa: E402

from .talking_films import COMMAND, film, personalized, talking_frames  # noqa: E402


@pytest.mark.skipif(sys.platform == "win32", reason="signals to processes are POSIX")
def test_a_killed_and_a_stopped_run_go_on(tmp_path):
    ticks_ms = [round(1000 * k / 15) for k in range(25)]
    frames = talking_frames(np.array(ticks_ms) / 1000)
    path, out = film(tmp_path / "me.mp4", frames, ticks_ms=ticks_ms), tmp_path / "me.uhap"
    words = [path, "--out", out, "--synthetic", "--steps", 30, "--json-progress"]
    command = [str(word) for word in (*COMMAND, *words)]
    killed = stopped_at(command, "guess", 0.3, signal.SIGKILL)
    assert killed[0] == -signal.SIGKILL and not out.exists()
    code, stages, said = stopped_at(command, "fit", 0.3, signal.SIGINT)
    assert code == 130 and said == "Stopped: the same command goes on from here.\n"
    assert not out.exists() and not list(out.parent.glob(".*"))
    # What was finished is not made again.
    assert [s["share"] for s in stages if s["stage"] == "encode"] == [1.0]
    done = personalized(*words)
    assert done.returncode == 0, done.stderr
    assert Avatar.open(out, threads=1).num_gaussians > 10_000
    log = out.with_suffix(".work").joinpath("log.txt").read_text("utf8")
    steps = [int(line.rpartition(" ")[2]) for line in log.splitlines() if "on from step" in line]
    assert len(steps) == 1 and 9 <= steps[0] < 30 and "guess took" in log


def stopped_at(command, stage, share, number):
    """Start a command and send it a signal when a stage has come so far; code, what it told, what it said."""
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    stages = []
    for line in process.stdout:
        stages.append(json.loads(line))
        if stages[-1]["stage"] == stage and stages[-1]["share"] >= share:
            os.kill(process.pid, number)
            break
    with process:
        stages += [json.loads(line) for line in process.stdout]
        said = process.stderr.read()
    return process.returncode, stages, said


LOADING = """
import sys
from gaussian_heads.training.personalize import main
sys.stdout.write("begins\\n")
sys.stdout.flush()
raise SystemExit(main(sys.argv[1:]))
"""


@pytest.mark.skipif(sys.platform == "win32", reason="signals to processes are POSIX")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("after_sec", [0.1, 0.5, 1.5])
def test_it_is_stopped_while_its_libraries_load(tmp_path, number, after_sec):
    words = ["none.mp4", "--out", str(tmp_path / "me.uhap"), "--synthetic"]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    with subprocess.Popen([sys.executable, "-c", LOADING, *words], **pipes) as process:
        process.stdout.readline()
        time.sleep(after_sec)
        process.send_signal(number)
        said = process.stderr.read()
    # A quick computer has found out by then that there is no such film, a slow one has yet to listen for signals.
    assert "Traceback" not in said
    assert process.returncode in (130, 1, -number) and not [*tmp_path.rglob("*.uhap")]


def test_a_missing_prior_is_named_at_once(tmp_path):
    path = film(tmp_path / "me.mp4", talking_frames(np.arange(30) / 25))
    done = personalized(path, "--out", tmp_path / "me.uhap", "--synthetic", "--prior", tmp_path)
    assert done.returncode == 1 and not (tmp_path / "me.work").exists()
    assert done.stderr == f"There is no prior in '{tmp_path}': train one with training.prior.\n"


def test_a_stage_that_is_thrown_away_is_none_at_once(tmp_path, monkeypatch):
    """Killed while a stage's files are deleted, a run with the settings of before does not take the rest for it."""
    work, made = stages.Work(tmp_path, stages.Reporter(("fit",))), []

    def make(folder, progress):
        made.append(folder)
        for name in "abc":
            (folder / name).write_text("whole")

    def killed(folder):
        next(folder.iterdir()).unlink()
        raise KeyboardInterrupt

    work.stage("fit", {"steps": 1}, make)
    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(stages, "_remove", killed)
        work.stage("fit", {"steps": 2}, make)
    folder, _ = work.stage("fit", {"steps": 1}, make)
    assert len(made) == 3 and {path.name for path in folder.iterdir()} >= {*"abc"}
    assert sorted(path.name for path in tmp_path.iterdir()) == ["fit"]
