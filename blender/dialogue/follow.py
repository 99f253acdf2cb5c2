"""Keys that follow by themselves: when a strip is moved, and when manner, timing, seed or direction change.

Following converges: what is remembered with the keys is compared with the strip, whatever happened between. An
undo that brings back the strip but not the keys is therefore followed too.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import bpy
from bpy.app.handlers import persistent

from ...core.errors import GaussianHeadsError, TimingError
from ..listeners import add_listeners, remove_listeners
from ..render_jobs import is_rendering
from ..strips import placement, strip_timing
from .properties import STYLE_LISTENERS
from .state import LineState, line_status

if TYPE_CHECKING:
    from .records import KeyedRecord

# Keys follow once a strip was left alone for so long, so that dragging it stays smooth.
SETTLE_SEC = 0.15
# Dialogues of a speaker up to this long are keyed anew while a slider is dragged.
LIVE_SEC = 60.0

_is_busy = False


def follow_strips(scene: bpy.types.Scene) -> int:
    """Bring the keys of lines that follow to where their strips are; returns how many lines moved.

    Strips that were duplicated become lines of their own.
    """
    from .lines import adopt_duplicates
    from .scene import follow_lines

    global _is_busy
    if _is_busy or is_rendering() or not scene.is_editable:
        return 0
    _is_busy = True
    try:
        moved, has_copies = _look(scene)
        if has_copies:
            adopt_duplicates(scene)
        return follow_lines(scene, moved) if moved else 0
    finally:
        _is_busy = False


def moved_lines(scene: bpy.types.Scene) -> list[str]:
    """The ids of lines that follow and whose strips were moved as a whole since they were keyed; cheap."""
    return _look(scene)[0]


def _look(scene: bpy.types.Scene) -> tuple[list[str], bool]:
    """`moved_lines`, and whether two strips carry the id of one line, in one walk through the strips."""
    from .keys import find_keyed
    from .lines import line_ids

    speakers = {line.line_id: line.speaker for line in scene.gaussian_heads.lines if line.follow}
    editor = scene.sequence_editor
    moved: list[str] = []
    seen: set[str] = set()
    num_carried = 0
    for strip in editor.strips_all if editor is not None else ():
        if strip.type != "SOUND":
            continue
        for line_id in line_ids(strip):
            num_carried += 1
            seen.add(line_id)
            keyed = find_keyed(speakers[line_id], line_id) if line_id in speakers else None
            if keyed is not None and _is_moved(scene, strip, keyed.record):
                moved.append(line_id)
    return moved, num_carried > len(seen)


def _is_moved(scene: bpy.types.Scene, strip: bpy.types.Strip, record: KeyedRecord) -> bool:
    if strip_timing(strip)[0] == record.content_start_frame:
        return False
    try:
        return bool(record.shift_to(placement(scene, strip)))
    except TimingError:
        return False


def update_live(obj: bpy.types.Object) -> int:
    """Key short dialogues of `obj` anew with its settings as they are now; returns how many lines."""
    from ..jobs import running_job

    global _is_busy
    if _is_busy or is_rendering() or obj.is_evaluated or running_job(obj) is not None:
        return 0
    _is_busy = True
    try:
        return sum(_updated(scene, obj) for scene in bpy.data.scenes)
    finally:
        _is_busy = False


def _updated(scene: bpy.types.Scene, obj: bpy.types.Object) -> int:
    from .keys import find_keyed
    from .lines import lines_of
    from .scene import update_lines

    if not scene.gaussian_heads.live_update:
        return 0
    lines = list(lines_of(scene, obj))
    if not lines or not scene.is_editable or not obj.is_editable:
        return 0
    keyed = [find_keyed(obj, line.line_id) for line in lines]
    seconds = sum(each.record.placement.duration_sec for each in keyed if each is not None)
    if not 0 < seconds <= LIVE_SEC:
        return 0
    stale = [line for line in lines if line_status(scene, line).state is LineState.SETTINGS]
    return update_lines(scene, stale).num_keyed if stale else 0


def _follow_all() -> None:
    for scene in bpy.data.scenes:
        if len(scene.gaussian_heads.lines):
            try:
                follow_strips(scene)
            except GaussianHeadsError:
                # The badge of the line says what is left to do.
                continue


def _needs_following() -> bool:
    return any(
        any(_look(scene))
        for scene in bpy.data.scenes
        if len(scene.gaussian_heads.lines) and scene.is_editable
    )


@persistent
def _on_change(*_: object) -> None:
    if _is_busy or is_rendering() or not _needs_following():
        return
    if bpy.app.background:
        _follow_all()
        return
    if bpy.app.timers.is_registered(_follow_all):
        bpy.app.timers.unregister(_follow_all)
    bpy.app.timers.register(_follow_all, first_interval=SETTLE_SEC)


_HANDLERS = (
    ("depsgraph_update_post", _on_change),
    ("undo_post", _on_change),
    ("redo_post", _on_change),
)


def attach() -> None:
    """Start following strips and settings."""
    add_listeners(_HANDLERS)
    STYLE_LISTENERS.append(update_live)


def detach() -> None:
    """Stop following; harmless when not attached."""
    remove_listeners(_HANDLERS)
    STYLE_LISTENERS.clear()
    if bpy.app.timers.is_registered(_follow_all):
        bpy.app.timers.unregister(_follow_all)
