"""What ships is small, says how it was made, and carries nothing of the machine that made it."""

import json
import re
import zipfile

import pytest
from gaussian_heads.core.assets import (
    ASSETS,
    DEFAULT_AVATAR,
    DIRECTION_MODEL,
    SPEECH_MODEL,
    builtin_avatars,
)
from gaussian_heads.core.portrait.model import PORTRAIT_FOLDER, network_files

PRIOR = ASSETS / "prior" / "prior.safetensors"
LIMITS_MB = {".uhap": 6, ".onnx": 8, ".safetensors": 16}
BINARIES = [SPEECH_MODEL, DIRECTION_MODEL, PRIOR, *builtin_avatars().values()]
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


def test_the_portrait_networks_are_small_and_have_their_runs_beside_them():
    record = json.loads((PORTRAIT_FOLDER / "portrait.json").read_text("utf8"))
    assert record["made_by"] and all(run["steps"] > 0 for run in record["runs"])
    for path in network_files().values():
        assert path.stat().st_size < LIMITS_MB[path.suffix] * 2**20


@pytest.mark.parametrize("path", [*BINARIES, *network_files().values()], ids=lambda path: path.name)
def test_a_binary_holds_no_trace_of_its_machine(path):
    assert not TRACES.findall(contents(path))


def test_all_assets_together_are_small():
    assert sum(path.stat().st_size for path in ASSETS.rglob("*") if path.is_file()) < 48 * 2**20


def test_the_default_avatar_and_three_others_come_from_the_prior_that_ships():
    space = json.loads(PRIOR.with_suffix(".json").read_text("utf8"))["code_space"]
    records = {
        name: json.loads(path.with_suffix(".json").read_text("utf8"))
        for name, path in builtin_avatars().items()
    }
    of_the_prior = [name for name, record in records.items() if record.get("code_space") == space]
    assert next(iter(builtin_avatars())) == DEFAULT_AVATAR and DEFAULT_AVATAR in of_the_prior
    assert len(of_the_prior) >= 4
    persons = [records[name]["person"] for name in of_the_prior]
    assert {person["sex"] for person in persons} == {"female", "male"}
    for name in ("age_years", "melanin"):
        values = sorted(person[name] for person in persons)
        assert values[-1] > 2 * values[0]
