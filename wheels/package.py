"""Build a release into dist/: one zip a platform, the index of a repository, notes, licences and checksums.

Run after fetch.py: python wheels/package.py. Needs the bpy wheel, which carries Blender's own tool.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from contents import faults_of
from licences import LicenceError, read_licences, report
from lock import locked_wheels, sha256
from manifest import read_manifest
from platforms import DIST, FOLDER, MANIFEST, PLATFORMS, ROOT
from release import release_notes, versions
from zips import build_variant, build_zips, use_tool

# The wheel of the C rasteriser for the platform that the manifest in git does not list.
INTEL_NATIVE = "gaussian_heads_native-{version}-py3-none-macosx_11_0_x86_64.whl"


def main() -> int:
    """Build, check and describe; returns the exit code."""
    native = [sys.executable, ROOT / "native" / "build_wheels.py", *PLATFORMS]
    subprocess.run(native, check=True)
    manifest = read_manifest(MANIFEST)
    faults = version_faults() + missing_wheels(manifest)
    if not faults:
        faults = release(manifest["version"])
    sys.stderr.write("".join(f"package: {fault}\n" for fault in faults))
    return 1 if faults else 0


def version_faults() -> list[str]:
    """What to do where the files of the tree disagree on the version."""
    found = versions()
    if len(set(found.values())) == 1:
        return []
    listed = ", ".join(f"{version} in {file}" for file, version in found.items())
    return [f"the version is not one: {listed}"]


def missing_wheels(manifest: dict[str, object]) -> list[str]:
    """What to do about wheels that the manifest lists and the folder lacks."""
    missing = [name for name in manifest["wheels"] if not (ROOT / name).is_file()]
    return [f"run wheels/fetch.py, which brings {', '.join(missing)}"] if missing else []


def release(version: str) -> list[str]:
    """Make everything in dist/; returns the faults, in which case there is no index."""
    shutil.rmtree(DIST, ignore_errors=True)
    DIST.mkdir()
    intel = intel_wheels(version)
    zips = build_zips(DIST)
    with tempfile.TemporaryDirectory(dir=intel[0].parent, prefix=".build") as work:
        zips.append(build_variant(zips[0], "macos-x64", intel, Path(work)))
    with ThreadPoolExecutor() as pool:
        list(pool.map(lambda path: use_tool("validate", path), zips))
        faults = [fault for found in pool.map(faults_of, zips) for fault in found]
    if faults:
        return faults
    try:
        licences = report(read_licences(zips), version, ROOT)
    except LicenceError as error:
        return [str(error)]
    (DIST / "LICENCES.md").write_text(licences, "utf8")
    (DIST / "RELEASE_NOTES.md").write_text(release_notes(version), "utf8")
    use_tool("server-generate", "--repo-dir", DIST, "--html")
    write_checksums(zips)
    return []


def intel_wheels(version: str) -> list[Path]:
    """The wheels for Macs with Intel processors, which have a manifest and a folder of their own."""
    intel = PLATFORMS["macos-x64"]
    name = INTEL_NATIVE.format(version=version)
    if (FOLDER / name).is_file():
        # What lies in wheels/ goes into every other zip.
        (FOLDER / name).replace(intel.folder / name)
    return [*locked_wheels(intel.lock, intel.folder), intel.folder / name]


def write_checksums(zips: list[Path]) -> None:
    """SHA256SUMS for `sha256sum --check`, and a line for each zip on the screen."""
    listed = []
    for path in sorted(zips):
        listed.append(f"{sha256(path)}  {path.name}\n")
        sys.stdout.write(f"{path.relative_to(ROOT)} {path.stat().st_size / 1e6:.1f} MB\n")
    (DIST / "SHA256SUMS").write_text("".join(listed), "utf8")


if __name__ == "__main__":
    raise SystemExit(main())
