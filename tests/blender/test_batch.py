"""Batches as users run them: a process of its own for every shot, stopped, killed, resumed, refused."""

import json
import os
import signal
import subprocess
import sys
import time

import bpy
import gaussian_heads
import numpy as np
import pytest
import soundfile
from gaussian_heads.blender.cli import main
from gaussian_heads.blender.shots.processes import worker_command
from gaussian_heads.core.assets import SAMPLE_SENTENCE
from gaussian_heads.core.job_records import read_record

COMMAND = [sys.executable, "-m", "gaussian_heads.blender.cli"]


@pytest.fixture
def folder(tmp_path):
    """A folder with half a second of speech as a.wav."""
    samples, rate = soundfile.read(SAMPLE_SENTENCE)
    soundfile.write(tmp_path / "a.wav", samples[: rate // 2], rate)
    return tmp_path


@pytest.fixture
def batch(folder, avatar_file, capfd):
    """Write rows under a header and run the command on them; returns its code and what it wrote."""

    def run(header, *rows, words=()):
        lines = [
            f"{header},audio,avatar,fps,size,backend",
            *(f"{row},a.wav,{avatar_file},8,16x16,cpu" for row in rows),
        ]
        (folder / "s.csv").write_text("\n".join(lines) + "\n")
        code = main(["batch", str(folder / "s.csv"), "--out", str(folder / "out"), *words])
        return code, capfd.readouterr()

    return run


def results(folder):
    document = json.loads((folder / "out" / "batch.json").read_text())
    return {shot["name"]: shot["result"] for shot in document["shots"]}


def test_a_batch_is_made_skipped_and_made_again_where_it_changed(batch, folder):
    code, said = batch("name,output", "film,mp4", "stills,png", words=["--jobs", "2"])
    out = folder / "out"
    assert code == 0 and results(folder) == {"film": "done", "stills": "done"}
    assert sorted(path.name for path in out.iterdir()) == [
        "batch.json", "film.job.json", "film.log", "film.mp4",
        "stills", "stills.job.json", "stills.log",
    ]  # fmt: skip
    assert len(list((out / "stills").glob("*.png"))) == 4
    record = read_record(out / "film.job.json")
    assert record["state"] == "done" and record["backend"] == "cpu" and record["frames"] == 4
    assert record["made_with"]["blender"] == bpy.app.version_string
    assert set(record["settings"]["sha256"]) == {"audio", "avatar", "speech"}
    log = (out / "stills.log").read_text()
    assert "Drawing with the backend 'cpu'" in log and "Done: 4 frames, 4 of them drawn" in log
    assert "2 done" in said.out and "[2/2]" in said.err

    before = (out / "film.mp4").stat().st_mtime_ns
    code, said = batch("name,output,head", "film,mp4,", "stills,png,0.5", words=["--json"])
    assert code == 0 and results(folder) == {"film": "skipped", "stills": "done"}
    shots = {shot["name"]: shot for shot in json.loads(said.out)["shots"]}
    assert (shots["film"]["drawn"], shots["stills"]["drawn"]) == (0, 4)
    assert (out / "film.mp4").stat().st_mtime_ns == before


def test_a_shot_that_fails_does_not_stop_the_others(batch, folder):
    (folder / "broken.blend").write_bytes(b"no scene")
    code, said = batch("name,output,scene", "bad,png,broken.blend", "good,png,")
    assert code == 1 and results(folder) == {"bad": "failed", "good": "done"}
    assert "cannot be opened as a scene" in said.out and "Traceback" not in said.out
    assert "cannot be opened" in (folder / "out/bad.log").read_text()
    code, said = batch(
        "name,output,scene", "bad,png,broken.blend", "late,png,", words=["--stop-on-error"]
    )
    assert code == 1 and results(folder) == {"bad": "failed", "late": "not started"}


def test_faults_are_all_told_before_anything_starts(batch, folder):
    code, said = batch("name,head,view", "a,x,", "b,,nothing")
    lines = said.err.strip().splitlines()
    assert code == 2 and len(lines) == 2 and not (folder / "out").exists()
    assert "Row 2, column 'head'" in lines[0] and "Row 3, column 'view'" in lines[1]


@pytest.mark.parametrize(
    ("words", "part"),
    [(["--jobs", "0"], "--jobs"), (["--only", "z"], "no shot 'z'"), (["--fps", "x"], "'fps'"),
     (["--camera", "wide"], "'camera'"), (["--head", "3"], "'head'"),
     (["--cpus", "2"], "for a Ray cluster"), (["--cpus", "0", "--ray", "auto"], "--cpus is 0")],
)  # fmt: skip
def test_words_that_do_not_fit_are_refused(batch, folder, words, part):
    code, said = batch("name", "a", words=words)
    assert code == 2 and part in said.err and not (folder / "out").exists()


def test_a_dry_run_and_a_choice(batch, folder):
    code, said = batch("name,output", "a,png", "b,png", words=["--dry-run"])
    assert code == 0 and "2 to do" in said.out and not (folder / "out").exists()
    code, said = batch("name,output", "a,png", "b,png", words=["--only", "b"])
    assert code == 0 and results(folder) == {"b": "done"} and not (folder / "out/a").exists()


def test_files_of_others_are_left_alone(batch, folder):
    (folder / "out").mkdir()
    (folder / "out/a.mp4").write_bytes(b"mine")
    code, said = batch("name", "a")
    assert code == 1 and "without a job record" in said.out
    assert (folder / "out/a.mp4").read_bytes() == b"mine"
    code, _ = batch("name", "a", words=["--overwrite"])
    assert code == 0 and (folder / "out/a.mp4").stat().st_size > 4


def long_batch(folder, avatar_file):
    """Start a batch of one shot of many frames as a user does; returns when frames are there."""
    row = f"a,a.wav,{avatar_file},1000,64x64,png,reference"
    (folder / "long.csv").write_text(f"name,audio,avatar,fps,size,output,backend\n{row}\n")
    words = [*COMMAND, "batch", str(folder / "long.csv"), "--out", str(folder / "long")]
    process = subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    wait_for(lambda: len(list((folder / "long/a").glob("0*.png"))) >= 3)
    return process


def wait_for(is_so, seconds=60):
    last = time.monotonic() + seconds
    while not is_so():
        assert time.monotonic() < last
        time.sleep(0.02)


def is_idle(folder):
    """Whether no process holds the shot's log."""
    import fcntl

    with (folder / "long/a.log").open("ab") as stream:
        try:
            fcntl.flock(stream.fileno(), fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
    return True


def whole_frames(folder):
    """Names of the frames that are there, after a check that each can be read to its end."""
    from PIL import Image

    assert not list((folder / "long/a").glob(".*"))
    paths = sorted((folder / "long/a").glob("*.png"))
    for path in paths:
        assert np.asarray(Image.open(path)).shape == (64, 64, 3)
    return [path.name for path in paths]


@pytest.mark.skipif(sys.platform == "win32", reason="signals of Unix")
def test_ctrl_c_stops_cleanly_and_the_batch_goes_on(folder, avatar_file):
    process = long_batch(folder, avatar_file)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 130 and "1 cancelled" in out and "Traceback" not in err
    kept = whole_frames(folder)
    assert 3 <= len(kept) < 500 and is_idle(folder)
    assert read_record(folder / "long/a.job.json")["state"] == "started"

    # The rest in a range: frames that are there are kept, the record tells of both.
    times = {name: (folder / "long/a" / name).stat().st_mtime_ns for name in kept}
    rows = (folder / "long.csv").read_text().replace("backend\n", "backend,frames\n")
    (folder / "long.csv").write_text(f"{rows.strip()},1-{len(kept) + 2}\n")
    words = ["batch", str(folder / "long.csv"), "--out", str(folder / "long")]
    assert main(words) == 0
    record = read_record(folder / "long/a.job.json")
    assert (record["frames"], record["drawn"]) == (len(kept) + 2, 2)
    assert times == {name: (folder / "long/a" / name).stat().st_mtime_ns for name in kept}


@pytest.mark.skipif(sys.platform == "win32", reason="signals of Unix")
def test_a_killed_batch_leaves_no_process_and_no_torn_frame(folder, avatar_file):
    process = long_batch(folder, avatar_file)
    process.kill()
    process.communicate(timeout=60)
    wait_for(lambda: is_idle(folder))
    assert 3 <= len(whole_frames(folder)) < 500
    assert "Stopped: finished frames are kept." in (folder / "long/a.log").read_text()


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_a_crash_costs_one_shot(folder, avatar_file):
    process = long_batch(folder, avatar_file)
    (worker,) = children(process.pid)
    os.kill(worker, signal.SIGSEGV)
    out, _ = process.communicate(timeout=60)
    assert process.returncode == 1 and "ended with code -11" in out
    assert "ended with code -11" in (folder / "long/a.log").read_text()


def children(pid):
    """Processes that `pid` started."""
    found = []
    for stat in os.listdir("/proc"):
        try:
            with open(f"/proc/{stat}/stat") as stream:
                if stat.isdigit() and int(stream.read().rpartition(")")[2].split()[1]) == pid:
                    found.append(int(stat))
        except OSError:
            continue
    return found


def test_one_shot_runs_in_this_process(folder, avatar_file, capsys):
    row = {
        "audio": "a.wav",
        "avatar": str(avatar_file),
        "fps": 8,
        "size": [16, 16],
        "output": "png",
    }
    (folder / "s.json").write_text(json.dumps([{"name": name} | row for name in "ab"]))
    words = ["shot", str(folder / "s.json"), "--out", str(folder / "out")]
    assert main(words) == 2 and "--name" in capsys.readouterr().err
    assert main([*words, "--name", "b"]) == 0
    assert read_record(folder / "out/b.job.json")["state"] == "done"


def test_workers_are_this_python_or_this_blender(monkeypatch):
    assert worker_command() == COMMAND
    fake = type("bpy", (), {"app": type("app", (), {"binary_path": "/opt/blender"})})
    monkeypatch.setitem(sys.modules, "bpy", fake)
    argv = ["blender", "--addons", "x", "--command", "gaussian_heads", "batch", "s.csv"]
    monkeypatch.setattr(sys, "argv", argv)
    assert worker_command() == [
        "/opt/blender", "--addons", "x", "--command", "gaussian_heads"
    ]  # fmt: skip
    monkeypatch.setattr(sys, "argv", ["blender", "-b", "-P", "x.py"])
    assert worker_command() == ["/opt/blender", "--command", "gaussian_heads"]


def test_blenders_own_command_line_runs_the_same_words(folder, avatar_file, monkeypatch, capsys):
    commands = []
    original = bpy.utils.register_cli_command

    def register(name, run):
        commands.append((name, run))
        return original(name, run)

    monkeypatch.setattr(bpy.utils, "register_cli_command", register)
    gaussian_heads.unregister()
    gaussian_heads.register()
    ((name, run),) = commands
    assert name == "gaussian_heads"
    assert run(["batch", str(folder / "none.csv"), "--out", str(folder / "out")]) == 2
    assert "cannot be read" in capsys.readouterr().err
    row = f"a,a.wav,{avatar_file},8,16x16,png"
    (folder / "s.csv").write_text(f"name,audio,avatar,fps,size,output\n{row}\n")
    assert run(["shot", str(folder / "s.csv"), "--out", str(folder / "out")]) == 0
    assert read_record(folder / "out/a.job.json")["frames"] == 4
