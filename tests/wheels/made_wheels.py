"""Wheels and a zip of a release, made up, whole and small, for tests to break."""

from __future__ import annotations

import hashlib
import io
import zipfile
from pathlib import Path

METADATA = "Metadata-Version: 2.4\nName: {name}\nVersion: {version}\n"


def wheel(name: str, version: str, *lines: str, **texts: str) -> bytes:
    """Bytes of a wheel with these lines of METADATA and further members."""
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w") as archive:
        info = f"{name}-{version}.dist-info"
        text = METADATA.format(name=name, version=version) + "".join(f"{x}\n" for x in lines)
        archive.writestr(f"{info}/METADATA", text)
        for path, content in texts.items():
            archive.writestr(f"{info}/{path}", content)
    return data.getvalue()


def sha256_of(data: bytes) -> str:
    """Hash in hexadecimal digits."""
    return hashlib.sha256(data).hexdigest()


class Release:
    """A release for Linux and one Python with two packages, `alpha` that needs `beta`, and our own wheel."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "gaussian_heads-0.1.0-linux_x64.zip"
        self.assets = folder / "assets"
        (self.assets / "avatars").mkdir(parents=True)
        (self.assets / "LICENSE").write_text("CC BY 4.0", "utf8")
        self.lock = folder / "requirements.lock"
        self.wheels = {
            "alpha-1.2-py3-none-any.whl": wheel(
                "alpha", "1.2", "Requires-Dist: beta>=2", "Requires-Dist: numpy>=1.21"
            ),
            "beta-2.5-cp311-cp311-manylinux_2_17_x86_64.whl": wheel("beta", "2.5"),
            "gaussian_heads_native-0.1.0-py3-none-manylinux_2_17_x86_64.whl": wheel(
                "gaussian-heads-native", "0.1.0"
            ),
        }
        self.named = list(self.wheels)
        self.members = {"__init__.py": b"", "core/audio.py": b"", "assets/LICENSE": b"CC BY 4.0"}
        self.top = ['version = "0.1.0"', 'platforms = ["linux-x64"]']
        self.pinned = {"alpha": "1.2", "beta": "2.5"}
        self.hashes = {name.split("-")[0]: sha256_of(data) for name, data in self.wheels.items()}

    def write(self) -> Path:
        """Write lock file and zip; returns the zip."""
        lines = [f"{n}=={v} --hash=sha256:{self.hashes[n]}\n" for n, v in self.pinned.items()]
        self.lock.write_text("# A comment\n" + "".join(lines), "utf8")
        with zipfile.ZipFile(self.path, "w") as archive:
            listed = ", ".join(f'"./wheels/{name}"' for name in self.named)
            archive.writestr(
                "blender_manifest.toml", "\n".join([*self.top, f"wheels = [{listed}]"])
            )
            for name, data in self.members.items():
                archive.writestr(name, data)
            for name, data in self.wheels.items():
                archive.writestr(f"wheels/{name}", data)
        return self.path
