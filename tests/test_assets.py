"""What ships is small, says how it was made, and carries nothing of the machine that made it."""

import json
import re
import zipfile

import pytest
from gaussian_heads.core.assets import ASSETS, SPEECH_MODEL, builtin_avatars

LIMITS_MB = {".uhap": 6, ".onnx": 8}
BINARIES = [SPEECH_MODEL, *builtin_avatars().values()]
TRACES = re.compile(rb"site-packages|\.py\", line \d+|/home/\w|[A-Z]:\\Users")


def contents(path):
    if path.suffix != ".uhap":
        return path.read_bytes()
    with zipfile.ZipFile(path) as archive:
        return b"\n".join(archive.read(name) for name in archive.namelist())


@pytest.mark.parametrize("path", BINARIES, ids=lambda path: path.name)
def test_a_binary_is_small_and_has_its_settings_beside_it(path):
    assert path.stat().st_size < LIMITS_MB[path.suffix] * 2**20
    assert json.loads(path.with_suffix(".json").read_text("utf8"))["made_by"]


@pytest.mark.parametrize("path", BINARIES, ids=lambda path: path.name)
def test_a_binary_holds_no_trace_of_its_machine(path):
    assert not TRACES.findall(contents(path))


def test_all_assets_together_are_small():
    assert sum(path.stat().st_size for path in ASSETS.rglob("*") if path.is_file()) < 48 * 2**20
