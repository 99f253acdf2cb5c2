"""What is known of the file behind a head, without opening it: what panels show and relinking repairs."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path

import bpy

from ...core.avatar.manifest import Manifest
from ...core.avatar.summary import read_summary
from ...core.errors import AvatarError, GaussianHeadsError, plain_text
from ..avatars import object_avatar, object_path, opened_avatar
from ..heads import is_avatar
from .avatars import SUFFIX

OK, MISSING, CHANGED, UNREADABLE = "OK", "MISSING", "CHANGED", "UNREADABLE"
# The file of a head is looked at again after this time at the latest.
REFRESH_SEC = 2.0
_MAX_KNOWN = 256


@dataclass(frozen=True)
class AvatarStatus:
    """`kind` is OK, MISSING, CHANGED or UNREADABLE; `sentence` says what is wrong and what to do.

    `manifest` is None for splat files and where the package cannot be read.
    """

    kind: str
    path: Path | None
    sentence: str = ""
    manifest: Manifest | None = None


_known: dict[tuple[str, str, str], tuple[float, AvatarStatus]] = {}


def avatar_status(obj: bpy.types.Object) -> AvatarStatus:
    """What is known of the file of `obj`; may be a moment old."""
    settings = obj.gaussian_head
    key = (obj.name_full, settings.avatar, settings.avatar_sha256)
    now_sec = time.monotonic()
    read_at_sec, status = _known.get(key, (float("-inf"), None))
    if now_sec - read_at_sec > REFRESH_SEC:
        status = _look(obj)
        while len(_known) >= _MAX_KNOWN:
            del _known[next(iter(_known))]
        _known[key] = (now_sec, status)
    return status


def forget_status() -> None:
    """Look at every file again."""
    _known.clear()


def check_heads() -> list[tuple[bpy.types.Object, AvatarStatus]]:
    """Heads of the open file whose avatar is not as it was at import, with what is wrong; opens every file."""
    forget_status()
    faults = []
    for obj in (obj for obj in bpy.data.objects if is_avatar(obj)):
        try:
            object_avatar(obj)
        except GaussianHeadsError as error:
            status = _look(obj)
            kind = status.kind if status.kind != OK else UNREADABLE
            faults.append((obj, AvatarStatus(kind, status.path, status.sentence or str(error))))
            continue
        status = avatar_status(obj)
        if status.kind != OK:
            faults.append((obj, status))
    return faults


def missing_heads() -> list[bpy.types.Object]:
    """Every head of the open file, of any scene, whose avatar file is not there now."""
    return [obj for obj in bpy.data.objects if is_avatar(obj) and _is_missing(obj)]


def _is_missing(obj: bpy.types.Object) -> bool:
    try:
        return not _is_file(object_path(obj))
    except GaussianHeadsError:
        # A relative path without a place, or a shipped avatar of another version of the add-on.
        return True


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except OSError:
        # A name longer than the system's.
        return False


def _look(obj: bpy.types.Object) -> AvatarStatus:
    try:
        path = object_path(obj)
    except GaussianHeadsError as error:
        return AvatarStatus(MISSING, None, str(error))
    if not _is_file(path):
        return AvatarStatus(
            MISSING,
            path,
            plain_text(f"The avatar file '{path.name}' is missing: find it or replace the avatar."),
        )
    opened, manifest = opened_avatar(path), None
    if path.suffix.lower() == SUFFIX:
        try:
            manifest = opened.avatar.manifest if opened else read_summary(path).manifest
        except AvatarError as error:
            return AvatarStatus(UNREADABLE, path, str(error))
    stored = obj.gaussian_head.avatar_sha256
    if opened is not None and stored and stored != opened.sha256:
        sentence = f"The avatar file '{path.name}' changed since it was imported: update the head."
        return AvatarStatus(CHANGED, path, sentence, manifest)
    return AvatarStatus(OK, path, "", manifest)
