"""Portraits of avatars as icons: read from the packages a few at a time, never while a panel draws."""

from __future__ import annotations

import hashlib
import time
from pathlib import Path

import bpy

from ...core.avatar.summary import read_summary
from ...core.errors import AvatarError
from ..listeners import stops_with_add_on
from .avatars import AvatarEntry

# A timer reads portraits for so long at once; one takes about a millisecond.
BUDGET_SEC = 0.004
PAUSE_SEC = 0.02
_Key = tuple[Path, int]

_icons: dict[_Key, int] = {}
_waiting: list[_Key] = []
_previews: list[bpy.utils.previews.ImagePreviewCollection] = []


def icon_id(entry: AvatarEntry) -> int:
    """The icon of an avatar's portrait; 0 while it is not read yet, and where there is none."""
    key = (entry.path, entry.modified_ns)
    if key not in _icons and key not in _waiting:
        _waiting.append(key)
        if not bpy.app.timers.is_registered(read_waiting):
            bpy.app.timers.register(read_waiting, first_interval=PAUSE_SEC)
    return _icons.get(key, 0)


def read_waiting() -> float | None:
    """Read portraits that were asked for; called by a timer until none is left."""
    end_sec = time.monotonic() + BUDGET_SEC
    while _waiting and time.monotonic() < end_sec:
        key = _waiting.pop(0)
        _icons[key] = _read_icon(*key)
    _redraw()
    return PAUSE_SEC if _waiting else None


@stops_with_add_on
def forget_thumbnails() -> None:
    """Let go of every icon; harmless when there is none."""
    _icons.clear()
    _waiting.clear()
    if bpy.app.timers.is_registered(read_waiting):
        bpy.app.timers.unregister(read_waiting)
    if _previews:
        from bpy.utils import previews

        previews.remove(_previews.pop())


def _read_icon(path: Path, modified_ns: int) -> int:
    try:
        portrait = read_summary(path).thumbnail
    except AvatarError:
        # Choosing it says what is wrong with it.
        return 0
    if portrait is None:
        return 0
    if not _previews:
        from bpy.utils import previews

        _previews.append(previews.new())
    # Blender reads icons from files, when they are first shown.
    name = hashlib.sha256(f"{path} {modified_ns}".encode()).hexdigest()[:24]
    file = Path(bpy.app.tempdir) / f"gaussian_heads_{name}.png"
    file.write_bytes(portrait)
    return _previews[0].load(name, str(file), "IMAGE").icon_id


def _redraw() -> None:
    for window in bpy.context.window_manager.windows:
        for area in window.screen.areas:
            if area.type == "VIEW_3D":
                area.tag_redraw()
