"""What happens when files are loaded and saved: caches dropped, avatar paths kept relative."""

from __future__ import annotations

import os
from pathlib import Path

import bpy
from bpy.app.handlers import persistent

from .avatars import is_builtin
from .listeners import add_listeners, forget_last_file, remove_listeners
from .properties import apply_decoded_memory

_before_copy: dict[str, str] = {}


@persistent
def _on_load(*_: object) -> None:
    forget_last_file()
    if bpy.context.scene is not None:
        apply_decoded_memory(bpy.context.scene.gaussian_heads)


@persistent
def _on_save(path: str, *_: object) -> None:
    """Write avatar paths relative to where the file goes, as Blender does with its own paths."""
    _before_copy.clear()
    if not path or not bpy.context.preferences.filepaths.use_relative_paths:
        return
    for obj in _local_avatars():
        reference = obj.gaussian_head.avatar
        relative = _relative_to(Path(bpy.path.abspath(reference)), Path(path).parent)
        if relative != reference:
            _before_copy[obj.name_full] = reference
            obj.gaussian_head.avatar = relative


@persistent
def _on_saved(path: str, *_: object) -> None:
    """After a copy was saved, the open file keeps the paths that fit its own place."""
    if bpy.data.filepath != path:
        for obj in _local_avatars():
            obj.gaussian_head.avatar = _before_copy.get(obj.name_full, obj.gaussian_head.avatar)
    _before_copy.clear()


def _local_avatars() -> list[bpy.types.Object]:
    return [
        obj
        for obj in bpy.data.objects
        if obj.library is None
        and obj.override_library is None
        and obj.gaussian_head.avatar
        and not is_builtin(obj.gaussian_head.avatar)
    ]


def _relative_to(path: Path, folder: Path) -> str:
    try:
        return "//" + Path(os.path.relpath(path, folder)).as_posix()
    except ValueError:
        # Another drive on Windows has no relative path.
        return str(path)


_HANDLERS = (("load_post", _on_load), ("save_pre", _on_save), ("save_post", _on_saved))


def attach() -> None:
    """Start listening."""
    add_listeners(_HANDLERS)


def detach() -> None:
    """Stop listening; harmless when not attached."""
    remove_listeners(_HANDLERS)
