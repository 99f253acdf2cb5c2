"""One version, its notes, the lock files, what Blender brings, and zips that are the same twice."""

import importlib.metadata
import re
import tomllib
import zipfile
from pathlib import Path

import pytest
from lock import read_lock
from manifest import packed_manifest, with_wheels
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name, parse_wheel_filename
from platforms import BLENDER_BRINGS, MANIFEST, NUMPY_OF_PYTHON, PLATFORMS
from release import release_notes, sections, versions
from zips import rewrite

ROOT = Path(__file__).resolve().parents[2]


def test_the_version_is_one():
    found = versions()
    assert len(found) >= 4 and len(set(found.values())) == 1, found
    assert re.fullmatch(r"\d+\.\d+\.\d+", found["pyproject.toml"])


def test_notes_are_the_section_of_the_version(tmp_path):
    text = "# Changelog\n\n## [Unreleased]\n\n## [0.2.0] - 2026-11-22\n\n### Added\n- x\n\n## [0.1.0]\n- y\n"
    (tmp_path / "CHANGELOG.md").write_text(text, "utf8")
    assert release_notes("0.2.0", tmp_path) == "# Gaussian Heads 0.2.0\n\n### Added\n- x\n"
    assert list(sections(tmp_path)) == ["Unreleased", "0.2.0", "0.1.0"]


def test_notes_of_a_version_that_nobody_wrote(tmp_path):
    (tmp_path / "CHANGELOG.md").write_text("# Changelog\n\n## [0.1.0]\n- y\n", "utf8")
    with pytest.raises(ValueError, match=r"has no section \[0.2.0\]"):
        release_notes("0.2.0", tmp_path)


@pytest.mark.parametrize("name", PLATFORMS)
def test_each_lock_file_pins_what_the_manifest_or_the_variant_brings(name):
    locked = read_lock(PLATFORMS[name].lock)
    assert not set(locked) & BLENDER_BRINGS
    assert all(re.fullmatch("[0-9a-f]{64}", h) for each in locked.values() for h in each.hashes)
    if PLATFORMS[name].blender_version_max is None:
        listed = tomllib.loads(MANIFEST.read_text("utf8"))["wheels"]
        parsed = [parse_wheel_filename(Path(path).name)[:2] for path in listed]
        ours = {(n, str(v)) for n, v in parsed if n != "gaussian-heads-native"}
        assert ours == {(each.name, each.version) for each in locked.values()}


def test_a_lock_file_without_a_hash_is_refused(tmp_path):
    (tmp_path / "x.lock").write_text("av==18.1.0\n", "utf8")
    with pytest.raises(ValueError, match="'av==18.1.0' has no version or no hash"):
        read_lock(tmp_path / "x.lock")


def test_what_this_blender_brings_is_known():
    """The packages that the bpy wheel asks for, and what those ask for."""
    pytest.importorskip("bpy")
    names, waiting = set(), ["bpy"]
    while waiting:
        for line in importlib.metadata.requires(waiting.pop()) or []:
            wanted = Requirement(line)
            if wanted.marker is None or wanted.marker.evaluate({"extra": ""}):
                name = canonicalize_name(wanted.name)
                waiting += [name] if name not in names else []
                names.add(name)
    assert "numpy" in names and names <= BLENDER_BRINGS


def test_the_numpy_of_this_blender_is_within_the_bounds():
    pytest.importorskip("bpy")
    asked = next(
        Requirement(x) for x in importlib.metadata.requires("bpy") if x.startswith("numpy")
    )
    python = ".".join(importlib.metadata.metadata("bpy")["Requires-Python"].strip("=.*").split("."))
    assert all(asked.specifier.contains(version) for version in NUMPY_OF_PYTHON[python])
    assert SpecifierSet(">=1.26").contains(NUMPY_OF_PYTHON["3.11"][0])


def test_a_manifest_for_other_wheels():
    wheels = [Path("wheels/a-1-py3-none-any.whl"), Path("wheels/b-2-py3-none-any.whl")]
    text = with_wheels(MANIFEST.read_text("utf8"), wheels, "macos-x64", blender_version_max="5.0.0")
    made, usual = tomllib.loads(text), tomllib.loads(MANIFEST.read_text("utf8"))
    assert made.pop("wheels") == ["./wheels/a-1-py3-none-any.whl", "./wheels/b-2-py3-none-any.whl"]
    assert made.pop("platforms") == ["macos-x64"] and made.pop("blender_version_max") == "5.0.0"
    assert made == {k: v for k, v in usual.items() if k not in ("wheels", "platforms")}


def test_a_split_build_says_what_holds_of_its_zip():
    build = {"generated": {"platforms": ["linux-x64"], "wheels": ["./a.whl"]}}
    manifest = {"id": "x", "platforms": ["linux-x64", "windows-x64"], "build": build}
    assert packed_manifest(manifest)["platforms"] == ["linux-x64"]
    assert packed_manifest({"id": "x", "platforms": ["all"]})["platforms"] == ["all"]


def test_zips_of_the_same_files_have_the_same_bytes(tmp_path):
    members = {"b.py": b"print(1)\n" * 500, "wheels/a.whl": b"a" * 500, "assets/x.uhap": b"x"}
    paths = [tmp_path / "one.zip", tmp_path / "two.zip"]
    for path, names, year in zip(
        paths, (list(members), list(members)[::-1]), (2001, 2026), strict=True
    ):
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("assets/", b"")
            for name in names:
                archive.writestr(zipfile.ZipInfo(name, (year, 5, 4, 3, 2, 1)), members[name])
        rewrite(path)
    assert paths[0].read_bytes() == paths[1].read_bytes()
    with zipfile.ZipFile(paths[0]) as archive:
        assert {name: archive.read(name) for name in archive.namelist()} == members
        assert archive.getinfo("b.py").compress_size < 500
        assert archive.getinfo("wheels/a.whl").compress_type == zipfile.ZIP_STORED
