"""The lock files: which version of each package a release brings, and the hashes of its wheels."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from pathlib import Path

from packaging.utils import canonicalize_name

NATIVE = "gaussian-heads-native"
_PINNED = re.compile(r"([A-Za-z0-9._-]+)==(\S+)")
_HASH = re.compile(r"--hash=sha256:([0-9a-f]{64})")


@dataclass(frozen=True)
class LockedPackage:
    """One package of a lock file."""

    name: str  # canonical
    version: str
    hashes: frozenset[str]


def read_lock(path: Path) -> dict[str, LockedPackage]:
    """The packages of a lock file by canonical name; a line without a pin or a hash is refused."""
    packages = {}
    text = re.sub(r"^#.*$", "", path.read_text("utf8"), flags=re.M).replace("\\\n", " ")
    for line in filter(None, map(str.strip, text.splitlines())):
        pinned, hashes = _PINNED.match(line), frozenset(_HASH.findall(line))
        if pinned is None or not hashes:
            raise ValueError(f"{path.name}: '{line[:60]}' has no version or no hash")
        name = canonicalize_name(pinned[1])
        packages[name] = LockedPackage(name, pinned[2], hashes)
    return packages


def locked_wheels(lock: Path, folder: Path) -> list[Path]:
    """The wheels in `folder` whose bytes are in the lock file."""
    hashes = frozenset().union(*(package.hashes for package in read_lock(lock).values()))
    return [path for path in sorted(folder.glob("*.whl")) if sha256(path) in hashes]


def sha256(path: Path) -> str:
    """Hash of a file, in hexadecimal digits."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
