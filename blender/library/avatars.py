"""Avatars to choose from: those that ship, those of the user's folder and those used lately."""

from __future__ import annotations

import json
import logging
import os
import time
from dataclasses import dataclass
from pathlib import Path

from ...core.assets import BUILTIN_PREFIX, builtin_avatars
from ...core.files import replace_on_success
from .. import preferences

logger = logging.getLogger(__name__)

SUFFIX = ".uhap"
RECENT_FILE = "recent_avatars.json"
MAX_RECENT = 12
# More files than anybody scrolls through; a folder that holds them is somebody's archive.
MAX_FOLDER_FILES = 500
# Folders are read again after this time at the latest, so that drawing a panel hardly ever does.
REFRESH_SEC = 5.0
# A slow drive is read after this many times what reading took, so that it never holds up the interface.
PATIENCE = 200.0


@dataclass(frozen=True)
class AvatarEntry:
    """One avatar of the list; `source` is "SHIPPED", "FOLDER" or "RECENT"."""

    reference: str
    label: str
    path: Path
    source: str
    # Another number when the file changed, so that its picture is read again.
    modified_ns: int


class _Listing:
    entries: tuple[AvatarEntry, ...] = ()
    read_at_sec = float("-inf")
    pause_sec = REFRESH_SEC


_listing = _Listing()


def library_entries() -> tuple[AvatarEntry, ...]:
    """Every avatar to choose from, the shipped ones first; folders are read now and then only."""
    now_sec = time.monotonic()
    if now_sec - _listing.read_at_sec > _listing.pause_sec:
        _listing.entries = (*_shipped(), *_of_files(_folder_files(), "FOLDER"))
        known = {entry.path for entry in _listing.entries}
        recent = [path for path in recent_avatars() if path not in known]
        _listing.entries += _of_files(recent, "RECENT")
        _listing.read_at_sec = time.monotonic()
        _listing.pause_sec = max(REFRESH_SEC, PATIENCE * (_listing.read_at_sec - now_sec))
    return _listing.entries


def forget_library() -> None:
    """Read the folders again at the next look."""
    _listing.read_at_sec = float("-inf")


def recent_avatars() -> list[Path]:
    """Avatar files used lately, the last one first; a damaged list counts as an empty one."""
    try:
        names = json.loads((preferences.user_folder() / RECENT_FILE).read_text("utf8"))
    except (OSError, ValueError, RecursionError):
        return []
    if not isinstance(names, list):
        return []
    return [Path(name) for name in names if isinstance(name, str)][:MAX_RECENT]


def remember_avatar(path: Path) -> None:
    """Put the file `path` on top of the list of recent avatars; shipped ones are always listed anyway."""
    path = Path(os.path.abspath(path))
    if path in builtin_avatars().values():
        return
    names = [str(path), *(str(other) for other in recent_avatars() if other != path)]
    try:
        with replace_on_success(preferences.user_folder() / RECENT_FILE) as temporary:
            temporary.write_text(json.dumps(names[:MAX_RECENT], indent=1) + "\n", "utf8")
    except OSError as error:
        # A list of conveniences is no reason to refuse an avatar.
        logger.warning("The list of recent avatars cannot be written: %s", error)
    forget_library()


def _shipped() -> tuple[AvatarEntry, ...]:
    return tuple(
        AvatarEntry(BUILTIN_PREFIX + name, name.replace("_", " ").title(), path, "SHIPPED", 0)
        for name, path in builtin_avatars().items()
    )


def _folder_files() -> list[Path]:
    """Avatars of the user's folder and of the folders in it, by name."""
    found: list[Path] = []
    folder = preferences.avatar_folder()
    for pattern in (f"*{SUFFIX}", f"*/*{SUFFIX}"):
        try:
            found += [path for path in folder.glob(pattern) if not path.name.startswith(".")]
        except OSError:
            # A drive that is not there now.
            return []
    return sorted(found, key=lambda path: path.name.lower())[:MAX_FOLDER_FILES]


def _of_files(paths: list[Path], source: str) -> tuple[AvatarEntry, ...]:
    entries = []
    for path in paths:
        try:
            modified_ns = path.stat().st_mtime_ns
        except OSError:
            continue
        label = path.stem.replace("_", " ").replace("-", " ").title()
        entries.append(AvatarEntry(str(path), label, path, source, modified_ns))
    return tuple(entries)
