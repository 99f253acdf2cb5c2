"""What a zip of a release must hold and must not: every rule returns the faults that it finds, one sentence each."""

from __future__ import annotations

import hashlib
import io
import re
import tomllib
import zipfile
from collections.abc import Iterator
from email.parser import HeaderParser
from functools import cached_property
from pathlib import Path, PurePosixPath

from fetch import serves
from lock import NATIVE, LockedPackage, read_lock
from manifest import packed_manifest
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name, parse_wheel_filename
from platforms import BLENDER_BRINGS, NUMPY_OF_PYTHON, PLATFORMS, ROOT

MAX_BYTES = 200_000_000
# What stands at the root of the extension; anything else was forgotten in `paths_exclude_pattern`.
ROOT_NAMES = frozenset(
    "__init__.py blender_manifest.toml CHANGELOG.md LICENSE NOTICE README.md".split()
    + "assets blender core operators panels training wheels".split()
)
_NEVER = re.compile(
    r"(^|/)(tests?|bench|docs?|build|dist|out|node_modules|__pycache__|\.[^/]+)(/|$)"
    r"|\.(pyc|pyo|orig|rej|log|blend1|zip|lock|tmp|swp)$|^training/capture/|^wheels/.*\.py$"
)
# Someone's home or a temporary folder on any system, as it stands in files that were made with a path of theirs.
_PLACE = re.compile(
    rb"(/home/|/Users/|/root/|/tmp/|/var/folders/|[A-Z]:\\Users\\)[A-Za-z0-9_.-]+[/\\]"
)


