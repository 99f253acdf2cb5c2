"""Avatar files that moved or changed: found again by their hash, and taken as they are now."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import bpy

from ...core.errors import AvatarError, GaussianHeadsError
from ..avatars import home_library, is_builtin, load_avatar, reference_to
from .avatars import SUFFIX
from .status import forget_status, missing_heads

SUFFIXES = (SUFFIX, ".ply")
MAX_FILES = 5000
MAX_DEPTH = 6


@dataclass(frozen=True)
class Relinked:
    """Heads that have a file again, heads still without one, and heads that may not be changed here."""

    repaired: tuple[bpy.types.Object, ...]
    missing: tuple[bpy.types.Object, ...]
    linked: tuple[bpy.types.Object, ...]


def relink(place: Path, heads: Iterable[bpy.types.Object] | None = None) -> Relinked:
    """Give `heads` (every missing one) the avatar `place`, or what is found in the folder `place`.

    Files of a folder are recognised by the hash that was stored at import, whatever they are called.
    A file that was chosen counts for all heads of its hash, and for heads that stored none if it bears
    their file's name.
    """
    wanted = list(missing_heads() if heads is None else heads)
    if not wanted:
        raise GaussianHeadsError("No avatar file is missing: there is nothing to find.")
    files = [place] if place.is_file() else list(_files_below(place))
    hashes = _Hashes()
    repaired, missing, linked = [], [], []
    for obj in wanted:
        found = next((path for path in _likely_first(files, obj) if hashes.fits(path, obj)), None)
        if found is None:
            missing.append(obj)
        elif not obj.is_editable:
            linked.append(obj)
        else:
            set_reference(obj, found)
            repaired.append(obj)
    forget_status()
    return Relinked(tuple(repaired), tuple(missing), tuple(linked))


def set_reference(obj: bpy.types.Object, path: Path) -> None:
    """Let `obj` name the avatar file `path`, relative to where its .blend (or its library) lies."""
    loaded = load_avatar(path)
    obj.gaussian_head.avatar = reference_to(path, home_library(obj))
    obj.gaussian_head.avatar_sha256 = loaded.sha256
    obj.update_tag()


def relink_sentence(result: Relinked) -> str:
    """What `relink` did, in one sentence for the user."""
    if result.linked:
        obj = result.linked[0]
        home = home_library(obj)
        return (
            f"'{obj.name}' is linked from '{Path(home.filepath).name if home else 'a library'}': find the "
            "file in that .blend, or make the head editable with Object > Library Override > Make."
        )
    if result.missing:
        names = ", ".join(f"'{obj.name}'" for obj in result.missing[:4])
        return (
            f"No file there is the avatar of {names}: choose another folder, or replace the avatar."
        )
    count = len(result.repaired)
    return f"Found the avatar of {count} head{'s' if count > 1 else ''}."


class _Hashes:
    """SHA-256 of files, each read once."""

    def __init__(self) -> None:
        self._known: dict[Path, str] = {}

    def fits(self, path: Path, obj: bpy.types.Object) -> bool:
        stored = obj.gaussian_head.avatar_sha256
        if not stored:
            return path.name == _file_name(obj)
        if path not in self._known:
            try:
                with path.open("rb") as stream:
                    self._known[path] = hashlib.file_digest(stream, "sha256").hexdigest()
            except OSError:
                self._known[path] = ""
        return self._known[path] == stored


def _file_name(obj: bpy.types.Object) -> str:
    return obj.gaussian_head.avatar.replace("\\", "/").rpartition("/")[2]


def _likely_first(files: list[Path], obj: bpy.types.Object) -> list[Path]:
    """Files of the head's own name first: seldom more than one file must be read."""
    if is_builtin(obj.gaussian_head.avatar):
        return []
    return sorted(files, key=lambda path: path.name != _file_name(obj))


def _files_below(folder: Path) -> Iterator[Path]:
    if not folder.is_dir():
        raise AvatarError(f"There is no file or folder '{folder}': choose one that is there.")
    count, depth = 0, len(folder.parts)
    for parent, folders, names in os.walk(folder):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        if len(Path(parent).parts) - depth >= MAX_DEPTH:
            folders.clear()
        for name in sorted(names):
            if name.lower().endswith(SUFFIXES):
                yield Path(parent) / name
                count += 1
                if count >= MAX_FILES:
                    return
