"""Small disks, small heads and short sounds for what goes wrong."""

import os
import subprocess
import sys

import pytest
import soundfile
from gaussian_heads.blender.cli import main
from gaussian_heads.core.assets import SAMPLE_SENTENCE

from ...core.small_heads import small_linear_avatar


@pytest.fixture(scope="session")
def inputs(registered, tmp_path_factory):
    """A folder with half a second of speech, a small avatar, and a scene in which it speaks."""
    folder = tmp_path_factory.mktemp("inputs")
    samples, rate = soundfile.read(SAMPLE_SENTENCE)
    soundfile.write(folder / "a.wav", samples[: rate // 2], rate)
    small_linear_avatar(folder / "small.uhap")
    picture = ["--size", "32", "32", "--fps", "12", "--avatar", str(folder / "small.uhap")]
    said = ["animate", str(folder / "a.wav"), *picture, "--backend", "cpu", "--frames", "1"]
    where = ["--out", str(folder / "first"), "--save-blend", str(folder / "scene.blend")]
    assert main([*said, *where]) == 0
    return folder


@pytest.fixture
def command(capfd):
    """Run words of the command line in this process; the code, and the last line of what it said."""

    def run(*words):
        capfd.readouterr()
        code = main([str(word) for word in words])
        said = capfd.readouterr().err
        assert "Traceback" not in said, said
        lines = [line for line in said.splitlines() if line.startswith("gaussian-heads: ")]
        return code, (lines[-1] if lines else "")

    return run


class SmallDisk:
    """A disk of its own with room for so many KiB."""

    def __init__(self, path, size_kib):
        self.path, self._mounts = path, 0
        path.mkdir()
        self.resize(size_kib)

    def resize(self, size_kib):
        """Give it another size; what is on it stays."""
        how = f"{'remount,' if self._mounts else ''}size={size_kib}k"
        mount = ["mount", "-t", "tmpfs", "-o", how, "tmpfs", str(self.path)]
        if subprocess.run(mount, capture_output=True, check=False).returncode:
            pytest.skip("needs the right to mount a small disk (tmpfs), as root has")
        self._mounts = 1

    def close(self):
        """Take it away."""
        if self._mounts:
            subprocess.run(["umount", "-l", str(self.path)], check=True)


@pytest.fixture
def disk(tmp_path):
    """Make a small disk."""
    if sys.platform != "linux" or os.geteuid() != 0:
        pytest.skip("needs Linux and the right to mount a small disk, as root has")
    made = []

    def make(size_kib):
        made.append(SmallDisk(tmp_path / f"disk{len(made)}", size_kib))
        return made[-1]

    yield make
    for each in made:
        each.close()
