"""A second extension with other versions of our wheels: Blender keeps the newer, and we say when that breaks us."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import pytest

from .neighbour import build_neighbour

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]

OLDER = {"protobuf": "3.20.0", "soundfile": "0.12.0", "cffi": "1.15.0"}
# Later than what the add-on works with.
NEWER = {"av": "19.0.2"}
# As soundfile's wheels of earlier years are spelled: another package to Blender, the same folder on the disk.
SPELLED = {"SoundFile": "0.10.3"}
OURS = {"av-18.1.0", "cffi-2.1.1", "protobuf-7.36.2", "soundfile-0.13.1"}


@pytest.fixture(scope="session")
def neighbours(extension_tool, tmp_path_factory):
    """Zips of the other extension."""
    wheels = {"older": OLDER, "newer": NEWER, "spelled": SPELLED}
    return {
        name: str(build_neighbour(extension_tool, tmp_path_factory.mktemp(name), brought))
        for name, brought in wheels.items()
    }


@pytest.mark.parametrize("ours_first", [True, False], ids=["ours first", "theirs first"])
def test_another_extension_with_our_packages(
    bpy_python, ours_first, neighbours, linux_zip, tmp_path
):
    order = {**neighbours, "ours": str(linux_zip), "ours_first": ours_first, "hidden": [str(ROOT)]}
    (tmp_path / "conflicts.json").write_text(json.dumps(order), "utf8")
    environment = {**os.environ, "BLENDER_USER_RESOURCES": str(tmp_path / "home")}
    (tmp_path / "home").mkdir()
    command = [bpy_python, "-P", HERE / "conflicts.py", tmp_path]
    run = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=900)
    assert run.returncode == 0, f"{run.stdout[-3000:]}\n{run.stderr[-3000:]}"
    result = json.loads((tmp_path / "result.json").read_text("utf8"))

    # The newer wheel wins, which is ours.
    assert result["older"] == {"preferences": [], "versions": sorted(OURS)}
    assert result["works"]["heads"] == 1 and result["works"]["samples"] > 16000
    if ours_first:
        check_the_others(result)


def check_the_others(result):
    """A wheel of theirs that wins and breaks us, one that lies over ours, and what it leaves behind."""
    # The newer wheel wins, which is theirs.
    (told,) = result["newer"]["preferences"]
    assert "'av' 19.0.2 is in use, brought by another add-on" in told
    assert set(result["newer"]["versions"]) == OURS - {"av-18.1.0"} | {"av-19.0.2"}
    assert result["newer is gone"] == result["older"]
    (told,) = result["spelled"]["preferences"]
    assert "Two versions of 'soundfile' lie over each other (0.10.3 and 0.13.1)" in told
    # What the other one leaves behind is broken, and the sentence says how to mend it.
    (told,) = result["spelled is gone"]["preferences"]
    assert "'soundfile', which reads sound, is missing: disable and enable Gaussian Heads" in told
    assert result["enabled again"] == result["older"]
