"""Builds the wheels of all platforms on this machine: python native/build_wheels.py [--out DIR] [TARGET ...]"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import tomllib
from pathlib import Path
from shutil import copytree, ignore_patterns

from targets import TARGETS

HERE = Path(__file__).parent


def install_tools(folder: Path) -> None:
    """Install what pyproject.toml needs to build, once for all targets: unpacking zig takes long."""
    settings = tomllib.loads((HERE / "pyproject.toml").read_text("utf8"))
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    command += ["--target", str(folder), *settings["build-system"]["requires"]]
    subprocess.run(command, check=True)


def build(target: str, tools: Path, folder: Path) -> None:
    """Build the wheel of `target` into `folder`, in a copy so that no two builds share a folder."""
    with tempfile.TemporaryDirectory() as temporary:
        source = Path(temporary) / "native"
        copytree(HERE, source, ignore=ignore_patterns("build", "*.egg-info", "__pycache__"))
        command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps"]
        command += ["--no-build-isolation", "--wheel-dir", str(folder), str(source)]
        environment = {**os.environ, "GAUSSIAN_HEADS_NATIVE_TARGET": target}
        environment["PYTHONPATH"] = str(tools)
        subprocess.run(command, check=True, env=environment)


def main() -> None:
    """Build what the command line names, everything by default."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("targets", nargs="*", metavar="TARGET", help=f"of {', '.join(TARGETS)}")
    parser.add_argument("--out", type=Path, default=HERE.parent / "wheels", metavar="DIR")
    arguments = parser.parse_args()
    unknown = set(arguments.targets) - set(TARGETS)
    if unknown:
        parser.error(
            f"unknown target {', '.join(sorted(unknown))}: choose from {', '.join(TARGETS)}"
        )
    arguments.out.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as tools:
        install_tools(Path(tools))
        for target in arguments.targets or TARGETS:
            build(target, Path(tools), arguments.out.resolve())
    for wheel in sorted(arguments.out.glob("gaussian_heads_native-*.whl")):
        sys.stdout.write(f"{wheel}  {wheel.stat().st_size} bytes\n")


if __name__ == "__main__":
    main()
