"""Builds the wheels of all platforms on this machine: python native/build_wheels.py [--out DIR] [TARGET ...]"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import tomllib
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from targets import TARGETS

HERE = Path(__file__).parent
EARLIEST_ZIP_TIME_SEC = "315532800"  # 1 January 1980


def install_tools(folder: Path) -> Path:
    """Install what pyproject.toml needs to build, once: unpacking zig takes long, and it keeps what it compiled."""
    wanted = tomllib.loads((HERE / "pyproject.toml").read_text("utf8"))["build-system"]["requires"]
    stamp = folder / "ready"
    if not stamp.is_file() or stamp.read_text("utf8") != " ".join(wanted):
        shutil.rmtree(folder, ignore_errors=True)
        command = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
        subprocess.run([*command, "--target", str(folder), *wanted], check=True)
        stamp.write_text(" ".join(wanted), "utf8")
    return folder


def build(target: str, tools: Path, folder: Path) -> None:
    """Build the wheel of `target` into `folder`, in a copy so that no two builds share a folder."""
    with tempfile.TemporaryDirectory() as temporary:
        source = Path(temporary) / "native"
        ignored = shutil.ignore_patterns("build", "*.egg-info", "__pycache__")
        shutil.copytree(HERE, source, ignore=ignored)
        command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps"]
        command += ["--no-build-isolation", "--wheel-dir", str(folder), str(source)]
        environment = {**os.environ, "GAUSSIAN_HEADS_NATIVE_TARGET": target}
        # The wheel's members bear this time, so that the same sources give the same bytes.
        environment |= {"PYTHONPATH": str(tools), "SOURCE_DATE_EPOCH": EARLIEST_ZIP_TIME_SEC}
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
    tools, folder = install_tools(HERE.parent / "build" / "tools"), arguments.out.resolve()
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        list(pool.map(lambda target: build(target, tools, folder), arguments.targets or TARGETS))
    for wheel in sorted(arguments.out.glob("gaussian_heads_native-*.whl")):
        sys.stdout.write(f"{wheel}  {wheel.stat().st_size} bytes\n")


if __name__ == "__main__":
    main()
