"""The extension's Linux zip, built once for all tests of packages, and Blender's own tool."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

bpy = pytest.importorskip("bpy", reason="needs the bpy wheel")

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "wheels"))

from manifest import read_manifest  # noqa: E402
from zips import blender_extension_tool  # noqa: E402

MANIFEST = read_manifest(ROOT / "blender_manifest.toml")
MISSING = [name for name in MANIFEST["wheels"] if not (ROOT / name).is_file()]


def pytest_collection_modifyitems(items):
    """Tests that need the zip are left out, and say why, where it cannot be built or installed."""
    reasons = []
    if MISSING:
        reasons.append(f"{len(MISSING)} wheels are not there: run make package")
    if sys.platform != "linux":
        reasons.append("installs the Linux zip")
    for item in items:
        if reasons and "linux_zip" in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.skip(reason="; ".join(reasons)))


def pytest_generate_tests(metafunc):
    """Tests of a Blender run in this environment's, and in those that `make test-packages` names."""
    if "bpy_python" in metafunc.fixturenames:
        named = os.environ.get("GAUSSIAN_HEADS_BPY_PYTHONS", "").split(os.pathsep)
        pythons = [python for python in named if python] or [sys.executable]
        names = [Path(python).parents[1].name.removeprefix(".") for python in pythons]
        metafunc.parametrize("bpy_python", pythons, ids=names)


@pytest.fixture(scope="session")
def run():
    """Run Python with words, which must succeed; returns what it printed."""

    def run_python(*words, **options):
        command = [sys.executable, *map(str, words)]
        result = subprocess.run(command, capture_output=True, text=True, timeout=900, **options)
        assert result.returncode == 0, f"{result.stdout[-3000:]}\n{result.stderr[-3000:]}"
        return result.stdout

    return run_python


@pytest.fixture(scope="session")
def extension_tool():
    """Path of Blender's command line tool for extensions."""
    return blender_extension_tool()


@pytest.fixture(scope="session")
def linux_zip(tmp_path_factory, run, extension_tool):
    """The Linux zip, built as a release is."""
    folder = tmp_path_factory.mktemp("dist")
    run(extension_tool, "build", "--source-dir", ROOT, "--output-dir", folder, "--split-platforms")
    names = sorted(path.name for path in folder.iterdir())
    assert names == [
        f"gaussian_heads-{MANIFEST['version']}-{platform.replace('-', '_')}.zip"
        for platform in sorted(MANIFEST["platforms"])
    ]
    path = folder / f"gaussian_heads-{MANIFEST['version']}-linux_x64.zip"
    for other in set(folder.iterdir()) - {path}:
        other.unlink()
    return path
