"""What a release is made for: one entry a zip, with its Pythons, its lock file and what Blender brings there."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

FOLDER = Path(__file__).resolve().parent
ROOT = FOLDER.parent
DIST = ROOT / "dist"
MANIFEST = ROOT / "blender_manifest.toml"

# What every Blender from 4.5 on has, and what 5.1 and later have besides. Never brought: extensions share one
# folder that Python looks into before Blender's own, so that a package there takes the place of Blender's.
BLENDER_BRINGS = frozenset(
    "certifi charset-normalizer cython idna numpy requests urllib3 zstandard".split()
    + "attrs cattrs typing-extensions".split()
)
# The numpy of the Blenders with a Python: the bounds of their `bpy` wheels.
NUMPY_OF_PYTHON = {"3.11": ("1.26.0", "1.26.4"), "3.13": ("2.2.0", "2.5.5")}


@dataclass(frozen=True)
class Platform:
    """A zip of a release."""

    tags: tuple[str, ...]  # wheel tags, oldest systems first; pip matches each exactly
    pythons: tuple[str, ...]
    lock: Path
    folder: Path  # where its wheels lie
    markers: dict[str, str]  # of PEP 508
    blender_version_max: str | None = None  # exclusive


_LOCK = FOLDER / "requirements.lock"
_BOTH = ("3.11", "3.13")

PLATFORMS = {
    "linux-x64": Platform(
        (*(f"manylinux_2_{n}_x86_64" for n in (17, 27, 28)), "manylinux2014_x86_64"),
        _BOTH,
        _LOCK,
        FOLDER,
        {"sys_platform": "linux", "platform_system": "Linux", "platform_machine": "x86_64"},
    ),
    "windows-x64": Platform(
        ("win_amd64",),
        _BOTH,
        _LOCK,
        FOLDER,
        {"sys_platform": "win32", "platform_system": "Windows", "platform_machine": "AMD64"},
    ),
    "macos-arm64": Platform(
        (
            *(f"macosx_{n}_0_arm64" for n in (11, 12, 13, 14)),
            "macosx_10_9_universal2",
            "macosx_11_0_universal2",
        ),
        _BOTH,
        _LOCK,
        FOLDER,
        {"sys_platform": "darwin", "platform_system": "Darwin", "platform_machine": "arm64"},
    ),
    # Blender 4.5 is the last for Intel Macs, and onnxruntime 1.23.2 the last with a wheel for them.
    "macos-x64": Platform(
        (
            *(f"macosx_10_{n}_x86_64" for n in range(9, 16)),
            *(f"macosx_{n}_0_x86_64" for n in (11, 12, 13)),
            "macosx_10_9_universal2",
        ),
        ("3.11",),
        FOLDER / "requirements-macos-x64.lock",
        FOLDER / "macos-x64",
        {"sys_platform": "darwin", "platform_system": "Darwin", "platform_machine": "x86_64"},
        blender_version_max="5.0.0",
    ),
}
