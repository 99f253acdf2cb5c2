"""Nothing grows with time: many frames, long sounds, many heads; each in a process of its own that tells its figures.

`make test-endurance` (GAUSSIAN_HEADS_ENDURANCE=1) renders 10,000 frames, listens to an hour and draws 20 heads;
`make test` does a little of each.
"""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile
from gaussian_heads.core.assets import SAMPLE_SENTENCE
from gaussian_heads.core.audio import load_audio, resample

from .growth import growth

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")

IS_LONG = bool(os.environ.get("GAUSSIAN_HEADS_ENDURANCE"))
SCRIPT = Path(__file__).with_name("enduring.py")
MAX_SOUND_MB = 1500
FILE_RATE_HZ = 48_000
# The rest is the allocator's: a leak of one small picture a frame would be 1 MB, of one decoded head 35.
MAX_GROWTH_MB = 0.1 if IS_LONG else 1.0


@pytest.fixture
def folder(inputs, tmp_path):
    """A working folder with the small avatar, where temporary files go too."""
    shutil.copy(inputs / "small.uhap", tmp_path / "small.uhap")
    return tmp_path


def measured(part, folder, number):
    """The figures of a part, printed too."""
    words = [sys.executable, str(SCRIPT), part, str(folder), str(number)]
    environment = os.environ | {"TMPDIR": str(folder)}
    run = subprocess.run(words, capture_output=True, text=True, env=environment, check=False)
    assert run.returncode == 0, run.stderr
    figures = json.loads(run.stdout.splitlines()[-1])
    sys.stdout.write(json.dumps({"part": part, **figures}) + "\n")
    return figures


LONG = {"frames": 10_000, "decodes": 10_000, "undos": 2_000}
SHORT = {"frames": 300, "decodes": 600}


@pytest.mark.parametrize(("part", "count"), (LONG if IS_LONG else SHORT).items())
def test_frames_cost_no_memory(part, count, folder):
    figures = measured(part, folder, count)
    grown, first, last = (figures[name] for name in ("growth_in_1000_frames", "first", "last"))
    assert grown.pop("rss_mb") < MAX_GROWTH_MB
    assert all(abs(slope) < 1e-6 for slope in grown.values()), grown
    assert {name: last[name] for name in grown} == {name: first[name] for name in grown}


def test_a_leak_is_told_from_a_step():
    """The numbers of the frames at which 300 frames are sampled; MB held at each."""
    frames = np.arange(75, 300, 7)
    leak = 400 + 0.004 * frames
    assert growth(frames, leak) == pytest.approx(4)
    step = 400 + 4.0 * (frames > 150)
    assert growth(frames, step) == pytest.approx(0, abs=1e-6)
    assert growth(frames, leak + step) == pytest.approx(4)
    slow_leak = 400 + 0.2 * (frames // 40)
    assert growth(frames, slow_leak) > 1


def write_speech(path, minutes):
    """The sample sentence again and again, as cameras write sound."""
    mono = resample(*load_audio(SAMPLE_SENTENCE), FILE_RATE_HZ)
    stereo = np.repeat(mono[:, None], 2, 1)
    left = round(60 * minutes * FILE_RATE_HZ)
    with soundfile.SoundFile(path, "w", FILE_RATE_HZ, 2, "PCM_16") as sound:
        while left > 0:
            sound.write(stereo[:left])
            left -= len(stereo)


def peak_mb(*words):
    """The most memory that a command of the command line took."""
    command = [sys.executable, "-m", "gaussian_heads.blender.cli", *map(str, words)]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL)
    said = process.stderr.read()
    process.stderr.close()
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    assert process.returncode == 0, said
    return usage.ru_maxrss / 1024


def test_long_sounds_are_heard_in_little_memory(folder):
    minutes = (20, 60) if IS_LONG else (1, 3)
    peaks_mb = []
    for length in minutes:
        write_speech(folder / "long.wav", length)
        peaks_mb.append(peak_mb("speech", folder / "long.wav", "--out", folder / "long.npz"))
    per_minute_mb = (peaks_mb[1] - peaks_mb[0]) / (minutes[1] - minutes[0])
    figures = {"minutes": minutes, "peaks_mb": [round(peak) for peak in peaks_mb]}
    sys.stdout.write(
        json.dumps({"part": "speech", **figures, "mb_a_minute": round(per_minute_mb, 2)}) + "\n"
    )
    assert peaks_mb[1] + (60 - minutes[1]) * per_minute_mb < MAX_SOUND_MB


@pytest.mark.skipif(not IS_LONG, reason="takes minutes: runs in `make test-endurance`")
def test_an_hour_is_keyed_in_blender(folder):
    write_speech(folder / "long.wav", 60)
    figures = measured("bake", folder, 60)
    assert figures["frames"] == pytest.approx(60 * 60 * 24, abs=2)
    assert figures["peak_mb"] < MAX_SOUND_MB


@pytest.mark.skipif(not IS_LONG, reason="takes a minute: runs in `make test-endurance`")
def test_twenty_heads_in_a_scene(folder):
    one, twenty = (measured("heads", folder, count) for count in (1, 20))
    assert twenty["cpu_sec_a_frame"] < 25 * one["cpu_sec_a_frame"]
    assert twenty["peak_mb"] < 2500
