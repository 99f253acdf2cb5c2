"""What tests of farms share: a folder with a small head and a short sound, and a Blender for the workers."""

import json
import os
import shlex
import shutil
import stat
import subprocess
import sys
from pathlib import Path

import soundfile
from gaussian_heads.core.assets import SAMPLE_SENTENCE
from PIL import Image

HERE = Path(__file__).resolve().parent
FARMS = HERE.parents[1] / "farms"
JOB_TYPE = FARMS / "flamenco" / "gaussian_heads.js"
NODE = shutil.which("node")
SETTINGS = {
    "frames": "1-12",
    "chunk_size": 5,
    "sound": "",
    "sound_path": "",
    "format": "PNG",
    "has_video": True,
    "render_output_root": "/share",
    "render_output_path": "/share/talk/{timestamp}/####",
    "blendfile": "/share/cut.flamenco.blend",
}


def write_inputs(folder, avatar_file, seconds=0.75):
    """Write a.wav and small.uhap into `folder`."""
    samples, rate = soundfile.read(SAMPLE_SENTENCE)
    soundfile.write(folder / "a.wav", samples[: int(seconds * rate)], rate)
    shutil.copy(avatar_file, folder / "small.uhap")


def write_blender(folder):
    """A program that takes a worker's words for Blender, in this Python."""
    program = folder / "blender"
    program.write_text(f'#!/bin/sh\nexec "{sys.executable}" "{HERE / "blender.py"}" "$@"\n')
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    return program


def frames(folder):
    """The pixels of every frame in `folder` as bytes, by name: a file also holds when it was written."""
    return {path.name: Image.open(path).tobytes() for path in sorted(folder.glob("[0-9]*.png"))}


def compile_job(script=JOB_TYPE, **changed):
    """What the Manager makes of a job: (tasks by name in their order, error)."""
    job = {"name": "talk", "created": "2026-11-22T12:00:00Z", "settings": SETTINGS | changed}
    done = subprocess.run(
        [NODE, HERE / "flamenco_manager.js", script],
        input=json.dumps(job),
        env={**os.environ, "TZ": "UTC"},
        capture_output=True,
        text=True,
    )
    if done.returncode:
        return {}, done.stderr.strip()
    tasks = json.loads(done.stdout)["tasks"]
    names = {task["uuid"]: task["name"] for task in tasks}
    for task in tasks:
        task["dependencies"] = [names[uuid] for uuid in task["dependencies"]]
    return {task["name"]: task for task in tasks}, ""


def words_of(command, variables):
    """The words that Flamenco's worker runs for a command, with the Manager's variables."""

    def expanded(value):
        if isinstance(value, list):
            return [expanded(word) for word in value]
        for name, text in variables.items():
            value = value.replace(name, text)
        return value

    given = {key: expanded(value) for key, value in command["parameters"].items()}
    if command["name"] == "exec":
        return [given["exe"], *given["args"]]
    before = [*shlex.split(given["exeArgs"]), *given["argsBefore"]]
    return [given["exe"], *before, given["blendfile"], *given["args"]]
