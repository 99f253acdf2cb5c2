"""The version of a release, which stands in five files and must be one, and what the changelog says of it."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

from platforms import ROOT

UNRELEASED = "Unreleased"


def versions(tree: Path = ROOT) -> dict[str, str]:
    """The version that each file states, by file; the changelog's only where its newest section is a release."""
    native = tree / "native" / "gaussian_heads_native" / "__init__.py"
    found = {
        "blender_manifest.toml": _toml(tree / "blender_manifest.toml")["version"],
        "pyproject.toml": _toml(tree / "pyproject.toml")["project"]["version"],
        "native/pyproject.toml": _toml(tree / "native" / "pyproject.toml")["project"]["version"],
        "native/gaussian_heads_native": re.search(
            r'^__version__ = "(.+)"$', native.read_text("utf8"), flags=re.M
        )[1],
    }
    newest = next(iter(sections(tree)))
    return found if newest == UNRELEASED else {**found, "CHANGELOG.md": newest}


def sections(tree: Path = ROOT) -> dict[str, str]:
    """The sections of the changelog by version, newest first."""
    text = (tree / "CHANGELOG.md").read_text("utf8")
    parts = re.split(r"^## \[([^\]]+)\].*\n", text, flags=re.M)[1:]
    return {version: body.strip() for version, body in zip(parts[::2], parts[1::2], strict=True)}


def release_notes(version: str, tree: Path = ROOT) -> str:
    """What the changelog says of a version; of what is not released yet where it has no section."""
    found = sections(tree)
    title = version if version in found else UNRELEASED
    if title not in found:
        raise ValueError(f"CHANGELOG.md has no section [{version}]: write what changed")
    return f"# Gaussian Heads {version}\n\n{found[title]}\n"


def _toml(path: Path) -> dict[str, object]:
    return tomllib.loads(path.read_text("utf8"))