class ReleaseZip:
    """One zip of a release, opened for the rules below."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.archive = zipfile.ZipFile(path)
        self.names = self.archive.namelist()
        text = self.archive.read("blender_manifest.toml").decode("utf8")
        self.manifest = packed_manifest(tomllib.loads(text))

    @cached_property
    def platform(self) -> str:
        """Its only platform."""
        (name,) = self.manifest["platforms"]
        return name

    @cached_property
    def wheels(self) -> dict[str, bytes]:
        """Bytes of the wheels that lie in it, by file name."""
        paths = [name for name in self.names if name.endswith(".whl")]
        return {PurePosixPath(name).name: self.archive.read(name) for name in paths}

    @cached_property
    def lock(self) -> dict[str, LockedPackage]:
        """The packages that its platform brings."""
        return read_lock(PLATFORMS[self.platform].lock)


def faults_of(path: Path, assets: Path = ROOT / "assets") -> list[str]:
    """Every fault of one zip; none where it may be released."""
    package = ReleaseZip(path)
    rules = (wheel_faults, lock_faults, python_faults, member_faults, private_faults)
    found = [fault for rule in rules for fault in rule(package)]
    found += asset_faults(package, assets)
    if path.stat().st_size >= MAX_BYTES:
        found.append(f"has {path.stat().st_size / 1e6:.0f} MB, more than {MAX_BYTES / 1e6:.0f}")
    limit = PLATFORMS[package.platform].blender_version_max
    if package.manifest.get("blender_version_max") != limit:
        found.append(f"its blender_version_max is not {limit}")
    return [f"{path.name}: {fault}" for fault in found]


def wheel_faults(package: ReleaseZip) -> Iterator[str]:
    """Wheels that the manifest names are there, and no others."""
    named = {PurePosixPath(name).name for name in package.manifest["wheels"]}
    yield from (f"{name} is named and not there" for name in sorted(named - set(package.wheels)))
    yield from (
        f"{name} is there and not named: delete it from wheels/"
        for name in sorted(set(package.wheels) - named)
    )


def lock_faults(package: ReleaseZip) -> Iterator[str]:
    """Every wheel is one of the lock file, byte for byte, and of this platform."""
    platform = PLATFORMS[package.platform]
    for file, data in package.wheels.items():
        name, version, _, _ = parse_wheel_filename(file)
        if not any(serves(file, platform, python) for python in platform.pythons):
            yield f"{file} is for another platform or Python"
        if name in BLENDER_BRINGS:
            yield f"{file} is of a package that Blender brings"
        if name == NATIVE:
            if str(version) != package.manifest["version"]:
                yield f"{file} is not of version {package.manifest['version']}"
        elif name not in package.lock or str(version) != package.lock[name].version:
            yield f"{file} is not in the lock file"
        elif hashlib.sha256(data).hexdigest() not in package.lock[name].hashes:
            yield f"{file} has another hash than the lock file says"


def python_faults(package: ReleaseZip) -> Iterator[str]:
    """For each Python, one wheel of each package, and all that each of them asks for."""
    platform = PLATFORMS[package.platform]
    for python in platform.pythons:
        chosen = [name for name in package.wheels if serves(name, platform, python)]
        packages = [parse_wheel_filename(name)[0] for name in chosen]
        for name in sorted({*package.lock, NATIVE}):
            if packages.count(name) != 1:
                yield f"{packages.count(name)} wheels of {name} for Python {python}"
        have = {parse_wheel_filename(name)[0]: parse_wheel_filename(name)[1] for name in chosen}
        for name in chosen:
            yield from _unmet(name, read_metadata(package.wheels[name]), have, python, platform)


def _unmet(file: str, metadata: object, have: dict, python: str, platform: object) -> Iterator[str]:
    if not SpecifierSet(metadata["Requires-Python"] or "").contains(f"{python}.9"):
        yield f"{file} does not run on Python {python}"
    markers = {**platform.markers, "python_version": python, "python_full_version": f"{python}.9"}
    markers |= {"implementation_name": "cpython", "extra": ""}
    for line in metadata.get_all("Requires-Dist", []):
        wanted = Requirement(line)
        if wanted.marker is not None and not wanted.marker.evaluate(markers):
            continue
        name = canonicalize_name(wanted.name)
        versions = NUMPY_OF_PYTHON[python] if name == "numpy" else (str(have.get(name, "")),)
        if not all(version and wanted.specifier.contains(version) for version in versions):
            yield f"{file} asks for '{line}' on Python {python}, which is not brought"


def read_metadata(wheel: bytes) -> object:
    """METADATA of a wheel, as an email message."""
    with zipfile.ZipFile(io.BytesIO(wheel)) as archive:
        name = next(n for n in archive.namelist() if n.endswith(".dist-info/METADATA"))
        return HeaderParser().parsestr(archive.read(name).decode("utf8"))


def member_faults(package: ReleaseZip) -> Iterator[str]:
    """Only what runs: no tests, no documents of developers, no leftovers."""
    for name in package.names:
        if name.split("/")[0] not in ROOT_NAMES or _NEVER.search(name):
            yield f"'{name}' does not belong into a release"


def private_faults(package: ReleaseZip) -> Iterator[str]:
    """No path of the machine that made it, also not within avatars and our own wheel."""
    here = [str(path).encode() for path in (ROOT, Path.home()) if len(path.parts) > 2]
    for name, data in _all_members(package):
        found = next((text for text in here if text in data), None)
        match = _PLACE.search(data) if found is None else None
        if found or match:
            text = (found or match[0]).decode("utf8", "replace")
            yield f"'{name}' holds the path '{text}' of a machine"


def _all_members(package: ReleaseZip) -> Iterator[tuple[str, bytes]]:
    for name in package.names:
        is_ours = name.startswith("wheels/gaussian_heads_native")
        if name.endswith(".whl") and not is_ours:
            continue
        data = package.archive.read(name)
        yield name, data
        if name.endswith(".uhap") or is_ours:
            with zipfile.ZipFile(io.BytesIO(data)) as inner:
                yield from ((f"{name}/{member}", inner.read(member)) for member in inner.namelist())


def asset_faults(package: ReleaseZip, assets: Path) -> Iterator[str]:
    """Every asset of the tree, byte for byte."""
    present = set(package.names)
    for path in sorted(path for path in assets.rglob("*") if path.is_file()):
        name = f"assets/{path.relative_to(assets).as_posix()}"
        if "__pycache__" in name or path.name.startswith("."):
            continue
        if name not in present:
            yield f"'{name}' is missing"
        elif package.archive.read(name) != path.read_bytes():
            yield f"'{name}' differs from the tree's"
