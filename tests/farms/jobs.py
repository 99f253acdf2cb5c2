"""What tests of farms share: a folder with a small head and a short sound, and a Blender for the workers."""

import shutil
import stat
import sys
from pathlib import Path

import soundfile
from gaussian_heads.core.assets import SAMPLE_SENTENCE
from PIL import Image

HERE = Path(__file__).resolve().parent
FARMS = HERE.parents[1] / "farms"


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
