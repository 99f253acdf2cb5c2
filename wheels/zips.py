"""The extension's zips, built with Blender's own tool and written anew so that the same tree gives the same bytes."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
import zipfile
from collections.abc import Iterable
from pathlib import Path

from manifest import with_wheels
from platforms import MANIFEST, PLATFORMS, ROOT

# The least that a zip can say; times of files would differ between two checkouts.
_TIME = (1980, 1, 1, 0, 0, 0)
_FILE_MODE = 0o100644 << 16
# Compressed already.
_STORED = (".whl", ".uhap", ".flac", ".png", ".jpg")


def blender_extension_tool() -> Path:
    """The script behind `blender --command extension` in the installed bpy wheel."""
    package = Path(importlib.util.find_spec("bpy").origin).parent
    return next(package.glob("*/scripts/addons_core/bl_pkg/cli/blender_ext.py"))


def use_tool(*words: str | Path) -> None:
    """Run Blender's tool; a failure raises with what it printed shown."""
    command = [sys.executable, blender_extension_tool(), *words]
    result = subprocess.run(command, capture_output=True, text=True)
    if result.returncode:
        sys.stderr.write(result.stdout + result.stderr)
        result.check_returncode()


def build_zips(folder: Path, tree: Path = ROOT) -> list[Path]:
    """One zip for each platform of the tree's manifest, in `folder`."""
    places = ["--source-dir", tree, "--output-dir", folder]
    use_tool("build", *places, "--split-platforms")
    paths = sorted(folder.glob("*.zip"))
    for path in paths:
        rewrite(path)
    return paths


def build_variant(pattern: Path, platform: str, wheels: Iterable[Path], work: Path) -> Path:
    """A zip of what `pattern` holds, for another platform with these wheels; lies beside it."""
    source, wheels = work / "source", sorted(wheels)
    with zipfile.ZipFile(pattern) as archive:
        members = [name for name in archive.namelist() if not name.startswith("wheels/")]
        archive.extractall(source, members)
    (source / "wheels").mkdir()
    for wheel in wheels:
        (source / "wheels" / wheel.name).hardlink_to(wheel)
    text = with_wheels(
        MANIFEST.read_text("utf8"),
        wheels,
        platform,
        blender_version_max=PLATFORMS[platform].blender_version_max,
    )
    (source / MANIFEST.name).write_text(text, "utf8")
    start = "-".join(pattern.name.split("-")[:2])
    target = pattern.with_name(f"{start}-{platform.replace('-', '_')}.zip")
    use_tool("build", "--source-dir", source, "--output-filepath", target)
    rewrite(target)
    return target


def rewrite(path: Path) -> None:
    """Write a zip anew with its members in order, without times and modes of this machine."""
    target = path.with_suffix(".new")
    with zipfile.ZipFile(path) as old, zipfile.ZipFile(target, "w") as new:
        for name in sorted(name for name in old.namelist() if not name.endswith("/")):
            member = zipfile.ZipInfo(name, _TIME)
            member.create_system, member.external_attr = 3, _FILE_MODE
            member.compress_type = zipfile.ZIP_DEFLATED
            if name.endswith(_STORED):
                member.compress_type = zipfile.ZIP_STORED
            new.writestr(member, old.read(name))
    target.replace(path)
