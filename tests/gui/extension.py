"""The extension's zip for the Blender at hand, with wheels for its Python, as `make package` makes it."""

from __future__ import annotations

import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

from .window import PACKAGE, ROOT, RealBlender

KEPT_WHEELS = ROOT / "build" / "gui_wheels"
PLATFORM = "linux-x64"
# What the wheel of the C rasteriser is made of.
NATIVE_SOURCES = ("*.py", "*.toml", "src/*", "gaussian_heads_native/*.py")


class NoPackage(Exception):
    """Something that the zip is made of cannot be had here; no fault of the add-on."""


def build_zip(blender: RealBlender, folder: Path, tree: Path = ROOT) -> Path:
    """Build the zip of `tree` into `folder`; wheels that are fetched are kept in build/."""
    version = blender.python("'%d%d' % sys.version_info[:2]")
    source = folder / "source"
    (source / "wheels").mkdir(parents=True)
    for name in (*PACKAGE, "training"):
        place = tree / name
        if place.is_dir():
            shutil.copytree(place, source / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(place, source / name)
    wheels = _wheels(version)
    for wheel in wheels:
        shutil.copy(wheel, source / "wheels")
    manifest = source / "blender_manifest.toml"
    sys.path.insert(0, str(ROOT / "wheels"))
    try:
        from manifest import with_wheels
        from zips import blender_extension_tool
    finally:
        sys.path.remove(str(ROOT / "wheels"))
    manifest.write_text(with_wheels(manifest.read_text("utf8"), wheels, PLATFORM), "utf8")
    tool = blender_extension_tool()
    target = folder / "gaussian_heads.zip"
    command = [sys.executable, tool, "build", "--source-dir", source, "--output-filepath", target]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    subprocess.run(
        [sys.executable, tool, "validate", target], check=True, stdout=subprocess.DEVNULL
    )
    shutil.rmtree(source)
    return target


def _wheels(version: str) -> list[Path]:
    """The wheels of the manifest for Linux and this Python ("314"), fetched once."""
    manifest = tomllib.loads((ROOT / "blender_manifest.toml").read_text("utf8"))
    pinned = {tuple(Path(name).name.split("-")[:2]) for name in manifest["wheels"]}
    folder = KEPT_WHEELS / version
    native = _native_wheel()
    wanted = sorted(pair for pair in pinned if not native.name.startswith(pair[0]))
    missing = [pair for pair in wanted if not _kept(folder, *pair)]
    if missing:
        words = [f"{name}=={number}" for name, number in missing]
        _fetch(folder, version, words)
    return [_kept(folder, *pair) for pair in wanted] + [native]


def _kept(folder: Path, name: str, number: str) -> Path | None:
    return next(folder.glob(f"{name}-{number}-*.whl"), None)


def _fetch(folder: Path, version: str, words: list[str]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    tags = [f"manylinux_2_{number}_x86_64" for number in (17, 27, 28)] + ["manylinux2014_x86_64"]
    platforms = [word for tag in tags for word in ("--platform", tag)]
    command = [sys.executable, "-m", "pip", "download", "-q", "--no-deps", "--only-binary=:all:"]
    command += [
        "--disable-pip-version-check",
        "--implementation",
        "cp",
        "--python-version",
        version,
    ]
    run = subprocess.run(
        [*command, *platforms, "-d", folder, *words], capture_output=True, text=True
    )
    if run.returncode:
        raise NoPackage(
            f"Wheels for Python {version} cannot be fetched: {run.stderr.strip()[-300:]}"
        )


def _native_wheel() -> Path:
    """The C rasteriser's wheel, built anew where a source is newer."""
    sources = (path for name in NATIVE_SOURCES for path in (ROOT / "native").glob(name))
    changed_ns = max(path.stat().st_mtime_ns for path in sources)
    pattern = "gaussian_heads_native-*manylinux*.whl"
    made = next((ROOT / "wheels").glob(pattern), None)
    if made is None or made.stat().st_mtime_ns < changed_ns:
        build = [sys.executable, ROOT / "native" / "build_wheels.py", PLATFORM]
        subprocess.run(build, check=True, stdout=subprocess.DEVNULL)
        made = next((ROOT / "wheels").glob(pattern))
    return made
