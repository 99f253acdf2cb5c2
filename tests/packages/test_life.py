"""An extension's life in Blender: from a repository over HTTP to its removal, with a baked scene open all along."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import tempfile
import threading
import time
from pathlib import Path

import pytest

from ..gui.extension import build_zip
from ..gui.window import NoBlender, real_blender
from .repository import MARKER, fill, generate_index, next_release, served

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
PATIENCE_SEC = 900


@pytest.fixture
def where():
    """A Blender that is no Python package, and a folder that it can see."""
    try:
        blender = real_blender()
    except NoBlender as reason:
        pytest.skip(str(reason))
    with tempfile.TemporaryDirectory(dir=blender.root / "tmp") as folder:
        yield blender, Path(folder)


def live(command, first, tool, folder, inside=str):
    """Run life.py by `command`, which gets the folder as `inside` names it; returns what it found."""
    (folder / "home").mkdir()
    fill(folder / "repository", first, tool)
    with served(folder / "repository") as url:
        order = {"url": url, "hidden": [str(ROOT), str(ROOT / "tests")]}
        (folder / "life.json").write_text(json.dumps(order), "utf8")
        environment = {**os.environ, "BLENDER_USER_RESOURCES": inside(folder / "home")}
        environment.pop("PYTHONPATH", None)
        process = subprocess.Popen(
            [*map(str, command), inside(folder)],
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        printed = []
        reader = threading.Thread(target=lambda: printed.extend(process.stdout))
        reader.start()
        release_when_asked(process, first, tool, folder)
        reader.join()
        process.stdout.close()
    assert (folder / "result.json").is_file(), "".join(printed)[-5000:]
    assert process.returncode == 0, "".join(printed)[-5000:]
    assert not [line for line in printed if "Traceback" in line], "".join(printed)[-5000:]
    return json.loads((folder / "result.json").read_text("utf8"))


def release_when_asked(process, first, tool, folder):
    """Put the second release into the repository once the script wants it; returns when it has ended."""
    deadline = time.monotonic() + PATIENCE_SEC
    asked = folder / "next"
    while process.poll() is None:
        if time.monotonic() > deadline:
            process.kill()
        if asked.exists():
            for old in (folder / "repository").glob("*.zip"):
                old.unlink()
            next_release(first, folder / "repository")
            generate_index(tool, folder / "repository")
            asked.unlink()
        time.sleep(0.05)


def check_life(result):
    """What must hold of every Blender."""
    for step in ("installed", "upgraded"):
        assert result[step]["enabled"] and result[step]["registered"], step
    assert result["installed"]["marker"] == "" and result["upgraded"]["marker"] == MARKER
    assert result["upgraded"]["wheels"] == result["installed"]["wheels"]
    assert any(name.startswith("onnxruntime-") for name in result["installed"]["wheels"])
    gone = result["uninstalled"]
    assert not gone["enabled"] and not gone["registered"]
    assert gone["files"] == 0 and gone["wheels"] == [] and gone["extension_modules"] == 0
    assert result["without"] == {"code": True, "action": True}
    baked = result["baked"]
    assert baked["avatar"] == "builtin:ada" and baked["keys"] > 500
    assert max(baked["code"]) > 0.01
    # A head, not an empty picture: of transparent pixels the mean is 0.
    assert 0.05 < baked["brightness"] < 0.9
    for step in ("after_enabling", "after_upgrade", "back"):
        assert result[step] == baked, step


def test_life_of_the_extension(bpy_python, linux_zip, extension_tool, tmp_path):
    check_life(live([bpy_python, "-P", HERE / "life.py"], linux_zip, extension_tool, tmp_path))


def test_life_in_a_real_blender(extension_tool, where):
    blender, folder = where
    script = folder / "scripts"
    shutil.copytree(HERE, script, ignore=shutil.ignore_patterns("__pycache__"))
    words = ["-b", "--factory-startup", "--python-exit-code", "1", "--python"]
    command = blender.command(blender.binary, *words, blender.inside(script / "life.py"), "--")
    result = live(command, build_zip(blender, folder), extension_tool, folder, blender.inside)
    assert result["blender"] >= "5"
    check_life(result)
