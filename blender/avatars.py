"""References to avatars as a .blend stores them, and the opened avatars behind them."""

from __future__ import annotations

import hashlib
import os
import sys
import threading
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from stat import S_ISREG
from typing import TYPE_CHECKING

import bpy

from ..core import assets
from ..core.errors import AvatarError
from .decoding import forget_decoded
from .listeners import forgets_on_load

if TYPE_CHECKING:
    from ..core.avatar import Avatar


@dataclass(frozen=True)
class LoadedAvatar:
    """An opened avatar with the SHA-256 of the file it came from."""

    avatar: Avatar
    sha256: str


# Where a path may name another computer, which then hears who asks; tests stand in for it.
HAS_SERVER_PATHS = sys.platform == "win32" and not bpy.app.background
_trusted_servers: set[str] = set()

_cache: dict[tuple[str, int, int], LoadedAvatar] = {}
_lock = threading.Lock()


@cache
def is_builtin(reference: str) -> bool:
    """Whether `reference` names an avatar that ships with the add-on."""
    return reference.startswith(assets.BUILTIN_PREFIX)


def avatar_path(reference: str, library: bpy.types.Library | None = None) -> Path:
    """File behind `reference`: "builtin:NAME", a path, or a // path of the .blend (or of `library`)."""
    if reference.startswith("//"):
        if not bpy.data.filepath and library is None:
            raise AvatarError(
                f"The avatar '{reference}' lies beside a scene that is not saved: import it again."
            )
        reference = os.path.normpath(bpy.path.abspath(reference, library=library))
    elif HAS_SERVER_PATHS:
        _require_trusted(reference)
    return assets.avatar_path(reference)


def _require_trusted(reference: str) -> None:
    """Refuse a file on a computer that neither the .blend nor anything that the user chose lies on."""
    server = _server(reference)
    if server and server not in _trusted_servers | {_server(bpy.data.filepath)}:
        raise AvatarError(
            f"The avatar lies on the server '{server}', which this scene asks for by itself: choose the "
            "file with Find Missing Avatars if you trust it."
        )


def _server(path: str) -> str:
    """The computer in a path of Windows that begins with two slashes; empty for any other."""
    parts = path.replace("/", "\\").split("\\")
    if len(parts) < 4 or parts[0] or parts[1]:
        return ""
    # The long form: two question marks or points, then the word UNC.
    is_long = parts[2] in ("?", ".")
    return (parts[4] if is_long and len(parts) > 4 else parts[2]).lower()


def reference_to(path: Path, library: bpy.types.Library | None = None) -> str:
    """How a scene (or `library`) names the avatar file `path`: relative to where its .blend has a place.

    Whoever asks has chosen the file, so that scenes may name others on its computer for the rest of the session.
    """
    _trusted_servers.add(_server(str(path)))
    beside = bpy.path.abspath(library.filepath) if library else bpy.data.filepath
    if beside and bpy.context.preferences.filepaths.use_relative_paths:
        try:
            return bpy.path.relpath(str(path), start=os.path.dirname(beside)).replace("\\", "/")
        except ValueError:
            # Another drive on Windows has no relative path.
            return str(path)
    return str(path.absolute())


def load_avatar(path: Path) -> LoadedAvatar:
    """Open the avatar or the splats at `path`, or hand out the one opened before if the file is unchanged."""
    from ..core.importers.splat_ply import open_avatar

    try:
        stat = path.stat()
    except OSError:
        raise AvatarError(
            f"The avatar file '{path}' is missing: put it back, or choose where it is now with Find "
            "Missing Avatars in the Avatar panel."
        ) from None
    if not S_ISREG(stat.st_mode):
        raise AvatarError(f"'{path}' is no file: choose a .uhap avatar or a .ply of splats.")
    key = (str(path), stat.st_mtime_ns, stat.st_size)
    with _lock:
        if key not in _cache:
            loaded = LoadedAvatar(open_avatar(path), hashlib.sha256(path.read_bytes()).hexdigest())
            for stale in [k for k in _cache if k[0] == str(path)]:
                del _cache[stale]
            _cache[key] = loaded
        return _cache[key]


def opened_avatar(path: Path) -> LoadedAvatar | None:
    """The avatar at `path` if it is open already and its file unchanged; never opens one."""
    try:
        stat = path.stat()
    except OSError:
        return None
    with _lock:
        return _cache.get((str(path), stat.st_mtime_ns, stat.st_size))


def home_library(obj: bpy.types.Object) -> bpy.types.Library | None:
    """The library that relative paths of `obj` start at; an override keeps its library's own."""
    original = obj.original
    if original.library is None and original.override_library:
        return original.override_library.reference.library
    return original.library


def object_path(obj: bpy.types.Object) -> Path:
    """The avatar file of a proxy object (original or evaluated); it need not exist."""
    return avatar_path(obj.gaussian_head.avatar, home_library(obj))


def object_avatar(obj: bpy.types.Object) -> LoadedAvatar:
    """The avatar of a proxy object (original or evaluated)."""
    return load_avatar(object_path(obj))


@forgets_on_load
def forget_avatars() -> None:
    """Drop every opened avatar and its decoded frames; the next use opens it again."""
    with _lock:
        _cache.clear()
    forget_decoded()
