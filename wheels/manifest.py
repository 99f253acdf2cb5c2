"""The extension's manifest: the one that is in git, and those made from it for other wheels."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable
from pathlib import Path


def read_manifest(path: Path) -> dict[str, object]:
    """A manifest as a dictionary."""
    return tomllib.loads(path.read_text("utf8"))


def with_wheels(
    text: str, wheels: Iterable[Path], platform: str, *, blender_version_max: str | None = None
) -> str:
    """The text of a manifest with these wheels, for one platform alone; the end of the versions is exclusive."""
    listed = "".join(f'    "./wheels/{wheel.name}",\n' for wheel in wheels)
    text = re.sub(r"^wheels = \[.*?^\]", f"wheels = [\n{listed}]", text, flags=re.M | re.S)
    text = re.sub(r"^platforms = .*$", f'platforms = ["{platform}"]', text, flags=re.M)
    if blender_version_max is None:
        return text
    line = f'blender_version_max = "{blender_version_max}"'
    return re.sub(r"^(blender_version_min = .*)$", rf"\1\n{line}", text, flags=re.M)


def packed_manifest(manifest: dict[str, object]) -> dict[str, object]:
    """What holds of a built zip: `[build.generated]` of a split build in place of the manifest's own lists."""
    build = manifest.get("build", {})
    return {**manifest, **build.get("generated", {})}
