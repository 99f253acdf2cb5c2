"""Build the extension zips, one a platform, into dist/, and validate them with Blender's own tool.

Run after fetch.py: python wheels/package.py. Needs the bpy wheel, which carries the tool.
"""

from __future__ import annotations

import importlib.util
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
DIST = ROOT / "dist"
MANIFEST = tomllib.loads((ROOT / "blender_manifest.toml").read_text("utf8"))


def main() -> int:
    """Build the native wheels and the zips; returns the exit code."""
    subprocess.run(
        [sys.executable, ROOT / "native" / "build_wheels.py", *MANIFEST["platforms"]], check=True
    )
    missing = missing_wheels()
    if missing:
        sys.stderr.write(
            f"These wheels of the manifest are missing; run wheels/fetch.py: {', '.join(missing)}\n"
        )
        return 1
    shutil.rmtree(DIST, ignore_errors=True)
    DIST.mkdir()
    tool = blender_extension_tool()
    folders = ["--source-dir", ROOT, "--output-dir", DIST]
    subprocess.run([sys.executable, tool, "build", *folders, "--split-platforms"], check=True)
    for path in sorted(DIST.glob("*.zip")):
        subprocess.run([sys.executable, tool, "validate", path], check=True)
        sys.stdout.write(f"{path.relative_to(ROOT)} {path.stat().st_size / 1e6:.1f} MB\n")
    return 0


def missing_wheels() -> list[str]:
    """Names of wheels that the manifest lists and the folder lacks."""
    return [name for name in MANIFEST["wheels"] if not (ROOT / name).is_file()]


def blender_extension_tool() -> Path:
    """The script behind `blender --command extension` in the installed bpy wheel."""
    package = Path(importlib.util.find_spec("bpy").origin).parent
    return next(package.glob("*/scripts/addons_core/bl_pkg/cli/blender_ext.py"))


if __name__ == "__main__":
    raise SystemExit(main())
