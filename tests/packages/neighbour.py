"""Another extension, with wheels of packages that ours brings too; what they hold is nothing but a version."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from pathlib import Path

NAME = "other_add_on"


def build_neighbour(tool: Path, folder: Path, wheels: dict[str, str]) -> Path:
    """The zip of an extension with wheels of these packages and versions, built by Blender's own tool."""
    source = folder / "source"
    (source / "wheels").mkdir(parents=True)
    names = [_wheel(source / "wheels", name, version) for name, version in wheels.items()]
    manifest = {
        "schema_version": "1.0.0",
        "id": NAME,
        "version": "1.0.0",
        "name": "Other",
        "tagline": "Brings packages of its own",
        "maintainer": "Nobody",
        "type": "add-on",
        "blender_version_min": "4.5.0",
        "license": ["SPDX:GPL-3.0-or-later"],
        "wheels": [f"./wheels/{name}" for name in names],
    }
    lines = [f"{key} = {value!r}".replace("'", '"') for key, value in manifest.items()]
    (source / "blender_manifest.toml").write_text("\n".join(lines) + "\n", "utf8")
    (source / "__init__.py").write_text(
        "def register():\n    pass\n\n\ndef unregister():\n    pass\n"
    )
    target = folder / f"{NAME}.zip"
    command = [sys.executable, tool, "build", "--source-dir", source, "--output-filepath", target]
    subprocess.run(command, check=True, capture_output=True)
    return target


def _wheel(folder: Path, name: str, version: str) -> str:
    """A wheel with one module, called as the package is in lower case; returns its file name."""
    module, info = f"{name.lower()}.py", f"{name}-{version}.dist-info"
    members = {
        module: f"__version__ = {version!r}\n",
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n",
        f"{info}/WHEEL": "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        f"{info}/RECORD": f"{module},,\n{info}/METADATA,,\n{info}/WHEEL,,\n{info}/RECORD,,\n",
    }
    file = f"{name}-{version}-py3-none-any.whl"
    with zipfile.ZipFile(folder / file, "w") as archive:
        for path, text in members.items():
            archive.writestr(path, text)
    return file
