"""Fetch the wheels that `blender_manifest.toml` names, by the hashes of `requirements.lock`.

Run: python wheels/fetch.py [--platform linux-x64 ...]
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from pathlib import Path

FOLDER = Path(__file__).resolve().parent
PYTHONS = ("311", "313")
# Oldest systems first; pip matches each tag exactly.
TAGS = {
    "linux-x64": [f"manylinux_2_{n}_x86_64" for n in (17, 27, 28)] + ["manylinux2014_x86_64"],
    "windows-x64": ["win_amd64"],
    "macos-arm64": [f"macosx_{n}_0_arm64" for n in (11, 12, 13, 14)]
    + ["macosx_10_9_universal2", "macosx_11_0_universal2"],
}


def main() -> int:
    """Fetch for the named platforms, all of them by default."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--platform", choices=TAGS, action="append", help="may be repeated")
    for platform in parser.parse_args().platform or TAGS:
        for python in PYTHONS:
            fetch(platform, python)
    return 0


def fetch(platform: str, python: str) -> None:
    """Download every locked wheel for one platform and Python; a wrong hash stops it."""
    tags = [argument for tag in TAGS[platform] for argument in ("--platform", tag)]
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check"]
    command += ["--only-binary=:all:", "--no-deps", "--require-hashes", "--implementation", "cp"]
    command += ["--python-version", python, *tags, "--dest", str(FOLDER)]
    sys.stdout.write(f"wheels: {platform}, Python {python[0]}.{python[1:]}\n")
    sys.stdout.flush()
    subprocess.run([*command, "--requirement", str(FOLDER / "requirements.lock")], check=True)


if __name__ == "__main__":
    raise SystemExit(main())
