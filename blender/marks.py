"""Pictures and videos of heads say in their metadata that they are synthetic; nothing is drawn into them."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import TYPE_CHECKING

import bpy
from bpy.app.handlers import persistent

from ..core.errors import GaussianHeadsError
from .avatars import object_avatar
from .heads import is_head
from .listeners import add_listeners, remove_listeners

if TYPE_CHECKING:
    from ..core.avatar import AvatarInfo

logger = logging.getLogger(__name__)

# What the render under way has shown so far; a video is marked with all of it at its end.
_shown: dict[str, AvatarInfo] = {}


def mark_result(engine: bpy.types.RenderEngine, depsgraph: bpy.types.Depsgraph) -> None:
    """Write the fields into the picture that `engine` has just finished; PNG, JPEG and EXR keep them."""
    from ..core.synthetic import note_fields, synthetic_note

    heads = shown_heads(depsgraph)
    note = synthetic_note(heads)
    result = engine.get_result()
    if not note or result is None:
        return
    _shown.update({info.name: info for info in heads})
    for field, text in note_fields(note).items():
        result.stamp_data_add_field(field, text)


def shown_heads(depsgraph: bpy.types.Depsgraph) -> list[AvatarInfo]:
    """What the makers of all visible heads state about them."""
    shown: dict[str, AvatarInfo] = {}
    for instance in depsgraph.object_instances:
        if is_head(instance) and instance.show_self:
            obj = instance.object
            if obj.original.name_full not in shown:
                shown[obj.original.name_full] = object_avatar(obj).avatar.manifest.info
    return list(shown.values())


def scene_note(scene: bpy.types.Scene) -> str:
    """The note of a video of `scene`: all heads that are in it."""
    from ..core.synthetic import synthetic_note
    from .heads import scene_avatars

    return synthetic_note(object_avatar(obj).avatar.manifest.info for obj in scene_avatars(scene))


@persistent
def _on_begin(*_: object) -> None:
    _shown.clear()


@persistent
def _on_end(scene: bpy.types.Scene, *_: object) -> None:
    from ..core.synthetic import mark_video, synthetic_note

    heads = list(_shown.values())
    _shown.clear()
    if not heads or not scene.render.is_movie_format:
        return
    path = Path(bpy.path.abspath(scene.render.frame_path()))
    if not path.is_file():
        # A still of a scene that is set to write videos.
        return
    try:
        mark_video(path, synthetic_note(heads))
    except (GaussianHeadsError, OSError) as error:
        logger.warning("The video was written without a note that it is synthetic: %s", error)


_HANDLERS = (("render_init", _on_begin), ("render_complete", _on_end), ("render_cancel", _on_end))


def attach() -> None:
    """Start listening."""
    add_listeners(_HANDLERS)


def detach() -> None:
    """Stop listening; harmless when not attached."""
    remove_listeners(_HANDLERS)
