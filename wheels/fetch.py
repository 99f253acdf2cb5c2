"""Fetch the wheels of every platform by the hashes of the lock files; what is there already is left alone.

Run: python wheels/fetch.py [--platform linux-x64 ...]
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from lock import locked_wheels, read_lock
from packaging.utils import parse_wheel_filename
from platforms import PLATFORMS, Platform

PARALLEL = 4


def main() -> int:
    """Fetch for the named platforms, all of them by default; returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--platform", choices=PLATFORMS, action="append", help="may be repeated")
    names = parser.parse_args().platform or list(PLATFORMS)
    jobs = [
        (name, python)
        for name in names
        for python in PLATFORMS[name].pythons
        if missing(PLATFORMS[name], python)
    ]
    with ThreadPoolExecutor(PARALLEL) as pool:
        failures = [words for words in pool.map(lambda job: fetch(*job), jobs) if words]
    sys.stderr.write("".join(failures))
    return 1 if failures else 0


def missing(platform: Platform, python: str) -> list[str]:
    """Names of the locked packages that no wheel in its folder serves on this platform and Python."""
    present = {
        parse_wheel_filename(path.name)[0]
        for path in locked_wheels(platform.lock, platform.folder)
        if serves(path.name, platform, python)
    }
    return [name for name in read_lock(platform.lock) if name not in present]


def serves(wheel: str, platform: Platform, python: str) -> bool:
    """Whether a wheel of this file name installs on the platform and Python ("3.11")."""
    return any(
        _fits_python(tag.interpreter, tag.abi, python) and tag.platform in ("any", *platform.tags)
        for tag in parse_wheel_filename(wheel)[3]
    )


def _fits_python(interpreter: str, abi: str, python: str) -> bool:
    digits = python.replace(".", "")
    if interpreter in ("py3", f"py{digits}", f"cp{digits}"):
        return abi in ("none", "abi3", f"cp{digits}")
    return abi == "abi3" and int(interpreter.removeprefix("cp3")) <= int(digits[1:])


def fetch(name: str, python: str) -> str:
    """Download every locked wheel of one platform and Python; returns what went wrong, or nothing."""
    platform = PLATFORMS[name]
    tags = [argument for tag in platform.tags for argument in ("--platform", tag)]
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check"]
    command += ["--only-binary=:all:", "--no-deps", "--require-hashes", "--implementation", "cp"]
    command += ["--python-version", python, *tags, "--requirement", str(platform.lock)]
    platform.folder.mkdir(exist_ok=True)
    # In a folder of its own: two runs may bring the same wheel. Beside the target, so that moving is renaming.
    with tempfile.TemporaryDirectory(dir=platform.folder, prefix=".fetch") as folder:
        result = subprocess.run([*command, "--dest", folder], capture_output=True, text=True)
        if result.returncode:
            return f"wheels: {name}, Python {python}: {result.stderr.strip()[-2000:]}\n"
        wheels = sorted(Path(folder).iterdir())
        for wheel in wheels:
            os.replace(wheel, platform.folder / wheel.name)
    sys.stdout.write(f"wheels: {name}, Python {python}: {len(wheels)} fetched\n")
    sys.stdout.flush()
    return ""


if __name__ == "__main__":
    raise SystemExit(main())
