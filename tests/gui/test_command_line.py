"""`blender --command gaussian_heads …` of the installed extension in a real Blender, as a farm calls it."""

import json
import os
import shutil
import signal
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

import pytest
import soundfile
from gaussian_heads.core.assets import SAMPLE_SENTENCE

from ..farms import jobs
from .extension import NoPackage, build_zip
from .window import RealBlender

ROWS = "name,audio,size,output,fps\none,a.wav,64x64,mp4,12\ntwo,a.wav,64x64,png,12\n"
LONG = "name,audio,size,output,fps,frames,backend\nlong,a.wav,256x256,png,60,1-500,reference\n"


@dataclass(frozen=True)
class Shell:
    """Starts Blender with a home of its own in `folder`, where the extension is installed."""

    blender: RealBlender
    folder: Path

    def start(self, *words: str) -> subprocess.Popen:
        """`blender --command WORDS`, in which @ stands for the folder as Blender names it."""
        return self.start_blender("--command", *words)

    def start_blender(self, *words: str) -> subprocess.Popen:
        """`blender WORDS`, in which @ stands for the folder as Blender names it."""
        inside = self.blender.inside(self.folder)
        environment = {
            **os.environ,
            "HOME": inside,
            "BLENDER_USER_RESOURCES": f"{inside}/user",
        }
        given = [word.replace("@", f"{inside}/") for word in words]
        return subprocess.Popen(
            self.blender.command(self.blender.binary, *given),
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def run(self, *words: str) -> tuple[int, str]:
        """The exit code, and all that was said."""
        process = self.start(*words)
        said, _ = process.communicate(timeout=300)
        return process.returncode, said


@pytest.fixture(scope="module")
def shell(blender):
    folder = blender.root / "tmp" / f"gaussian_heads_shell_{os.getpid()}"
    folder.mkdir(parents=True)
    try:
        package = build_zip(blender, folder)
        samples, rate = soundfile.read(SAMPLE_SENTENCE)
        soundfile.write(folder / "a.wav", samples[:rate], rate)
        shell = Shell(blender, folder)
        code, said = shell.run(
            "extension", "install-file", "-r", "user_default", "-e", f"@{package.name}"
        )
        assert code == 0, said
        yield shell
    except NoPackage as missing:
        pytest.skip(str(missing))
    finally:
        shutil.rmtree(folder)


def test_a_batch_of_two_shots_and_again(shell):
    (shell.folder / "s.csv").write_text(ROWS)
    words = ["gaussian_heads", "batch", "@s.csv", "--out", "@out", "--jobs", "2"]
    code, said = shell.run(*words)
    assert code == 0 and "2 done" in said, said
    assert (shell.folder / "out/one.mp4").stat().st_size > 1000
    assert len(list((shell.folder / "out/two").glob("*.png"))) == 12
    record = json.loads((shell.folder / "out/one.job.json").read_text())
    assert record["state"] == "done" and record["made_with"]["blender"]
    code, said = shell.run(*words)
    assert code == 0 and "2 skipped" in said, said


def test_faults_are_told_with_code_2(shell):
    (shell.folder / "bad.csv").write_text(ROWS.replace("64x64", "huge"))
    code, said = shell.run("gaussian_heads", "batch", "@bad.csv", "--out", "@bad")
    assert code == 2 and "Row 2, column 'size'" in said and "Row 3, column 'size'" in said, said
    assert not (shell.folder / "bad").exists()


def test_speech_and_animate(shell):
    code, said = shell.run("gaussian_heads", "speech", "@a.wav", "--out", "@t.csv", "--fps", "30")
    assert code == 0 and len((shell.folder / "t.csv").read_text().splitlines()) == 31, said
    code, said = shell.run(
        "gaussian_heads", "animate", "@a.wav", "--out", "@film.mp4", "--size", "64", "64",
        "--frames", "3-12", "--camera", "medium", "--save-blend", "@film.blend",
    )  # fmt: skip
    assert code == 0, said
    assert (shell.folder / "film.mp4").stat().st_size > 1000
    assert (shell.folder / "film.blend").is_file()


@pytest.mark.skipif(jobs.NODE is None, reason="Node.js compiles the job")
def test_the_tasks_of_a_flamenco_job(shell):
    small = ["--size", "64", "64", "--fps", "12", "--backend", "cpu"]
    code, said = shell.run("gaussian_heads", "bake", "@a.wav", "--out", "@set.blend", *small)
    assert code == 0, said
    inside = shell.blender.inside(shell.folder)
    tasks, error = jobs.compile_job(
        sound_path=f"{inside}/a.wav", blendfile=f"{inside}/set.blend", frames="1-6", chunk_size=4,
        render_output_path=f"{inside}/farm/####",
    )  # fmt: skip
    assert not error
    for task in tasks.values():
        (command,) = task["commands"]
        words = jobs.words_of(command, {"{blender}": "blender", "{blenderArgs}": "-b -y"})
        process = shell.start_blender(*words[1:])
        said, _ = process.communicate(timeout=300)
        assert process.returncode == 0, said
        if task["name"].startswith("render"):
            assert said.count("Saved: '") == command["total_step_count"], said
    baked = ["gaussian_heads", "render", "@farm/set.baked.blend", "--frames", "1-6"]
    code, said = shell.run(*baked, "--out", "@alone")
    assert code == 0, said
    assert jobs.frames(shell.folder / "farm") == jobs.frames(shell.folder / "alone")
    assert len(jobs.frames(shell.folder / "alone")) == 6
    assert (shell.folder / "farm/set.mp4").stat().st_size > 1000


def test_ctrl_c_stops_between_frames(shell):
    (shell.folder / "long.csv").write_text(LONG)
    process = shell.start("gaussian_heads", "batch", "@long.csv", "--out", "@long")
    frames, last = shell.folder / "long" / "long", time.monotonic() + 120
    while len(list(frames.glob("0*.png"))) < 2 and time.monotonic() < last:
        time.sleep(0.1)
    process.send_signal(signal.SIGINT)
    said, _ = process.communicate(timeout=120)
    assert process.returncode == 130 and "1 cancelled" in said, said
    assert 2 <= len(list(frames.glob("0*.png"))) < 500 and not list(frames.glob(".*"))
