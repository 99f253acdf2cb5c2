"""A personalization that is killed or stopped in the middle goes on with the same words."""

import json
import os
import signal
import subprocess
import sys

import numpy as np
import pytest

pytest.importorskip("torch", reason="personalization needs the training extra")
pytest.importorskip("scipy", reason="needs scipy")
pytest.importorskip("av", reason="needs PyAV")

from gaussian_heads.core.avatar import Avatar  # noqa: E402

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
